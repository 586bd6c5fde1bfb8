import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """
    The orders "best" and "most replied", picks by themselves, more reactions than likes, and muting.

    Comments that have likes get their score by ``reconcile_counts``, which runs every hour by itself.
    """

    dependencies = [
        ("comments", "0016_search_first"),
    ]

    operations = [
        migrations.CreateModel(
            name="Mute",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "verbose_name": "mute",
                "verbose_name_plural": "mutes",
            },
        ),
        migrations.AddField(
            model_name="comment",
            name="best_score",
            field=models.PositiveIntegerField(db_default=206543, default=206543),
        ),
        migrations.AddField(
            model_name="comment",
            name="reaction_counts",
            field=models.JSONField(blank=True, db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.AlterField(
            model_name="reaction",
            name="kind",
            field=models.CharField(
                choices=[
                    ("like", "Like"),
                    ("dislike", "Dislike"),
                    ("insightful", "Insightful"),
                    ("thanks", "Thank you"),
                    ("funny", "Funny"),
                ],
                default="like",
                max_length=12,
            ),
        ),
        migrations.AddIndex(
            model_name="comment",
            index=models.Index(
                condition=models.Q(("is_shown", True), ("parent__isnull", True)),
                fields=["discussion", "-best_score", "-id"],
                name="comments_shown_best",
            ),
        ),
        migrations.AddIndex(
            model_name="comment",
            index=models.Index(
                condition=models.Q(("is_shown", True), ("parent__isnull", True)),
                fields=["discussion", "-reply_count", "-id"],
                name="comments_shown_answered",
            ),
        ),
        migrations.AddIndex(
            model_name="comment",
            index=models.Index(
                condition=models.Q(("featured_at__isnull", False), ("status", "published")),
                fields=["discussion", "-id"],
                name="comments_shown_picks",
            ),
        ),
        migrations.AddField(
            model_name="mute",
            name="muted",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="muted_by", to="comments.commenter"
            ),
        ),
        migrations.AddField(
            model_name="mute",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="mutes", to="comments.commenter"
            ),
        ),
        migrations.AddConstraint(
            model_name="mute",
            constraint=models.UniqueConstraint(fields=("person", "muted"), name="comments_one_mute_a_person"),
        ),
        migrations.AddConstraint(
            model_name="mute",
            constraint=models.CheckConstraint(
                condition=models.Q(("person", models.F("muted")), _negated=True), name="comments_nobody_mutes_themself"
            ),
        ),
    ]
