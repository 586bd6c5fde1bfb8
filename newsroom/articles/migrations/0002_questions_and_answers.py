from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="article",
            name="comment_form",
            field=models.CharField(
                choices=[("comments", "Comments"), ("qa", "Questions and answers: readers ask, experts answer")],
                db_default="comments",
                default="comments",
                max_length=8,
                verbose_name="form of the comments",
            ),
        ),
    ]
