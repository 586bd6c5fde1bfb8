"""
Verbs of people without an account, where ``GUESTS`` lets them write.

A guest is a :class:`~comments.models.Commenter` without a user, known by a secret in their browser. The name and the
address that they type prove nothing: whoever types them again is somebody else. What guests write waits until editors
have approved enough of it (``hold_guest``), and each comment costs a sum or a wait (:mod:`comments.proof`).
"""

from __future__ import annotations

import hashlib
import re
import time
import unicodedata
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from comments import conf, posting, proof, ratelimit, thresholds
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Guest, Status
from comments.screening import phrases

LONGEST_NAME = 40
LONGEST_SECRET = 100
KEPT_SECONDS = 60
"""How long the names of people with a badge are remembered."""

_address = re.compile(r"[@/\\<>]|www\.|https?:|\.(?:com|net|org|info|biz|shop|site|online|xyz)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Posted:
    """What a guest posted, and the secret by which they are known from now on."""

    comment: Comment
    secret: str


def are_welcome(discussion: Discussion) -> bool:
    """Say whether people without an account may write in ``discussion``."""
    return thresholds.of(discussion).guests


def require_welcome(discussion: Discussion) -> None:
    """Raise ``Refused`` (403) where people without an account may not write."""
    if not are_welcome(discussion):
        said = _("Guests cannot comment here. Sign in, and post it again.")
        raise Refused("guests_not_allowed", said, status=403)


def known(secret: str) -> Commenter | None:
    """Return the guest whose secret this is. One query, none for what cannot be one."""
    if not secret or len(secret) > LONGEST_SECRET or not secret.isascii():
        return None
    found = Guest.objects.select_related("person").filter(secret_digest=_digest(secret)).first()
    return found.person if found and found.person.erased_at is None and found.person.user_id is None else None


def post_as_guest(
    discussion: Discussion,
    raw: object,
    *,
    name: str,
    email: str = "",
    secret: str = "",
    sum_done: str = "",
    ticket: str = "",
    parent: Comment | None = None,
    idempotency_key: str = "",
    network_key: str = "",
    accepts: int | None = None,
) -> Posted:
    """
    Save what a guest wrote, as :func:`comments.posting.post_comment` does, paid with ``sum_done`` or a ``ticket``.

    ``secret`` is theirs from before; without one that is known, they become somebody new, with a new secret. The same
    attempt again, by the same sum, is the same guest and the same comment, even when the first answer was lost. Raise
    ``Refused`` and save nothing when guests may not write here, for a name that cannot be, or when nothing was paid:
    code ``proof_needed`` asks for a sum or a wait.
    """
    require_welcome(discussion)
    posting.acceptable(raw)
    person = known(secret)
    wanted = person.name if person and name_stands(person) else acceptable_name(name)
    address = _acceptable_email(email)
    paid = _paid(sum_done, ticket)
    ratelimit.require_not_too_many(
        "guest", network_key, limit=thresholds.of(discussion).guest_comments_per_hour, seconds=3600
    )
    with transaction.atomic():
        if person is None:
            # Made of what only this sender has: who repeats the attempt is known again.
            secret = salted_hmac("comments.guest", f"{paid.digest}{idempotency_key}", algorithm="sha256").hexdigest()
            person = known(secret) or _somebody_new(secret, wanted, address)
        elif (person.name, person.email) != (wanted, address or person.email):
            person.name, person.email = wanted, address or person.email
            person.save(update_fields=["name", "email"])
        comment = posting.post_comment(
            person,
            discussion,
            raw,
            parent=parent,
            idempotency_key=idempotency_key,
            network_key=network_key,
            accepts=accepts,
        )
        if comment.is_new:
            proof.spend(paid)
    return Posted(comment, secret)


def _paid(sum_done: str, ticket: str) -> proof.Proof:
    if sum_done:
        return proof.checked(sum_done)
    if ticket:
        return proof.waited(ticket)
    said = _("Nothing was posted yet. Read it once more, wait a moment, then press the button again.")
    raise Refused("proof_needed", said, status=403, wait=conf.get().guest_wait_seconds)


def name_stands(person: Commenter) -> bool:
    """Say whether others know ``person`` by their name already: then it stays."""
    return person.published_count > 0 or person.comments.filter(status=Status.PUBLISHED).exists()


def _somebody_new(secret: str, name: str, email: str) -> Commenter:
    try:
        with transaction.atomic():
            person = Commenter.objects.create(name=name, email=email, badge=Commenter.Badge.GUEST)
            Guest.objects.create(person=person, secret_digest=_digest(secret))
    except IntegrityError:
        # The same attempt, twice at once.
        found = known(secret)
        if found is None:
            raise
        return found
    return person


def _digest(secret: str) -> str:
    # Long and random already: there is nothing to slow down.
    return hashlib.sha256(secret.encode()).hexdigest()


# --- Names ------------------------------------------------------------------------------------------------------------


def acceptable_name(given: object) -> str:
    """Return ``given`` as the name of a guest; raise ``Refused`` for one that is none, or that is somebody else's."""
    if not isinstance(given, str):
        raise Refused("bad_name", _("Write the name that others should see."), field="name")
    name = " ".join(unicodedata.normalize("NFC", given).split())
    letters = sum(character.isalnum() for character in name)
    hidden = any(unicodedata.category(one)[0] == "C" and one not in "\u200c\u200d" for one in name)
    marks = sum(unicodedata.category(one)[0] == "M" for one in name)
    if not letters or hidden or marks > 2 * letters:
        raise Refused("bad_name", _("Write the name that others should see."), field="name")
    if len(name) > LONGEST_NAME:
        said = _("A name has at most %(maximum)d characters.") % {"maximum": LONGEST_NAME}
        raise Refused("bad_name", said, field="name")
    if _address.search(name):
        raise Refused("bad_name", _("An address cannot be a name."), field="name")
    taken = _taken()
    if phrases.looks(name) in taken.whole or taken.words & {phrases.looks(word) for word in re.split(r"[\W_]+", name)}:
        said = _("This name could be taken for the newsroom's. Choose another one.")
        raise Refused("name_taken", said, field="name")
    return name


@dataclass(frozen=True, slots=True)
class _Taken:
    """Names that nobody else may have, as they look: whole ones, and words in any."""

    whole: frozenset[str]
    words: frozenset[str]
    until: float
    reserved: tuple[str, ...]


_kept = _Taken(frozenset(), frozenset(), 0, ())


def _taken() -> _Taken:
    global _kept
    reserved = thresholds.of(None).reserved_names
    if _kept.until < time.monotonic() or _kept.reserved != reserved:
        badges = [Commenter.Badge.STAFF, Commenter.Badge.EXPERT]
        names = Commenter.objects.filter(Q(badge__in=badges) | Q(user__is_staff=True)).values_list("name", flat=True)
        whole = frozenset(phrases.looks(name) for name in names)
        words = frozenset(phrases.looks(word) for word in reserved)
        _kept = _Taken(whole, words, time.monotonic() + KEPT_SECONDS, reserved)
    return _kept


def forget_names() -> None:
    """Ask again who has a badge, next time."""
    global _kept
    _kept = _Taken(frozenset(), frozenset(), 0, ())


def _acceptable_email(given: str) -> str:
    address = given.strip()
    if not address:
        return ""
    try:
        if len(address) > 254:
            raise ValidationError("")
        validate_email(address)
    except ValidationError:
        said = _("This is not an e-mail address. Correct it, or leave it out.")
        raise Refused("bad_email", said, field="email") from None
    return address
