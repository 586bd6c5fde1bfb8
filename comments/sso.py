"""
Signing readers in by a token that the publisher's own site signs: ``SSO_KEYS``, off without them.

The token is a JWT of a few minutes, good once. It is verified by the one algorithm that its key is for, whatever its
header asks for. Only the issuer's own id of a reader (``sub``) leads to an account here. An e-mail address never does,
verified or not: whoever can choose their address at the publisher's could otherwise choose whose account they get. So a
reader who had an account here before has two; and nobody who works on the desk or in the admin is ever signed in so.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import update_last_login
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse
from django.utils import timezone, translation
from django.utils.text import slugify
from django.utils.translation import gettext as _

from comments import conf, names, ratelimit
from comments.exceptions import Refused
from comments.models import Commenter, PublisherAccount, SpentProof, Token

logger = logging.getLogger(__name__)

LONGEST = 8_000
"""Characters of a token: what fits into an address beside the rest."""

LONGEST_SECONDS = 300
"""For how long a token may be good, from ``iat`` to ``exp``."""

LEEWAY_SECONDS = 30
"""How far the publisher's clock may be from ours."""

SHORTEST_SECRET = 32
"""Bytes of a secret for HS256: as long as what it makes, as RFC 7518 asks."""

SHORTEST_RSA = 2_048
REQUIRED = ("sub", "jti", "iat", "exp", "iss", "aud")
SCOPES = ("read", "write")
"""What a token of the API may do that somebody is signed in with. Never ``moderate``."""

LABEL = "sso "
TRIES = 5
LONGEST_USERNAME = 30
NAMESAKES = 9
"""So many readers may be called the same before the next one is shown without their name."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key and the one algorithm that it is for."""

    algorithm: str
    material: Any


@dataclass(frozen=True, slots=True)
class Claims:
    """What the publisher said of a reader, verified."""

    issuer: str
    subject: str
    number: str
    """``jti``: good once."""
    expires_at: datetime
    name: str | None
    """As others are to see them; ``None`` when nothing was said."""
    email: str | None
    """An address that the publisher verified; "" for one that it did not, ``None`` when nothing was said."""
    nonce: str
    """What we had asked the browser to bring back; "" for a program."""


@dataclass(frozen=True, slots=True)
class Session:
    """A token of the API that stands for who was signed in; the only time it can be read."""

    person: Commenter
    token: str
    expires_at: datetime


# --- Whether, and where -----------------------------------------------------------------------------------------------


def is_on() -> bool:
    """Say whether the publisher signs readers in here."""
    settings = conf.get()
    return bool(settings.sso_keys and settings.sso_issuer and settings.sso_audience)


def require_on() -> None:
    """Raise ``Refused`` (404) where nobody is signed in by the publisher."""
    if not is_on():
        raise Refused("sso_off", _("Nobody is signed in from another site here."), status=404)


def starts_here() -> bool:
    """Say whether a reader who wants to sign in is sent to the publisher."""
    return is_on() and bool(conf.get().sso_login_url)


def login_url() -> str:
    """Return where "Sign in" leads, to which ``next`` is added: every link there asks here."""
    if starts_here():
        try:
            return reverse("comments:sso")
        except NoReverseMatch:
            # The site serves no pages of ours.
            pass
    return resolve_url(django_settings.LOGIN_URL)


def complaint(address: str) -> str:
    """Say what is wrong with ``address`` as the publisher's sign-in page; "" if nothing."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "is no address of a page"
    if not parts.hostname or parts.fragment:
        return "is no address of a page"
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")):
        return ""
    return "does not begin with https://"


# --- Keys -------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def key(text: str) -> Key:
    """
    Return ``text`` as a key. Raise ``ValueError``, which says what is wrong and never the key.

    What a key is decides what it verifies: a public key is never taken for a secret that anybody may know.
    """
    if "-----BEGIN" not in text:
        if len(text.encode()) < SHORTEST_SECRET:
            raise ValueError(f"is a secret of less than {SHORTEST_SECRET} bytes, which can be guessed")
        return Key("HS256", text)
    if "PRIVATE KEY" in text:
        raise ValueError("is a private key: it belongs to the publisher alone, and here its public half")
    return _public(text)


def _public(text: str) -> Key:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        loaded = load_pem_public_key(text.strip().encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("cannot be read as a public key in PEM") from None
    if isinstance(loaded, ed25519.Ed25519PublicKey):
        return Key("EdDSA", loaded)
    if isinstance(loaded, ec.EllipticCurvePublicKey) and isinstance(loaded.curve, ec.SECP256R1):
        return Key("ES256", loaded)
    if isinstance(loaded, rsa.RSAPublicKey) and loaded.key_size >= SHORTEST_RSA:
        return Key("RS256", loaded)
    raise ValueError(f"is none for RS256 ({SHORTEST_RSA} bits or more), ES256 (P-256) or EdDSA (Ed25519)")


def _named(kid: object) -> Key:
    """Return the key that a token names, the only one where it names none."""
    keys = conf.get().sso_keys
    if kid is None and len(keys) == 1:
        return key(next(iter(keys.values())))
    if not isinstance(kid, str) or kid not in keys:
        raise _bad("kid")
    return key(keys[kid])


# --- Reading a token --------------------------------------------------------------------------------------------------


def read(token: str, *, network_key: str = "") -> Claims:
    """
    Return what ``token`` says, once all of it is verified; nothing is written down yet.

    Raise ``Refused``: ``sso_off`` (404), ``sso_expired`` or ``sso_bad_token`` (403; ``why`` names the claim, or
    ``kid``, ``signature``, ``lifetime`` or ``token``). Refusals are counted by network; too many have to wait (429).
    """
    require_on()
    with _counting_refusals(network_key):
        return _believed(_verified(token))


@contextmanager
def _counting_refusals(network_key: str) -> Iterator[None]:
    try:
        yield
    except Refused as refused:
        logger.info("a publisher's token was refused (%s, %s)", refused.code, refused.params.get("why", ""))
        limit = conf.get().sso_refused_per_hour
        ratelimit.require_not_too_many("sso", network_key, limit=limit, seconds=3600)
        raise


def _verified(token: str) -> dict[str, Any]:
    import jwt

    if not token or len(token) > LONGEST or not token.isascii():
        raise _bad("token")
    settings = conf.get()
    try:
        named = _named(jwt.get_unverified_header(token).get("kid"))
        said: dict[str, Any] = jwt.decode(
            token,
            named.material,
            algorithms=[named.algorithm],
            audience=settings.sso_audience,
            issuer=settings.sso_issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": list(REQUIRED)},
        )
    except jwt.ExpiredSignatureError:
        raise Refused("sso_expired", _("This sign-in has expired. Sign in again."), status=403) from None
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        # Not only its own errors: numbers and nesting beyond all measure come out of the library as they are.
        raise _bad(_why(error)) from None
    return said


def _why(error: Exception) -> str:
    import jwt

    match error:
        case jwt.MissingRequiredClaimError():
            return str(error.claim)
        case jwt.InvalidSignatureError():
            return "signature"
        case jwt.InvalidAlgorithmError():
            return "alg"
        case jwt.InvalidAudienceError():
            return "aud"
        case jwt.InvalidIssuerError():
            return "iss"
        case jwt.exceptions.InvalidSubjectError():
            return "sub"
        case jwt.exceptions.InvalidJTIError():
            return "jti"
        case jwt.ImmatureSignatureError() | jwt.InvalidIssuedAtError():
            return "iat"
    return "token"


def _bad(why: str) -> Refused:
    said = _("This sign-in is none that we can accept. Sign in again; if it stays so, let us know.")
    return Refused("sso_bad_token", said, status=403, why=why)


def _believed(said: dict[str, Any]) -> Claims:
    """Return the claims as values that can be stored. Raise ``Refused`` for what is none, or holds for too long."""
    issued_at, expires = _seconds(said, "iat"), _seconds(said, "exp")
    if not 0 < expires - issued_at <= LONGEST_SECONDS:
        raise _bad("lifetime")
    name = _text(said, "name", longest=1_000)
    return Claims(
        issuer=str(said["iss"]),
        subject=_line(said, "sub"),
        number=_line(said, "jti"),
        expires_at=datetime.fromtimestamp(expires, UTC) + timedelta(seconds=LEEWAY_SECONDS),
        name=name if name is None else _clean(name),
        email=_address(said),
        nonce=_text(said, "nonce", longest=255) or "",
    )


def _seconds(said: dict[str, Any], claim: str) -> float:
    """Return a time in seconds. That it is near enough to now to be one, the library has seen or its length will."""
    value = said[claim]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad(claim)
    return value


def _text(said: dict[str, Any], claim: str, *, longest: int) -> str | None:
    value = said.get(claim)
    if value is not None and (not isinstance(value, str) or len(value) > longest):
        raise _bad(claim)
    return value


def _line(said: dict[str, Any], claim: str) -> str:
    """Return what the publisher calls something: one line that a database and a log can hold."""
    value = _text(said, claim, longest=255)
    if not value or not value.isprintable():
        raise _bad(claim)
    return value


def _clean(name: str) -> str:
    words = " ".join(name.split())
    return "".join(one for one in words if one.isprintable() or one in "\u200c\u200d")[: names.LONGEST]


def _address(said: dict[str, Any]) -> str | None:
    given = _text(said, "email", longest=1_000)
    if not given:
        return None
    # Nothing but ``true`` is true here: "false" would be, too.
    if said.get("email_verified") is not True or len(given) > 254 or not given.isprintable():
        return ""
    try:
        validate_email(given)
    except ValidationError:
        return ""
    return given


# --- Signing in -------------------------------------------------------------------------------------------------------


def exchange(token: str, *, network_key: str = "") -> Commenter:
    """
    Return who the publisher says is there, for a program that hands in ``token``; somebody new is made on first sight.

    One with a ``nonce`` is for the browser that was given it, and refused here (``sso_bad_token``): it travels in
    addresses, which others may see. Raises what :func:`read` and :func:`sign_in` raise.
    """
    return sign_in(_for_programs(token, network_key))


def _for_programs(token: str, network_key: str) -> Claims:
    claims = read(token, network_key=network_key)
    if claims.nonce:
        raise _bad("nonce")
    return claims


def sign_in(claims: Claims) -> Commenter:
    """
    Spend the token behind ``claims`` and return who it signs in, with what the publisher changed about them.

    Whoever is banned is signed in as well: they may read and appeal. Raise ``Refused``: ``sso_spent`` (409),
    ``sso_staff`` for people of the newsroom and ``sso_switched_off`` for an account that may not sign in (403).
    """
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                _spend(claims)
                return _known(claims) or _somebody_new(claims)
        except IntegrityError:
            # The same reader twice at once, or a name that was taken in this moment: look again.
            if not left:
                raise
    raise AssertionError("unreachable")


def open_session(token: str, *, network_key: str = "") -> Session:
    """Exchange the publisher's ``token`` for one of ours, to read and write with for ``SSO_SESSION_DAYS``."""
    settings = conf.get()
    claims = _for_programs(token, network_key)
    with transaction.atomic():
        person = sign_in(claims)
        update_last_login(None, person.user)  # type: ignore[arg-type]  # somebody who signed in has an account
        label = f"{LABEL}{settings.sso_issuer}"[:80]
        ours = Token.objects.issue(person.user, list(SCOPES), settings.sso_session_days, label)
    return Session(person, ours, timezone.now() + timedelta(days=settings.sso_session_days))


def close_session(token: Token) -> None:
    """Let ``token`` open nothing any more."""
    Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())


def forget() -> int:
    """Delete the tokens of sessions that are over; return how many."""
    return Token.objects.filter(label__startswith=LABEL, expires_at__lt=timezone.now()).delete()[0]


def _spend(claims: Claims) -> None:
    digest = hashlib.sha256(f"sso\0{claims.issuer}\0{claims.number}".encode()).hexdigest()
    try:
        with transaction.atomic():
            SpentProof.objects.create(digest=digest, expires_at=claims.expires_at)
    except IntegrityError:
        raise Refused("sso_spent", _("This sign-in was used before. Sign in again."), status=409) from None


def _known(claims: Claims) -> Commenter | None:
    found = (
        PublisherAccount.objects.select_for_update(of=("self",))
        .select_related("user")
        .filter(issuer=claims.issuer, subject=claims.subject)
        .first()
    )
    if found is None:
        return None
    user = found.user
    if user.is_staff or user.is_superuser:
        said = _("You work for the newsroom: sign in with the account that you have here.")
        raise Refused("sso_staff", said, status=403)
    if not user.is_active:
        said = _("This account is switched off. If that is a mistake, let us know.")
        raise Refused("sso_switched_off", said, status=403)
    person = Commenter.objects.for_user(user)
    _take_address(person, claims)
    if claims.name and claims.name != found.name:
        # Only when they change it: what somebody chose here, or an editor gave them, stays.
        found.name = claims.name
        found.save(update_fields=["name"])
        if (free := _free_name(person, claims.name)) and free != person.name:
            names.give(person, free)
    return person


def _somebody_new(claims: Claims) -> Commenter:
    users = get_user_model()
    user = users(**{users.USERNAME_FIELD: _free_username(claims.name or "")})
    user.set_unusable_password()
    user.save()
    PublisherAccount.objects.create(issuer=claims.issuer, subject=claims.subject, user=user, name=claims.name or "")
    person = Commenter.objects.create(user=user, name="?")
    person.name = _free_name(person, claims.name or "") or _no_name(person)
    person.save(update_fields=["name"])
    _take_address(person, claims)
    return person


def _take_address(person: Commenter, claims: Claims) -> None:
    """Keep the address that the publisher verified, unless another account here has it: it is then that one's."""
    user = person.user
    if user is None or claims.email is None:
        return
    field = user.get_email_field_name()
    before = getattr(user, field)
    if claims.email == before:
        return
    now = "" if claims.email and _is_somebody_elses(claims.email, user) else claims.email
    if now != before:
        setattr(user, field, now)
        user.save(update_fields=[field])
        person.contact_confirmed_at = timezone.now() if now else None
        person.save(update_fields=["contact_confirmed_at"])


def _is_somebody_elses(address: str, user: Any) -> bool:
    users = get_user_model()
    found = users._default_manager.filter(**{f"{users.get_email_field_name()}__iexact": address})
    if found.exclude(pk=user.pk).exists():
        return True
    if not apps.is_installed("allauth.account"):
        return False
    confirmed = apps.get_model("account", "EmailAddress")._default_manager
    return bool(confirmed.filter(email__iexact=address).exclude(user=user).exists())


# --- Names ------------------------------------------------------------------------------------------------------------


def _free_username(name: str) -> str:
    """Return a sign-in name that nobody has. It opens nothing: there is no password to it."""
    users = get_user_model()
    plain = re.sub(r"[^\w-]", "", slugify(name, allow_unicode=True))[:LONGEST_USERNAME].strip("-") or "reader"
    taken = users._default_manager.filter(**{f"{users.USERNAME_FIELD}__iexact": plain}).exists()
    return f"{plain}-{secrets.token_hex(4)}" if taken else plain


def _free_name(person: Commenter, wanted: str) -> str:
    """Return ``wanted``, or with a number behind it when others are called so; "" when nobody may be called that."""
    try:
        words = names.checked(wanted[: names.LONGEST - 2].strip())
    except Refused:
        return ""
    for tried in (words, *(f"{words} {number}" for number in range(2, NAMESAKES + 1))):
        try:
            names.require_free(person, tried)
        except Refused as refused:
            if refused.code != "name_taken":
                return ""
        else:
            return tried
    return ""


def _no_name(person: Commenter) -> str:
    with translation.override(django_settings.LANGUAGE_CODE):
        return _("Reader %(number)d") % {"number": person.pk}
