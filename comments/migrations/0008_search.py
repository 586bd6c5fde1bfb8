"""
The desk's search and its queues: an index of words, and what orders the texts that wait.

Indexes are made without stopping anybody on PostgreSQL, so this is no transaction. No extension is needed: see
:mod:`comments.search` for why there are no trigrams.
"""

from math import log2, sqrt

from django.db import migrations, models
from django.db.models import Min, OuterRef, Q, Subquery

from comments import search

BATCH = 1_000

WORDS = f"""
CREATE OR REPLACE FUNCTION comments_words(written text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$ BEGIN
  RETURN to_tsvector('pg_catalog.simple'::regconfig, regexp_replace(
    translate(left(written, 100000), $p${search.PUNCTUATION}$p$, '{" " * len(search.PUNCTUATION)}'),
    '([{search.UNSPACED}])', ' \\1 ', 'g'));
END $$
"""
# A column that a trigger fills, and not one that is generated: to add that one would write the table anew, locked.
KEPT = """
CREATE OR REPLACE FUNCTION comments_keep_words() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  NEW.words := comments_words(NEW.text);
  RETURN NEW;
END $$
"""
TRIGGER = """
CREATE TRIGGER comments_revision_words BEFORE INSERT OR UPDATE OF text ON comments_revision
FOR EACH ROW EXECUTE FUNCTION comments_keep_words()
"""
FILL = "UPDATE comments_revision SET words = comments_words(text) WHERE id > %s AND id <= %s AND words IS NULL"
INDEXED = [
    ("comments_revision_words", "comments_revision", "words"),
    ("comments_commenter_words", "comments_commenter", "comments_words(name)"),
    ("comments_discussion_words", "comments_discussion", "comments_words(title)"),
]


class AddIndexMeanwhile(migrations.AddIndex):
    """Add an index while the table is written to, where the database can."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        model = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        if schema_editor.connection.vendor == "postgresql":
            # One that could not be finished stands there, invalid.
            schema_editor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{self.index.name}"')
            schema_editor.add_index(model, self.index, concurrently=True)
        else:
            schema_editor.add_index(model, self.index)


def index_words(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor == "postgresql":
        with connection.cursor() as db:
            db.execute(WORDS)
            db.execute(KEPT)
            db.execute("ALTER TABLE comments_revision ADD COLUMN IF NOT EXISTS words tsvector")
            db.execute("DROP TRIGGER IF EXISTS comments_revision_words ON comments_revision")
            db.execute(TRIGGER)
            db.execute("SELECT coalesce(max(id), 0) FROM comments_revision")
            (last,) = db.fetchone()
            for begin in range(0, last, BATCH):
                db.execute(FILL, [begin, begin + BATCH])
            for name, table, column in INDEXED:
                db.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
                db.execute(f"CREATE INDEX CONCURRENTLY {name} ON {table} USING gin ({column})")
    else:
        search.keep_in_step(connection)


def forget_words(apps, schema_editor):
    with schema_editor.connection.cursor() as db:
        if schema_editor.connection.vendor == "postgresql":
            for name, _table, _column in INDEXED:
                db.execute(f"DROP INDEX IF EXISTS {name}")
            db.execute("DROP TRIGGER IF EXISTS comments_revision_words ON comments_revision")
            db.execute("ALTER TABLE comments_revision DROP COLUMN IF EXISTS words")
            db.execute("DROP FUNCTION IF EXISTS comments_keep_words()")
            db.execute("DROP FUNCTION IF EXISTS comments_words(text)")
        elif schema_editor.connection.vendor == "sqlite":
            for table, _tokenizer, _held in search.TABLES:
                for when in ("insert", "delete", "update"):
                    db.execute(f"DROP TRIGGER IF EXISTS {table}_{when}")
                db.execute(f"DROP TABLE IF EXISTS {table}")


def order_what_waits(apps, schema_editor):
    """Give the texts that wait the section, risk and priority that screening writes from now on."""
    Revision = apps.get_model("comments", "Revision")
    Decision = apps.get_model("comments", "Decision")
    latest = Decision.objects.filter(revision=OuterRef("pk"), decider="screening").order_by("-id")
    last = 0
    while True:
        rows = list(
            Revision.objects.filter(status="held", pk__gt=last)
            .select_related("comment__discussion")
            .annotate(score=Subquery(latest.values("score")[:1]))
            .order_by("pk")
            .defer("text", "html", "comment__html")[:BATCH]
        )
        if not rows:
            return
        for row in rows:
            comment = row.comment
            seen_by = comment.discussion.published_count + comment.reply_count + comment.like_count
            row.section = comment.discussion.section
            row.risk = row.risk or round(0.5 if row.score is None else row.score, 6)
            row.priority = round(row.risk * log2(2 + seen_by) / sqrt(1 + comment.depth), 6)
        Revision.objects.bulk_update(rows, ["section", "risk", "priority"])
        last = rows[-1].pk


def note_what_was_seen(apps, schema_editor):
    """Write down which texts an editor has decided about."""
    Revision = apps.get_model("comments", "Revision")
    Decision = apps.get_model("comments", "Decision")
    by_editors = Decision.objects.filter(decider="editor")
    last = 0
    while True:
        found = list(by_editors.filter(pk__gt=last).order_by("pk").values_list("pk", "revision")[:BATCH])
        if not found:
            return
        here = by_editors.filter(revision=OuterRef("pk")).order_by().values("revision")
        Revision.objects.filter(pk__in={revision for _pk, revision in found}, reviewed_at=None).update(
            reviewed_at=Subquery(here.annotate(first=Min("created_at")).values("first"))
        )
        last = found[-1][0]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("comments", "0007_roles"),
    ]

    operations = [
        migrations.AddField("revision", "flag_weight", models.FloatField(db_default=0, default=0)),
        migrations.AddField("revision", "reviewed_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "revision", "section", models.CharField(blank=True, db_default="", default="", max_length=80)
        ),
        AddIndexMeanwhile(
            "decision",
            models.Index(fields=["reason", "revision"], condition=~Q(reason=""), name="comments_decisions_by_reason"),
        ),
        AddIndexMeanwhile(
            "discussion",
            models.Index(fields=["section", "held_count"], condition=Q(held_count__gt=0), name="comments_waiting_here"),
        ),
        AddIndexMeanwhile(
            "finding",
            models.Index(
                fields=["code", "revision"],
                condition=~Q(code__in=["passed", "score", "no_score"]),
                name="comments_objections",
            ),
        ),
        AddIndexMeanwhile(
            "revision",
            models.Index(fields=["-flag_weight", "id"], condition=Q(status="held"), name="comments_held_by_flags"),
        ),
        AddIndexMeanwhile(
            "revision",
            models.Index(fields=["section", "created_at", "id"], condition=Q(status="held"), name="comments_held_here"),
        ),
        AddIndexMeanwhile(
            "revision",
            models.Index(
                fields=["section", "-priority", "id"], condition=Q(status="held"), name="comments_held_here_first"
            ),
        ),
        AddIndexMeanwhile(
            "revision",
            models.Index(
                fields=["-created_at", "-id"],
                condition=Q(status="published", reviewed_at__isnull=True),
                name="comments_unreviewed",
            ),
        ),
        migrations.RunPython(index_words, forget_words),
        migrations.RunPython(order_what_waits, migrations.RunPython.noop),
        migrations.RunPython(note_what_was_seen, migrations.RunPython.noop),
    ]
