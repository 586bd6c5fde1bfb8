from django.db import migrations

PREFIX = "STATEMENT_CATEGORY_"

# code, words on a tombstone, the sentence its author reads, category, keyword, text for KEYWORD_OTHER
SHIPPED = [
    (
        "personal_attack",
        "personal attack",
        "It argues with the person and not with the point.",
        "ILLEGAL_OR_HARMFUL_SPEECH",
        "OTHER",
        "insult or personal attack",
    ),
    (
        "hate",
        "hate against a group",
        "It puts people down for what they are.",
        "ILLEGAL_OR_HARMFUL_SPEECH",
        "DISCRIMINATION",
        "",
    ),
    (
        "spam",
        "spam",
        "It was sent in bulk or says nothing about the article.",
        "OTHER_VIOLATION_TC",
        "OTHER",
        "unsolicited advertising",
    ),
    ("advertising", "advertising", "It advertises something.", "CONSUMER_INFORMATION", "HIDDEN_ADVERTISEMENT", ""),
    (
        "off_topic",
        "off topic",
        "It is about something other than the article.",
        "OTHER_VIOLATION_TC",
        "OTHER",
        "off topic",
    ),
    (
        "misinformation",
        "states something untrue as fact",
        "It states as fact something that is not true.",
        "NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS",
        "MISINFORMATION_DISINFORMATION",
        "",
    ),
    (
        "personal_data",
        "somebody's personal data",
        "It tells things about a person that are not for the public.",
        "DATA_PROTECTION_AND_PRIVACY_VIOLATIONS",
        "MISSING_PROCESSING_GROUND",
        "",
    ),
    (
        "banned_phrase",
        "words not used here",
        "It contains words that are not used in this section.",
        "OTHER_VIOLATION_TC",
        "OTHER",
        "phrase on the house list",
    ),
    ("illegal", "against the law", "It is against the law.", "ILLEGAL_OR_HARMFUL_SPEECH", "OTHER", "illegal content"),
    (
        "other",
        "against the house rules",
        "It does not fit the house rules.",
        "OTHER_VIOLATION_TC",
        "OTHER",
        "house rules",
    ),
]


def ship(apps, schema_editor):
    Reason = apps.get_model("comments", "Reason")
    for position, (code, public, author, category, keyword, other) in enumerate(SHIPPED, start=1):
        Reason.objects.get_or_create(
            code=code,
            defaults={
                "public_text": {"en": public},
                "author_text": {"en": author},
                "ground_default": "illegal" if code == "illegal" else "house",
                "tdb_category": PREFIX + category,
                "tdb_keywords": [f"KEYWORD_{keyword}"],
                "tdb_other": other,
                "high_volume_commercial": code == "spam",
                "position": position,
            },
        )


class Migration(migrations.Migration):
    dependencies = [("comments", "0001_initial")]
    operations = [migrations.RunPython(ship, migrations.RunPython.noop, elidable=False)]
