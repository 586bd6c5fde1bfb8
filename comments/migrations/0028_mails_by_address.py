"""Let the diagnosis find the last mail to somebody's address at once."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("comments", "0027_sso")]

    operations = [
        migrations.AddIndex(
            "delivery",
            models.Index(fields=["to", "-id"], condition=models.Q(way="mail"), name="comments_mails_to"),
        ),
    ]
