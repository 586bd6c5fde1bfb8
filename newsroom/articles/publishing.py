"""Put articles in the newspaper, and keep their discussions in step with them."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from comments import discussions
from comments.models import Discussion
from newsroom.articles.importing import ImportedArticle, NotAnArticle
from newsroom.articles.models import Article


def sync_discussion(article: Article) -> None:
    """Tell the comment system what ``article`` is called, where it is and who may write under it."""
    if article.has_comments:
        discussions.for_object(
            article,
            title=article.headline,
            url=article.get_absolute_url(),
            section=article.section,
            form=article.comment_form,
            mode=article.comment_mode,
            question=article.question,
        )
        return
    # A page that shows no comments must not leave another door open for them.
    for discussion in Discussion.objects.filter(key=discussions.key_for(article)):
        if discussion.mode != Discussion.Mode.CLOSED:
            discussions.close(discussion)


@transaction.atomic
def keep(imported: ImportedArticle, *, publish: bool = False) -> tuple[Article, bool]:
    """
    Save ``imported`` and return its article and whether it is new.

    The same file, headline or named slug updates the article it made before; what the file does not say stays as the
    editors left it. A draft stays a draft unless ``publish`` is true or the file gives a time. Raise ``NotAnArticle``
    when the slug belongs to a different article.
    """
    article = Article.objects.select_for_update().filter(slug=imported.slug).first()
    is_new = article is None
    if article is None:
        article = Article(slug=imported.slug)
    elif not _made(article, imported):
        raise NotAnArticle(
            _("The address “%(slug)s” belongs to another article, “%(headline)s”. Name a different one with --slug.")
            % {"slug": article.slug, "headline": article.headline}
        )
    article.headline = imported.headline
    article.body = imported.body
    article.imported_from = imported.file_name[-255:]
    for field in ("standfirst", "byline", "byline_role", "section", "question", "comment_mode", "published_at"):
        if value := getattr(imported, field):
            setattr(article, field, value)
    if publish and not article.is_published:
        article.published_at = timezone.now()
    article.save()
    sync_discussion(article)
    return article, is_new


def _made(article: Article, imported: ImportedArticle) -> bool:
    """Say whether ``article`` came from ``imported`` or an earlier version of it."""
    return bool(article.imported_from) and (
        imported.slug_is_given or article.imported_from == imported.file_name or article.headline == imported.headline
    )
