"""
Find first comments: a mark on each text whose author had written nothing before, kept by a trigger like the words.

PostgreSQL only. Nothing is locked for longer than it takes to add an empty column, so this is no transaction; a run that
was broken off can be begun again.
"""

from django.db import migrations

BATCH = 1_000

# A text of an edit is marked like the first one; what is marked is asked again when it is searched for.
KEPT = """
CREATE OR REPLACE FUNCTION comments_keep_first() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  NEW.is_first := NOT EXISTS (
    SELECT 1 FROM comments_comment AS own JOIN comments_comment AS other ON other.author_id = own.author_id
    WHERE own.id = NEW.comment_id AND other.created_at <= own.created_at
      AND (other.created_at < own.created_at OR other.id < own.id));
  RETURN NEW;
END $$
"""
TRIGGER = """
CREATE TRIGGER comments_revision_first BEFORE INSERT ON comments_revision
FOR EACH ROW EXECUTE FUNCTION comments_keep_first()
"""
FILL = """
UPDATE comments_revision SET is_first = true
FROM (
  SELECT DISTINCT ON (author_id) id FROM comments_comment WHERE author_id > %s AND author_id <= %s
  ORDER BY author_id, created_at, id
) AS first
WHERE comments_revision.comment_id = first.id AND comments_revision.is_first IS NOT TRUE
"""
INDEX = """
CREATE INDEX CONCURRENTLY comments_first_texts ON comments_revision (created_at, id) WHERE is_first IS TRUE
"""


def mark_first_texts(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as db:
        db.execute("ALTER TABLE comments_revision ADD COLUMN IF NOT EXISTS is_first boolean")
        db.execute(KEPT)
        db.execute("DROP TRIGGER IF EXISTS comments_revision_first ON comments_revision")
        db.execute(TRIGGER)
        db.execute("SELECT coalesce(max(id), 0) FROM comments_commenter")
        (last,) = db.fetchone()
        for begin in range(0, last, BATCH):
            db.execute(FILL, [begin, begin + BATCH])
        # One that could not be finished stands there, invalid.
        db.execute("DROP INDEX CONCURRENTLY IF EXISTS comments_first_texts")
        db.execute(INDEX)


def forget_them(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        with schema_editor.connection.cursor() as db:
            db.execute("DROP TRIGGER IF EXISTS comments_revision_first ON comments_revision")
            db.execute("DROP FUNCTION IF EXISTS comments_keep_first()")
            db.execute("ALTER TABLE comments_revision DROP COLUMN IF EXISTS is_first")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("comments", "0015_editors_decisions")]

    operations = [migrations.RunPython(mark_first_texts, forget_them)]
