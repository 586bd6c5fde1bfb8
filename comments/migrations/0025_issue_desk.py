from django.db import migrations

TEMPLATES = [
    (
        "Your comment waits",
        "held",
        "Your comment is safe. It waits for an editor because {why it waits}. You can see it on your own page until "
        "then; others see it when it is published.",
    ),
    (
        "Your comment is published",
        "stale_view",
        "Your comment on “{article}” is published. If you do not see it, load the page again.",
    ),
    (
        "Known fault",
        "server_error",
        "Thank you, we see it too: {what fails}, since {since when}. We are working on it and write here when it is over.",
    ),
    (
        "It works again",
        "",
        "What you reported on {sent} works again: {what was changed}. If it does not for you, please say so here.",
    ),
    (
        "Content blocker",
        "blocker",
        "The comments are part of the page we send. Something between us and your screen hides them, most often a "
        "content blocker. Please try once with it switched off for our site, and tell us here whether that helps.",
    ),
    (
        "Confirm your address",
        "email_unconfirmed",
        "Your address is not confirmed yet, so nothing of yours is published. We have sent the mail again; look for "
        "{sender of the mail}, also among unwanted mail.",
    ),
    (
        "A decision",
        "rejected",
        "An editor decided not to publish your comment, and this desk cannot change that. You can ask another editor "
        "once: open your comment under “My comments” and choose “Ask another editor”.",
    ),
    ("A question", "", "Thank you for report {number}. Could you tell us {question}?"),
]


def write(apps, schema_editor):
    """Ship a handful of answers to begin with. What a newsroom has written already stays."""
    templates = apps.get_model("comments", "AnswerTemplate").objects
    for place, (name, cause, text) in enumerate(TEMPLATES, 1):
        templates.get_or_create(name=name, language="", defaults={"cause": cause, "text": text, "position": place * 10})


class Migration(migrations.Migration):
    dependencies = [("comments", "0023_issues")]

    operations = [migrations.RunPython(write, migrations.RunPython.noop, elidable=True)]
