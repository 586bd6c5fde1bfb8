from django.db import migrations, models


class Migration(migrations.Migration):
    """Find editors' decisions by time: what the numbers read most."""

    dependencies = [("comments", "0014_audit")]

    operations = [
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(
                condition=models.Q(("decider", "editor")), fields=["created_at"], name="comments_editors_decisions"
            ),
        ),
    ]
