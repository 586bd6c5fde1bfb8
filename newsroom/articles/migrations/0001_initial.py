import django.core.validators
from django.db import migrations, models

import newsroom.articles.models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Article",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "slug",
                    models.SlugField(
                        help_text="Part of the address. Changing it breaks links.",
                        max_length=80,
                        unique=True,
                        verbose_name="slug",
                    ),
                ),
                ("headline", models.CharField(max_length=200, verbose_name="headline")),
                (
                    "standfirst",
                    models.TextField(
                        blank=True, help_text="One or two sentences under the headline.", verbose_name="standfirst"
                    ),
                ),
                (
                    "body",
                    models.TextField(
                        help_text="HTML: paragraphs, h2, h3, lists, quotations, links. Anything else is taken out when it is saved.",
                        verbose_name="body",
                    ),
                ),
                (
                    "section",
                    models.SlugField(
                        choices=[
                            ("news", "News"),
                            ("world", "World"),
                            ("city", "City"),
                            ("business", "Business"),
                            ("culture", "Culture"),
                            ("sport", "Sport"),
                            ("opinion", "Opinion"),
                        ],
                        default="news",
                        max_length=20,
                        verbose_name="section",
                    ),
                ),
                (
                    "byline",
                    models.CharField(blank=True, help_text="Who wrote it.", max_length=120, verbose_name="byline"),
                ),
                (
                    "byline_role",
                    models.CharField(
                        blank=True, help_text="Such as: Transport reporter.", max_length=120, verbose_name="role"
                    ),
                ),
                (
                    "picture",
                    models.FileField(
                        blank=True,
                        help_text="PNG, JPEG or WebP.",
                        upload_to="articles/%Y/%m/",
                        validators=[
                            django.core.validators.FileExtensionValidator(["png", "jpg", "jpeg", "webp"]),
                            newsroom.articles.models.validate_picture,
                        ],
                        verbose_name="picture",
                    ),
                ),
                (
                    "picture_alt",
                    models.CharField(
                        blank=True,
                        help_text="Said to readers who cannot see the picture.",
                        max_length=250,
                        verbose_name="description of the picture",
                    ),
                ),
                ("picture_credit", models.CharField(blank=True, max_length=120, verbose_name="picture credit")),
                (
                    "question",
                    models.CharField(
                        blank=True,
                        help_text="Asked above the comments.",
                        max_length=200,
                        verbose_name="question of the day",
                    ),
                ),
                (
                    "comment_mode",
                    models.CharField(
                        choices=[
                            ("open", "Open: comments are screened and then published"),
                            ("premoderated", "Premoderated: an editor reads every comment first"),
                            ("closed", "Closed: what was published can be read, nothing can be added"),
                            ("none", "None: the article has no comment section"),
                        ],
                        default="open",
                        max_length=16,
                        verbose_name="comments",
                    ),
                ),
                (
                    "published_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Empty is a draft; a time to come is a plan.",
                        null=True,
                        verbose_name="published at",
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
                (
                    "imported_from",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="Name of the file it came from; empty when it was written here.",
                        max_length=255,
                        verbose_name="imported from",
                    ),
                ),
            ],
            options={
                "verbose_name": "article",
                "verbose_name_plural": "articles",
                "ordering": ("-published_at", "-pk"),
                "indexes": [models.Index(fields=["published_at"], name="articles_published_at")],
            },
        ),
    ]
