import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def refuse(apps, schema_editor):
    """Let PostgreSQL itself refuse to change a version of the guidelines: see docs/decisions/0014."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE TRIGGER comments_append_only BEFORE UPDATE OR DELETE ON comments_guidelines "
            "FOR EACH ROW EXECUTE FUNCTION comments_refuse_to_change_the_record()"
        )


def allow(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TRIGGER IF EXISTS comments_append_only ON comments_guidelines")


class Migration(migrations.Migration):
    """Guidelines, experts and answered questions, and reports about people."""

    dependencies = [
        ("comments", "0018_reading"),
    ]

    operations = [
        migrations.CreateModel(
            name="Expert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        blank=True, default="", help_text="Shown beside the name: “Epidemiologist”.", max_length=80
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                "verbose_name": "expert",
                "verbose_name_plural": "experts",
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="Guidelines",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField(unique=True)),
                ("text", models.TextField()),
                ("html", models.TextField()),
                ("note", models.CharField(blank=True, default="", max_length=500)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                "verbose_name": "version of the guidelines",
                "verbose_name_plural": "versions of the guidelines",
                "ordering": ["-number"],
            },
        ),
        migrations.CreateModel(
            name="PersonFlag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reason", models.CharField(max_length=40)),
                ("note", models.CharField(blank=True, default="", max_length=500)),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("upheld", "Right"), ("dismissed", "Dismissed")],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                "verbose_name": "report about a person",
                "verbose_name_plural": "reports about people",
            },
        ),
        migrations.AddField(
            model_name="comment",
            name="answered_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="discussion",
            name="form",
            field=models.CharField(
                choices=[("comments", "Comments"), ("qa", "Questions and answers")],
                db_default="comments",
                default="comments",
                help_text="Questions and answers: readers ask, named experts answer, and readers choose what is answered.",
                max_length=8,
                verbose_name="form",
            ),
        ),
        migrations.AlterField(
            model_name="policychange",
            name="kind",
            field=models.CharField(
                choices=[
                    ("setting", "Setting"),
                    ("phrase", "Phrase"),
                    ("house_rule", "House rule"),
                    ("model", "Model"),
                    ("auto_approval", "Approval by score"),
                    ("guidelines", "Guidelines"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            model_name="comment",
            index=models.Index(
                condition=models.Q(("answered_at__isnull", False), ("is_shown", True), ("parent__isnull", True)),
                fields=["discussion", "id"],
                name="comments_answered",
            ),
        ),
        migrations.AddIndex(
            model_name="comment",
            index=models.Index(
                condition=models.Q(("status", "published")), fields=["discussion", "-id"], name="comments_latest_here"
            ),
        ),
        migrations.AddField(
            model_name="expert",
            name="discussion",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="experts", to="comments.discussion"
            ),
        ),
        migrations.AddField(
            model_name="expert",
            name="made_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="comments.commenter",
            ),
        ),
        migrations.AddField(
            model_name="expert",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="answers_in", to="comments.commenter"
            ),
        ),
        migrations.AddField(
            model_name="guidelines",
            name="made_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="comments.commenter",
            ),
        ),
        migrations.AddField(
            model_name="personflag",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="person_flags", to="comments.commenter"
            ),
        ),
        migrations.AddField(
            model_name="personflag",
            name="reporter",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="person_flags_made", to="comments.commenter"
            ),
        ),
        migrations.AddField(
            model_name="personflag",
            name="settled_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="comments.commenter",
            ),
        ),
        migrations.AddConstraint(
            model_name="expert",
            constraint=models.UniqueConstraint(fields=("discussion", "person"), name="comments_expert_once"),
        ),
        migrations.AddIndex(
            model_name="personflag",
            index=models.Index(fields=["person", "-created_at"], name="comments_flags_about"),
        ),
        migrations.AddIndex(
            model_name="personflag",
            index=models.Index(
                condition=models.Q(("state", "open")), fields=["person"], name="comments_open_flags_about"
            ),
        ),
        migrations.AddConstraint(
            model_name="personflag",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "open")),
                fields=("person", "reporter"),
                name="comments_one_open_person_flag",
            ),
        ),
        migrations.RunPython(refuse, allow),
    ]
