"""
Ask by an index whether a text is of its author's first comment.

Asked whether there is no earlier one, PostgreSQL expects to meet one soon and reads the table: all of it when there is
none, which is what every newcomer's comment was. Asked for the earliest one, it goes to it.
"""

from django.db import migrations

EARLIEST = """
CREATE OR REPLACE FUNCTION comments_keep_first() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  NEW.is_first := NEW.comment_id = (
    SELECT id FROM comments_comment
    WHERE author_id = (SELECT author_id FROM comments_comment WHERE id = NEW.comment_id)
    ORDER BY created_at, id LIMIT 1);
  RETURN NEW;
END $$
"""


def ask_for_the_earliest(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(EARLIEST)


class Migration(migrations.Migration):
    dependencies = [("comments", "0029_fingerprints_unchecked")]

    # The function of before gives the same answers.
    operations = [migrations.RunPython(ask_for_the_earliest, migrations.RunPython.noop)]
