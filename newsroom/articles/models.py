"""What the newspaper prints: one model, ``Article``."""

from __future__ import annotations

import re
from html import unescape
from pathlib import PurePath
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.validators import FileExtensionValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.translation import gettext_lazy as _

PICTURE_SIGNATURES = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpg": (b"\xff\xd8\xff",),
    "jpeg": (b"\xff\xd8\xff",),
    "webp": (b"RIFF",),
}


def validate_picture(picture: File[bytes]) -> None:
    """Raise ``ValidationError`` unless the file begins as a picture with its extension does."""
    signatures = PICTURE_SIGNATURES.get(PurePath(picture.name or "").suffix.lstrip(".").lower(), ())
    beginning = picture.read(12)
    picture.seek(0)
    if not beginning.startswith(signatures) or (beginning[:4] == b"RIFF" and beginning[8:] != b"WEBP"):
        raise ValidationError(_("This file is not a PNG, JPEG or WebP picture."), code="not_a_picture")


class Section(models.TextChoices):
    NEWS = "news", _("News")
    WORLD = "world", _("World")
    CITY = "city", _("City")
    BUSINESS = "business", _("Business")
    CULTURE = "culture", _("Culture")
    SPORT = "sport", _("Sport")
    OPINION = "opinion", _("Opinion")


class CommentMode(models.TextChoices):
    OPEN = "open", _("Open: comments are screened and then published")
    PREMODERATED = "premoderated", _("Premoderated: an editor reads every comment first")
    CLOSED = "closed", _("Closed: what was published can be read, nothing can be added")
    NONE = "none", _("None: the article has no comment section")


class CommentForm(models.TextChoices):
    COMMENTS = "comments", _("Comments")
    QUESTIONS = "qa", _("Questions and answers: readers ask, experts answer")


class ArticleQuerySet(models.QuerySet["Article"]):
    def published(self) -> ArticleQuerySet:
        """Return what readers may see now, the newest first."""
        return self.filter(published_at__lte=timezone.now()).order_by("-published_at", "-pk")

    def before(self, article: Article) -> ArticleQuerySet:
        """Return what was published before ``article``; articles of the same moment are ordered by key."""
        return self.filter(
            Q(published_at__lt=article.published_at) | Q(published_at=article.published_at, pk__lt=article.pk)
        )


class Article(models.Model):
    """A story in the newspaper. It is a draft until ``published_at`` is set and has passed."""

    slug = models.SlugField(
        _("slug"), max_length=80, unique=True, help_text=_("Part of the address. Changing it breaks links.")
    )
    headline = models.CharField(_("headline"), max_length=200)
    standfirst = models.TextField(_("standfirst"), blank=True, help_text=_("One or two sentences under the headline."))
    body = models.TextField(
        _("body"),
        help_text=_("HTML: paragraphs, h2, h3, lists, quotations, links. Anything else is taken out when it is saved."),
    )
    section = models.SlugField(_("section"), max_length=20, choices=Section.choices, default=Section.NEWS)
    byline = models.CharField(_("byline"), max_length=120, blank=True, help_text=_("Who wrote it."))
    byline_role = models.CharField(_("role"), max_length=120, blank=True, help_text=_("Such as: Transport reporter."))
    picture = models.FileField(
        _("picture"),
        upload_to="articles/%Y/%m/",
        blank=True,
        validators=[FileExtensionValidator(list(PICTURE_SIGNATURES)), validate_picture],
        help_text=_("PNG, JPEG or WebP."),
    )
    picture_alt = models.CharField(
        _("description of the picture"),
        max_length=250,
        blank=True,
        help_text=_("Said to readers who cannot see the picture."),
    )
    picture_credit = models.CharField(_("picture credit"), max_length=120, blank=True)
    question = models.CharField(
        _("question of the day"), max_length=200, blank=True, help_text=_("Asked above the comments.")
    )
    comment_form = models.CharField(
        _("form of the comments"),
        max_length=8,
        choices=CommentForm.choices,
        default=CommentForm.COMMENTS,
        db_default=CommentForm.COMMENTS.value,
    )
    comment_mode = models.CharField(_("comments"), max_length=16, choices=CommentMode.choices, default=CommentMode.OPEN)
    published_at = models.DateTimeField(
        _("published at"), null=True, blank=True, help_text=_("Empty is a draft; a time to come is a plan.")
    )
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)
    imported_from = models.CharField(
        _("imported from"),
        max_length=255,
        blank=True,
        editable=False,
        help_text=_("Name of the file it came from; empty when it was written here."),
    )

    objects: ClassVar[models.Manager[Article]] = ArticleQuerySet.as_manager()

    class Meta:
        verbose_name = _("article")
        verbose_name_plural = _("articles")
        ordering = ("-published_at", "-pk")
        indexes = (models.Index(fields=["published_at"], name="articles_published_at"),)

    def __str__(self) -> str:
        return self.headline

    def get_absolute_url(self) -> str:
        return reverse("articles:article", args=[self.slug])

    @property
    def is_published(self) -> bool:
        return self.published_at is not None and self.published_at <= timezone.now()

    @property
    def opening(self) -> str:
        """Return the words of the first paragraph."""
        paragraph = re.search(r"<p>(.*?)</p>", self.body, re.DOTALL)
        return unescape(strip_tags(paragraph[1])) if paragraph else ""

    @property
    def has_comments(self) -> bool:
        return self.comment_mode != CommentMode.NONE
