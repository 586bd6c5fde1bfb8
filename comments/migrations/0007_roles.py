"""The newsroom's roles, as groups of Django's. Who has them is edited in the admin panel; a site may change them."""

from django.db import migrations

PERMISSIONS = {
    "see_desk": "Can look at the moderation desk",
    "moderate": "Can publish, hold and reject comments everywhere",
    "moderate_sections": "Can publish, hold and reject comments in the sections given to them",
    "act_in_bulk": "Can decide about many comments at once",
    "sanction_people": "Can warn, suspend and ban people",
    "rule_on_appeals": "Can rule on appeals",
    "change_policy": "Can change settings, phrases, house rules and models",
    "answer_issues": "Can answer issue reports",
    "see_numbers": "Can see the numbers",
    "see_audit": "Can read the audit log",
}

ROLES = {
    "Viewer": ["see_desk", "see_numbers"],
    "Section moderator": ["see_desk", "moderate_sections", "rule_on_appeals", "see_numbers"],
    "Moderator": ["see_desk", "moderate", "act_in_bulk", "sanction_people", "rule_on_appeals", "see_numbers"],
    "Community editor": [name for name in PERMISSIONS if name != "moderate_sections"],
    "Issue desk": ["answer_issues"],
}


def make_roles(apps, schema_editor):
    # Django makes permissions after the last migration; the groups need theirs now.
    database = schema_editor.connection.alias
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    Group = apps.get_model("auth", "Group")
    desk, _made = ContentType.objects.using(database).get_or_create(app_label="comments", model="desk")
    permissions = {}
    for codename, name in PERMISSIONS.items():
        permissions[codename], _made = Permission.objects.using(database).get_or_create(
            content_type=desk, codename=codename, defaults={"name": name}
        )
        if permissions[codename].name != name:
            permissions[codename].name = name
            permissions[codename].save(using=database)
    for role, names in ROLES.items():
        group, made = Group.objects.using(database).get_or_create(name=role)
        if made:
            group.permissions.set([permissions[name] for name in names])


class Migration(migrations.Migration):
    dependencies = [
        ("comments", "0006_desk"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop, elidable=False)]
