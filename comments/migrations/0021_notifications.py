import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import comments.models.notifications


class Migration(migrations.Migration):
    """What people are told of, what they wish to be told of, and what they follow."""

    dependencies = [
        ("comments", "0020_guests"),
    ]

    operations = [
        migrations.CreateModel(
            name="Told",
            fields=[
                (
                    "decision",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="told",
                        serialize=False,
                        to="comments.decision",
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                "verbose_name": "decision that was told",
                "verbose_name_plural": "decisions that were told",
                "indexes": [models.Index(fields=["created_at"], name="comments_told_by_time")],
            },
        ),
        migrations.CreateModel(
            name="Follow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "comment",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="follows",
                        to="comments.comment",
                    ),
                ),
                (
                    "discussion",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="follows",
                        to="comments.discussion",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="follows",
                        to="comments.commenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "follow",
                "verbose_name_plural": "follows",
                "indexes": [
                    models.Index(fields=["person", "-id"], name="comments_follows_of"),
                    models.Index(fields=["discussion", "comment"], name="comments_followers"),
                    models.Index(
                        condition=models.Q(("comment__isnull", False)),
                        fields=["comment"],
                        name="comments_followed_comment",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("comment__isnull", False)),
                        fields=("person", "comment"),
                        name="comments_followed_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("comment__isnull", True)),
                        fields=("person", "discussion"),
                        name="comments_story_followed_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Notification",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("reply", "Replies to me"),
                            ("mention", "Someone mentions me"),
                            ("followed", "What I follow"),
                            ("decision", "Decisions about my comments"),
                            ("pick", "Editors' picks"),
                            ("appeal", "My appeals"),
                        ],
                        max_length=10,
                    ),
                ),
                ("key", models.CharField(max_length=60)),
                ("by_mail", models.BooleanField(db_default=False, default=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("read_at", models.DateTimeField(blank=True, null=True)),
                ("mailed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "appeal",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="told_in",
                        to="comments.appeal",
                    ),
                ),
                (
                    "comment",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="told_in",
                        to="comments.comment",
                    ),
                ),
                (
                    "decision",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="told_in",
                        to="comments.decision",
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="comments.commenter",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notifications",
                        to="comments.commenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "notification",
                "verbose_name_plural": "notifications",
                "indexes": [
                    models.Index(fields=["person", "-id"], name="comments_told_to"),
                    models.Index(
                        condition=models.Q(("read_at__isnull", True)), fields=["person"], name="comments_unread_notices"
                    ),
                    models.Index(
                        condition=models.Q(("by_mail", True)), fields=["person", "id"], name="comments_notices_to_mail"
                    ),
                    models.Index(fields=["created_at"], name="comments_notices_by_time"),
                    models.Index(fields=["comment"], name="comments_told_about"),
                    models.Index(
                        condition=models.Q(("decision__isnull", False)),
                        fields=["decision"],
                        name="comments_told_of_decision",
                    ),
                ],
                "constraints": [models.UniqueConstraint(fields=("person", "key"), name="comments_told_once")],
            },
        ),
        migrations.CreateModel(
            name="NotificationPreference",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "mail",
                    models.CharField(
                        choices=[("instant", "At once"), ("hourly", "Hourly"), ("daily", "Daily"), ("never", "Never")],
                        default="hourly",
                        max_length=8,
                    ),
                ),
                ("off", models.JSONField(blank=True, default=list)),
                ("mailed_kinds", models.JSONField(blank=True, default=comments.models.notifications.usually_mailed)),
                ("follows_own", models.BooleanField(default=False)),
                ("mail_due_at", models.DateTimeField(blank=True, null=True)),
                ("mailed_at", models.DateTimeField(blank=True, null=True)),
                ("changed_at", models.DateTimeField(auto_now=True)),
                (
                    "person",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notification_preference",
                        to="comments.commenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "notification preference",
                "verbose_name_plural": "notification preferences",
                "indexes": [
                    models.Index(
                        condition=models.Q(("mail_due_at__isnull", False)),
                        fields=["mail_due_at"],
                        name="comments_mails_due",
                    )
                ],
            },
        ),
    ]
