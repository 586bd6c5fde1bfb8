"""Write fingerprints without the database looking up their comment twenty times a text."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("comments", "0028_mails_by_address")]

    operations = [
        migrations.AlterField(
            "fingerprint",
            "comment",
            models.ForeignKey(
                "comments.comment", django.db.models.deletion.CASCADE, related_name="fingerprints", db_constraint=False
            ),
        ),
    ]
