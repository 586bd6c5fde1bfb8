"""The record is read by time, and PostgreSQL itself refuses to change it: see docs/decisions/0014."""

from django.db import migrations, models

RECORDS = (
    "comments_decision",
    "comments_finding",
    "comments_policychange",
    "comments_auditentry",
    "comments_sanction",
    "comments_acknowledgement",
)

REFUSE = """
CREATE OR REPLACE FUNCTION comments_refuse_to_change_the_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('comments.erasing', true) = 'on' THEN
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        END IF;
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'Rows of % are never changed or deleted: write a new one.', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$
"""


def refuse(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute(REFUSE, params=None)
    for table in RECORDS:
        schema_editor.execute(
            f"CREATE TRIGGER comments_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION comments_refuse_to_change_the_record()"
        )


def allow(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table in RECORDS:
        schema_editor.execute(f"DROP TRIGGER IF EXISTS comments_append_only ON {table}")
    schema_editor.execute("DROP FUNCTION IF EXISTS comments_refuse_to_change_the_record()")


class Migration(migrations.Migration):
    dependencies = [("comments", "0012_premoderated")]

    operations = [
        migrations.AddIndex(
            model_name="policychange",
            index=models.Index(fields=["-created_at"], name="comments_changes_by_time"),
        ),
        migrations.AddIndex(
            model_name="sanction",
            index=models.Index(fields=["-created_at"], name="comments_sanctions_by_time"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["kind", "object_id"], name="comments_audit_by_object"),
        ),
        migrations.RunPython(refuse, allow),
    ]
