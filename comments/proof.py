"""
What a comment by somebody unknown costs its sender: a sum for their browser, or a wait.

The sum is ALTCHA's: which number, put behind this salt, has that SHA-256? Nothing is asked of anybody else, nothing of
the reader is looked at. Challenges are signed, not stored, so that giving one out costs nothing; what was handed in is
written down until it would have expired, in the database, where it is exact and does not go away with a cache.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core import signing
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from comments import conf
from comments.exceptions import Refused
from comments.models import SpentProof

ALGORITHM = "SHA-256"
LONGEST = 2_000
_salt = re.compile(r"[0-9a-f]{24}\?expires=([0-9]{10,12})&")


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody handed in and may spend, once."""

    digest: str
    expires_at: datetime


def challenge() -> dict[str, Any]:
    """Return a new sum in the shape that ALTCHA's clients know: of ``maxnumber`` and one numbers, one is right."""
    settings = conf.get()
    # The sign at the end bounds the salt: else digits could move from the number into the time it expires.
    salt = f"{secrets.token_hex(12)}?expires={int(time.time()) + 60 * settings.proof_minutes}&"
    number = secrets.randbelow(settings.proof_numbers + 1)
    sought = _sha256(salt, number)
    return {
        "algorithm": ALGORITHM,
        "challenge": sought,
        "maxnumber": settings.proof_numbers,
        "salt": salt,
        "signature": _signature(salt, sought),
    }


def checked(given: str) -> Proof:
    """
    Return the proof in ``given``, base64 of ``{"algorithm", "challenge", "number", "salt", "signature"}``.

    Raise ``Refused`` for one that is not ours, not right or too old. Whether it was spent is found by spending it.
    """
    try:
        said = json.loads(base64.b64decode(given[:LONGEST], validate=True))
        salt, sought, number = said["salt"], said["challenge"], said["number"]
        signature, algorithm = said["signature"], said["algorithm"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise _wrong() from None
    texts = (salt, sought, signature, algorithm)
    if type(number) is not int or not all(isinstance(one, str) and one.isascii() for one in texts):
        raise _wrong()
    shape = _salt.fullmatch(salt)
    if shape is None or algorithm != ALGORITHM or not constant_time_compare(signature, _signature(salt, sought)):
        raise _wrong()
    expires = int(shape[1])
    if expires <= time.time():
        raise _expired()
    if not 0 <= number <= 10**9 or not hmac.compare_digest(_sha256(salt, number), sought):
        raise _wrong()
    return Proof(hashlib.sha256(salt.encode()).hexdigest(), datetime.fromtimestamp(expires, UTC))


def _wrong() -> Refused:
    said = _("What your browser sent with it is not what we asked for. Press the button again.")
    return Refused("proof_wrong", said, status=403)


def _expired() -> Refused:
    return Refused("proof_expired", _("The page waited too long for this. Press the button again."), status=403)


def _sha256(salt: str, number: int) -> str:
    return hashlib.sha256(f"{salt}{number}".encode()).hexdigest()


def _signature(salt: str, sought: str) -> str:
    return salted_hmac("comments.proof", f"{salt}{sought}", algorithm="sha256").hexdigest()


# --- For browsers that do no sums -------------------------------------------------------------------------------------

SIGNED_FOR = "comments.wait"


def ticket() -> str:
    """Return what stands in for a sum once ``GUEST_WAIT_SECONDS`` are over."""
    return signing.dumps([secrets.token_hex(12), int(time.time())], salt=SIGNED_FOR)


def waited(given: str) -> Proof:
    """Return the proof that a ``ticket`` is; raise ``Refused`` with the seconds left when it comes too soon."""
    settings = conf.get()
    try:
        _number, made_at = signing.loads(given[:LONGEST], salt=SIGNED_FOR)
    except signing.BadSignature:
        raise _wrong() from None
    if made_at + 60 * settings.proof_minutes <= time.time():
        raise _expired()
    left = made_at + settings.guest_wait_seconds - int(time.time())
    if left > 0:
        said = ngettext(
            "Please wait %(wait)d more second, then press the button again.",
            "Please wait %(wait)d more seconds, then press the button again.",
            left,
        )
        raise Refused("too_soon", said % {"wait": left}, status=429, retry_after=left)
    expires = datetime.fromtimestamp(made_at + 60 * settings.proof_minutes, UTC)
    return Proof(hashlib.sha256(given.encode()).hexdigest(), expires)


# --- Once -------------------------------------------------------------------------------------------------------------


def spend(proof: Proof) -> None:
    """Write down that ``proof`` is used; raise ``Refused`` (409) if it was. Call in the comment's transaction."""
    try:
        with transaction.atomic():
            SpentProof.objects.create(digest=proof.digest, expires_at=proof.expires_at)
    except IntegrityError:
        said = _("This was sent before. If you meant to post again, press the button again.")
        raise Refused("proof_spent", said, status=409) from None


def forget() -> int:
    """Delete what has expired, and so is refused by its date; return how many."""
    return SpentProof.objects.filter(expires_at__lt=timezone.now() - timedelta(minutes=5)).delete()[0]
