"""Verbs about what people choose for themselves: the name that is shown, and the language they are written to in."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from django.conf import settings as django_settings
from django.db import transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from comments import conf, discussions, jobs, ratelimit, signals
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Job, Phrase
from comments.screening import phrases

LONGEST = 80
RENAMED = "shown_name"
TRIES_PER_HOUR = 20
"""Names that one person may ask for: who is called what here is not to be found out by asking."""
STEP = 25
"""Discussions whose pages are made old in one step."""

RESERVED = frozenset(
    {"admin", "administrator", "editor", "editors", "moderator", "moderators", "newsroom", "staff", "support", "system"}
)
"""Words that speak for the newsroom, in anybody's name but the newsroom's own."""

DIGITS = str.maketrans("01345", "oieas")

LOOK_ALIKE = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")
"""Scripts whose letters pass for each other's: no word is written in two of them."""


def rename(person: Commenter, name: object) -> Commenter:
    """
    Show ``person`` as ``name`` from now on, above what they have written as well, within a minute or so.

    Raise ``Refused`` for a name that is none, that speaks for the newsroom, that somebody else has or that pretends to
    be in other letters than it is, for a phrase that is banned here (400, 409), and for too many changes a day (429).
    """
    words = checked(name)
    if words == person.name:
        return person
    ratelimit.require_not_too_many("name", f"person:{person.pk}", limit=TRIES_PER_HOUR, seconds=3600)
    require_free(person, words)
    limit = conf.get().renames_per_day
    ratelimit.require_not_too_many("rename", f"person:{person.pk}", limit=limit, seconds=86_400)
    return give(person, words)


def give(person: Commenter, words: str) -> Commenter:
    """Show ``person`` as ``words``, which are :func:`checked` and free."""
    with transaction.atomic():
        Commenter.objects.filter(pk=person.pk, erased_at=None).update(name=words)
        show_again(person)
    person.refresh_from_db(fields=["name"])
    return person


def checked(name: object) -> str:
    """Return ``name`` as it would be shown. Raise ``Refused`` (400) for one that nobody could be called."""
    if not isinstance(name, str):
        raise Refused("bad_name", _("A name is text."))
    words = " ".join(unicodedata.normalize("NFC", name).split())
    if not words:
        raise Refused("bad_name", _("Type the name that others are to see."))
    if len(words) > LONGEST:
        said = ngettext("A name can have %(count)d character.", "A name can have %(count)d characters.", LONGEST)
        raise Refused("bad_name", said % {"count": LONGEST}, maximum=LONGEST)
    if not any(unicodedata.category(one)[0] == "L" for one in words):
        raise Refused("bad_name", _("A name has letters in it."))
    if any(_is_unfit(one) for one in words) or "@" in words or "://" in words:
        raise Refused("bad_name", _("A name is plain text: no addresses, and no characters that nobody sees."))
    if any(_marks(words)) or any(len(_scripts(word)) > 1 for word in words.split()):
        raise Refused("bad_name", _("Write the name in letters of one alphabet, as it is spoken."))
    return words


def _is_unfit(character: str) -> bool:
    category = unicodedata.category(character)
    return category in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp") or (category == "Cf" and character not in "\u200c\u200d")


def _marks(words: str) -> Iterator[bool]:
    """Say of each character whether it stacks a third mark on a letter."""
    stacked = 0
    for character in words:
        stacked = stacked + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        yield stacked > 2


def _scripts(word: str) -> set[str]:
    found = {unicodedata.name(one, "").partition(" ")[0] for one in word if one.isalpha()}
    return found & set(LOOK_ALIKE)


def require_free(person: Commenter, words: str) -> None:
    """Raise ``Refused`` unless ``person`` may be called ``words``: two queries, and each of the staff's names."""
    plain = _alike(words).replace(" ", "")
    if any(hit.listed.kind == Phrase.Kind.BANNED for hit in phrases.in_force().find(words).hits):
        raise Refused("name_refused", _("This name has words in it that are not published here."))
    theirs = Commenter.objects.filter(Q(user__is_staff=True, user__is_active=True) | ~Q(badge="")).exclude(pk=person.pk)
    staff = {_alike(name).replace(" ", "") for name in theirs.values_list("name", flat=True)}
    is_plain_reader = not person.badge and not (person.user and person.user.is_staff)
    if plain in staff or (is_plain_reader and set(_alike(words).split()) & RESERVED):
        raise Refused("name_refused", _("This name would be taken for the newsroom's. Choose another one."), status=409)
    if plain == _alike(nameless()).replace(" ", ""):
        raise Refused("name_refused", _("This name stands for people who have left. Choose another one."), status=409)
    if Commenter.objects.filter(name__iexact=words).exclude(pk=person.pk).exists():
        raise Refused("name_taken", _("Somebody else is called that here. Choose another name."), status=409)


def _alike(name: str) -> str:
    """Return ``name`` as it looks from afar: folded, its look-alikes in Latin letters, and digits as letters."""
    return phrases.read(name, latin=True).folded.translate(DIGITS)


def nameless() -> str:
    """Return what stands where the name of somebody who has left stood, in the site's language."""
    with translation.override(django_settings.LANGUAGE_CODE):
        return _("A former reader")


def choose_language(person: Commenter, code: object) -> Commenter:
    """Write to ``person`` in the language ``code`` from now on; "" is the site's. ``Refused`` for one there is not."""
    if not isinstance(code, str) or (code and code not in dict(django_settings.LANGUAGES)):
        raise Refused("unknown_language", _("This site does not speak that language."))
    Commenter.objects.filter(pk=person.pk).update(preferred_language=code)
    person.preferred_language = code
    return person


def show_again(person: Commenter) -> Job:
    """Make the kept pages old on which ``person`` is named, in the background. Call in the change's transaction."""
    job = jobs.begin(RENAMED, {"person": person.pk}, made_by=None, subject=f"person:{person.pk}")
    transaction.on_commit(lambda: signals.job_begun.send_robust(Job, job_id=job.pk), robust=True)
    return job


@jobs.kind(RENAMED)
def work(job: Job) -> Iterator[None]:
    """Go through the discussions in which the person is seen, some at a step."""
    seen = Comment.objects.filter(author=job.arguments["person"], is_shown=True).order_by("discussion_id")
    while True:
        after = job.memory.get("after", 0)
        ids = list(seen.filter(discussion_id__gt=after).values_list("discussion_id", flat=True).distinct()[:STEP])
        if not ids:
            return
        for discussion in Discussion.objects.filter(pk__in=ids).order_by("pk"):
            discussions.configure(discussion)
        job.memory = {"after": ids[-1]}
        job.done += len(ids)
        yield
