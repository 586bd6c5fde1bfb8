"""Who was premoderated by the field alone gets the sanction that it is now the cached fact of, so that it can be lifted."""

from django.db import migrations


def write_down(apps, schema_editor):
    database = schema_editor.connection.alias
    Commenter = apps.get_model("comments", "Commenter")
    Sanction = apps.get_model("comments", "Sanction")
    for person in Commenter.objects.using(database).filter(premoderated_at__isnull=False).iterator():
        Sanction.objects.using(database).create(
            kind="premoderate",
            person=person,
            starts_at=person.premoderated_at,
            trigger="import",
        )


class Migration(migrations.Migration):
    dependencies = [("comments", "0010_together")]

    operations = [migrations.RunPython(write_down, migrations.RunPython.noop, elidable=True)]
