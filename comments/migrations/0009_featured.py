import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("comments", "0008_search")]

    operations = [
        migrations.AddField("comment", "featured_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "comment",
            "featured_by",
            models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="comments.commenter",
            ),
        ),
        migrations.AddField("comment", "pinned_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddConstraint(
            "comment",
            models.UniqueConstraint(
                condition=models.Q(pinned_at__isnull=False), fields=("discussion",), name="comments_one_pinned"
            ),
        ),
    ]
