"""Who may do what. ``may_…`` answers, ``require_…`` raises ``Refused`` with the sentence a reader gets."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    get_backends,
    get_user_model,
    load_backend,
)
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.dates import WEEKDAYS
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from comments import at_once, conf, hours, thresholds
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, FormerAddress, Reason, Sanction, Status
from comments.models.comments import MAX_DEPTH


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether a discussion takes comments, why not, and when that changes by itself."""

    is_open: bool
    code: str = ""
    """Why it is closed: ``everywhere``, ``ended``, ``closed``, ``age`` or ``hours``."""
    reason: str = ""
    """Why, in a sentence for readers; empty when nobody said."""
    since: datetime | None = None
    opens_at: datetime | None = None
    closes_at: datetime | None = None


EN_DASH = "\u2013"
BY_THE_CLOCK = frozenset({"ended", "age", "hours"})


def opening(discussion: Discussion, at: datetime | None = None, settings: conf.Settings | None = None) -> Opening:
    """
    Return how ``discussion`` stands at ``at``: its mode, the times it opens and closes by itself, and the settings.

    ``opens_at`` and ``closes_at`` take all of them together: a discussion that is opened at night opens in the morning,
    where comments are written by day only.
    """
    at = at or timezone.now()
    settings = settings or thresholds.of(discussion)
    if settings.commenting_closed:
        return Opening(False, "everywhere", settings.closed_sentence or _("Commenting is closed for now."))
    ends = discussion.closes_at
    too_old = _too_old_at(discussion, settings)
    if ends and discussion.opens_at and ends < discussion.opens_at:
        # It ended, and is opened anew: until then it says so, and after that it never ended.
        if ends <= at < discussion.opens_at:
            opens = _next_hour(settings, discussion.opens_at)
            if opens and too_old and opens >= too_old:
                opens = None
            said = discussion.closed_reason or _("The time for comments is over.")
            return Opening(False, "ended", said, since=ends, opens_at=opens)
        if discussion.opens_at <= at:
            ends = None
    if ends and ends <= at:
        since = discussion.closed_at if discussion.mode == Discussion.Mode.CLOSED else None
        said = discussion.closed_reason or _("The time for comments is over.")
        return Opening(False, "ended", said, since=since or ends)
    last = min([moment for moment in (ends, too_old) if moment], default=None)
    shut = discussion.mode == Discussion.Mode.CLOSED and not (discussion.closed_at and at < discussion.closed_at)
    if shut and not (discussion.opens_at and discussion.opens_at <= at):
        opens = _next_hour(settings, discussion.opens_at) if discussion.opens_at else None
        if opens and last and opens >= last:
            opens = None
        said = discussion.closed_reason or _("The newsroom has closed them.")
        return Opening(False, "closed", said, since=discussion.closed_at, opens_at=opens)
    if too_old and too_old <= at:
        days = settings.close_after_days
        reason = ngettext(
            "Comments close by themselves after %(days)d day.",
            "Comments close by themselves after %(days)d days.",
            days,
        ) % {"days": days}
        return Opening(False, "age", reason, since=too_old)
    now = hours.now(settings.commenting_hours, at, timezone.get_default_timezone())
    if not now.is_open:
        opens = now.until if now.until and not (last and now.until >= last) else None
        return Opening(False, "hours", hours_in_words(settings.commenting_hours), opens_at=opens)
    return Opening(True, closes_at=min([moment for moment in (last, now.until) if moment], default=None))


def hours_in_words(lines: tuple[str, ...]) -> str:
    """Return when comments can be written, in a sentence that names the days as the reader's language does."""
    said = []
    for line in lines:
        days, _space, times = " ".join(line.lower().replace(", ", ",").split()).rpartition(" ")
        named = days
        for code, name in zip(hours.DAYS, WEEKDAYS.values(), strict=True):
            named = re.sub(rf"\b{code}\b", str(name), named)
        said.append(f"{named.replace('-', EN_DASH).replace(',', ', ')} {times.replace('-', EN_DASH)}".strip())
    return _("Comments can be written at these hours: %(hours)s.") % {"hours": "; ".join(said)}


def _too_old_at(discussion: Discussion, settings: conf.Settings) -> datetime | None:
    if not settings.close_after_days:
        return None
    try:
        return discussion.created_at + timedelta(days=settings.close_after_days)
    except OverflowError:
        return None


def _next_hour(settings: conf.Settings, at: datetime) -> datetime | None:
    """Return ``at``, or when the weekly hours begin after it."""
    now = hours.now(settings.commenting_hours, at, timezone.get_default_timezone())
    return at if now.is_open else now.until


def is_open(discussion: Discussion, at: datetime | None = None) -> bool:
    """Say whether ``discussion`` takes comments: see :func:`opening`."""
    return opening(discussion, at).is_open


def is_staff(person: Commenter | None) -> bool:
    """Say whether ``person`` works for the newsroom: the limits and rules for readers leave them alone."""
    return bool(person and person.user and person.user.is_staff and person.user.is_active)


# --- The newsroom's roles ---------------------------------------------------------------------------------------------
#
# Permissions of the desk, given by groups (migration 0007). Superusers, and people who are not staff, cost no query.


def recognise(request: HttpRequest) -> None:
    """
    Read who the session names, and what a page of the desk asks of them, in one query: see :func:`learn`.

    What Django does itself is left to it: a session that does not hold, another backend than its own, nobody at all.
    """
    session, users = request.session, get_user_model()
    if hasattr(request, "_cached_user"):
        return
    named_by = session.get(BACKEND_SESSION_KEY)
    if named_by not in django_settings.AUTHENTICATION_BACKENDS or not _are_djangos(get_backends()):
        return
    if not _does_as_djangos(load_backend(named_by), ("get_user", "user_can_authenticate")):
        return
    named = users._meta.pk.to_python(session[SESSION_KEY])
    user, told = _asked(users(pk=named), {"user": users._default_manager.filter(pk=named)})
    if user and user.is_active and _holds(session, user):
        _keep(user, told)
        # Where Django's middleware looks before it asks.
        request._cached_user = user  # type: ignore[attr-defined]


def _holds(session: Any, user: Any) -> bool:
    """Say whether ``session`` was begun with the password that ``user`` has now."""
    return constant_time_compare(session.get(HASH_SESSION_KEY) or "", user.get_session_auth_hash())


def learn(user: Any) -> None:
    """
    Ask in one query what a page of the desk asks of ``user``: their permissions, sections and who they are here.

    It is kept on ``user``, which lives for one request. Where another backend than Django's own says who may do what,
    and for superusers, who may do everything, this asks nothing; nor of whom :func:`recognise` has told it all.
    """
    known = hasattr(user, "_comment_sections") or user.is_superuser
    if user.is_active and user.is_staff and not known and _are_djangos(get_backends()):
        _keep(user, _asked(user, {})[1])


@dataclass(frozen=True, slots=True)
class _Told:
    """What the desk asks of a user: who they are here, and each permission and section with what it comes from."""

    people: list[Commenter]
    said: list[tuple[str, str]]

    def named(self, kind: str) -> frozenset[str]:
        return frozenset(name for of, name in self.said if of == kind)


def _asked(user: Any, more: Mapping[str, QuerySet[Any]]) -> tuple[Any, _Told]:
    """Ask for what is told of ``user``, and for their own row where that is ``more``. One query."""
    permissions = [("own", user.user_permissions), ("group", _of_groups(user))]
    label = Concat("content_type__app_label", Value("."), "codename", output_field=CharField())
    found, said = at_once.ask(
        {"person": Commenter.objects.filter(user=user), **more},
        [
            *(of.order_by().values_list(Value(kind, CharField()), label) for kind, of in permissions),
            user.comment_sections.order_by().values_list(Value("section", CharField()), F("section")),
        ],
    )
    return next(iter(found.get("user", ())), None), _Told(found["person"], said)


def _keep(user: Any, told: _Told) -> None:
    if user.is_staff and not user.is_superuser:
        # Where Django's backend looks before it asks, with a query for each.
        user._user_perm_cache, user._group_perm_cache = set(told.named("own")), set(told.named("group"))
        user._comment_sections = told.named("section")
    for person in told.people:
        Commenter.user.field.remote_field.set_cached_value(user, person)


def _of_groups(user: Any) -> Any:
    return Permission.objects.filter(group__in=user.groups.all())


READS = ("has_perm", "get_all_permissions", "_get_permissions", "_get_user_permissions", "_get_group_permissions")


def _are_djangos(backends: Iterable[Any]) -> bool:
    """Say whether each of ``backends`` that knows permissions reads them as Django's own does."""
    return all(_does_as_djangos(each, READS) for each in backends if hasattr(each, "has_perm"))


def _does_as_djangos(backend: Any, methods: Iterable[str]) -> bool:
    return all(getattr(type(backend), name, None) is getattr(ModelBackend, name) for name in methods)


def person(user: Any) -> Commenter:
    """Return the person behind a signed-in ``user``, as :meth:`Commenter.objects.for_user` does; one query at most."""
    remote: Any = Commenter.user.field.remote_field
    kept: Commenter | None = remote.get_cached_value(user, default=None)
    if kept is None:
        kept = Commenter.objects.for_user(user)
        remote.set_cached_value(user, kept)
    kept.user = user
    return kept


def may(user: Any, permission: str) -> bool:
    """Say whether ``user`` works for the newsroom and has ``permission`` of the desk: ``see_audit``."""
    return bool(user and user.is_active and user.is_staff and user.has_perm(f"comments.{permission}"))


def sections_of(user: Any) -> frozenset[str] | None:
    """Return the sections in which ``user`` may decide; ``None`` means in all. One query for section moderators."""
    if may(user, "moderate"):
        return None
    if not may(user, "moderate_sections"):
        return frozenset()
    kept: frozenset[str] | None = getattr(user, "_comment_sections", None)
    if kept is None:
        kept = frozenset(user.comment_sections.values_list("section", flat=True))
        user._comment_sections = kept
    return kept


def sections_counted(user: Any) -> frozenset[str] | None:
    """Return the sections whose numbers ``user`` sees: a section moderator's own; ``None`` means all."""
    if may(user, "moderate_sections") and not may(user, "moderate"):
        return sections_of(user)
    return None if may(user, "see_numbers") else frozenset()


def may_moderate(user: Any, discussion: Discussion | None = None) -> bool:
    """Say whether ``user`` may decide about comments: in ``discussion``, or anywhere at all."""
    sections = sections_of(user)
    if sections is None:
        return True
    return discussion.section in sections if discussion else bool(sections)


def may_see_desk(user: Any) -> bool:
    """Say whether ``user`` may look at the desk: viewers and everyone who decides."""
    return may(user, "see_desk") or may_moderate(user)


def sections_seen(user: Any) -> frozenset[str] | None:
    """Return the sections that the desk shows to ``user``: a section moderator's own; ``None`` means all."""
    if may(user, "moderate") or (may(user, "see_desk") and not may(user, "moderate_sections")):
        return None
    return sections_of(user)


def may_see(user: Any, discussion: Discussion) -> bool:
    """Say whether the desk shows ``user`` the comments of ``discussion``."""
    sections = sections_seen(user)
    return sections is None or discussion.section in sections


def require_viewer(user: Any, discussion: Discussion | None = None) -> None:
    """Raise ``Refused`` (403) unless ``user`` may look at the desk, and at ``discussion`` if one is given."""
    if not may_see_desk(user):
        raise Refused("not_a_moderator", _("Only the newsroom's moderators can do this."), status=403)
    if discussion is not None and not may_see(user, discussion):
        raise Refused("other_section", _("This comment stands in a section that is not yours."), status=403)


def require_moderator(user: Any, discussion: Discussion | None = None) -> None:
    """Raise ``Refused`` (403) unless ``user`` may decide about comments, in ``discussion`` if one is given."""
    if may_moderate(user, discussion):
        return
    if discussion is not None and may_moderate(user):
        raise Refused("other_section", _("This comment stands in a section that is not yours."), status=403)
    raise Refused("not_a_moderator", _("Only the newsroom's moderators can do this."), status=403)


def require(user: Any, permission: str) -> None:
    """Raise ``Refused`` (403) unless ``user`` has ``permission`` of the desk."""
    if may(user, permission):
        return
    if not (user and user.is_active and user.is_staff):
        raise Refused("not_a_moderator", _("Only the newsroom's moderators can do this."), status=403)
    raise Refused("not_allowed", _("Your role in the newsroom does not allow this."), status=403, needs=permission)


def require_of(person: Commenter | None, permission: str) -> None:
    """
    Raise ``Refused`` (403) unless ``person`` has ``permission`` of the desk: what verbs ask, whichever door it was.

    ``None``, and a person without a user, is the system itself or a command, which stand outside the roles.
    """
    if person is not None and person.user is not None:
        require(person.user, permission)


def require_moderator_of(person: Commenter | None, discussion: Discussion) -> None:
    """Raise ``Refused`` (403) unless ``person`` may decide in ``discussion``; the system itself may."""
    if person is not None and person.user is not None:
        require_moderator(person.user, discussion)


def may_give_roles(user: Any) -> bool:
    """Say whether ``user`` may say who has which role: those who may change users in Django's own admin."""
    if not (user and user.is_active and user.is_staff):
        return False
    return bool(user.has_perm(f"{user._meta.app_label}.change_{user._meta.model_name}"))


def require_may_give_roles(user: Any) -> None:
    """Raise ``Refused`` (403) unless ``user`` may say who has which role."""
    if not may_give_roles(user):
        said = _("Roles are given by those who may change users in the admin panel.")
        raise Refused("not_allowed", said, status=403)


# --- How a person stands ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """How a person stands with the newsroom: what is in force against them, or against where they come from."""

    state: str = "fine"
    """
    ``fine``, ``premoderated``, ``warned`` (and not read it), ``leaving``, ``suspended`` or ``banned``: what binds most.
    """
    sanction: Sanction | None = None
    """What that rests on, with its ``words``."""
    in_force: tuple[Sanction, ...] = ()
    """Everything that holds, the latest first; warnings that were read among it."""
    leaves_at: datetime | None = None
    """When this person's account is deleted, at their own wish: nothing is written until then."""

    @property
    def until(self) -> datetime | None:
        """When it ends by itself; ``None``: when it is lifted, or read."""
        return self.sanction.ends_at if self.sanction and self.state not in ("warned", "leaving") else None

    @property
    def unread(self) -> Sanction | None:
        """The oldest warning that has not been read."""
        return next((one for one in reversed(self.in_force) if _is_unread(one)), None)

    @property
    def is_shut_out(self) -> bool:
        """Nothing can be written."""
        return self.state in ("suspended", "banned")


def domains_of(person: Commenter) -> list[str]:
    """Return the domain of the person's address and those it is part of: ``["mail.example.org", "example.org"]``."""
    address = (person.user.email if person.user else person.email) or ""
    domain = address.rpartition("@")[2].strip().rstrip(".").lower()
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        pass
    labels = domain[:253].split(".")
    return [".".join(labels[start:]) for start in range(max(1, len(labels) - 1))] if domain else []


SHUT_OUT = (Sanction.Kind.SUSPEND, Sanction.Kind.BAN)
"""What holds for an address beyond the account that had it."""


def former_address(person: Commenter) -> str:
    """Return the keyed hash of the address ``person`` signs in with, as ``FormerAddress`` keeps it; "" for none."""
    address = (person.user.email if person.user else "") or ""
    return address_digest(address) if address else ""


def left_and_came_back(person: Commenter, sanction: Sanction) -> bool:
    """Say whether ``sanction`` holds for ``person`` because of who had their address before. One query."""
    digest = former_address(person)
    if not digest or sanction.kind not in SHUT_OUT:
        return False
    return FormerAddress.objects.filter(person=sanction.person_id, digest=digest).exists()


def address_digest(address: str) -> str:
    """Return a keyed hash of an e-mail address, 64 hex characters: the same whatever its capitals."""
    plain = unicodedata.normalize("NFKC", address).strip().casefold()
    return hmac.new(django_settings.SECRET_KEY.encode(), f"address:{plain}".encode(), hashlib.sha256).hexdigest()


def standing(person: Commenter, network_key: str = "", at: datetime | None = None) -> Standing:
    """
    Return how ``person`` stands at ``at``, now if left out: by themselves, their e-mail domain and their network.

    One query. A domain or a network never counts against the newsroom's own people. A suspension that is over needs
    nobody to end it. Who was shut out, had their account deleted and came back with the same address is shut out.
    """
    return standings([(person, network_key)], at)[0]


def standings(asked: Sequence[tuple[Commenter, str]], at: datetime | None = None) -> list[Standing]:
    """
    Return how each of these people stands, who write from these networks: as :func:`standing`, in one query.

    One more where something holds for somebody because of who had their address before.
    """
    own: list[tuple[Commenter, list[str], str, str]] = [
        (person, [], "", "") if is_staff(person) else (person, domains_of(person), network, former_address(person))
        for person, network in asked
    ]
    people = {person.pk for person, *_where in own}
    about = Q(person__in=people)
    if all_domains := {domain for _person, domains, _network, _address in own for domain in domains}:
        about |= Q(email_domain__in=all_domains)
    if networks := {network for _person, _domains, network, _address in own if network}:
        about |= Q(network_key__in=networks)
    if addresses := {address for _person, _domains, _network, address in own if address}:
        gone = FormerAddress.objects.filter(digest__in=addresses)
        about |= Q(person__in=gone.values("person"), kind__in=SHUT_OUT)
    found = Sanction.objects.in_force(at).filter(about).select_related("words", "acknowledgement", "made_by")
    # Put in order here: a planner that is asked to would rather read the whole table backwards.
    latest_first = sorted(found, key=lambda one: -one.pk)
    before: set[tuple[str, int]] = set()
    if left := {one.person_id for one in latest_first if one.person_id and one.person_id not in people}:
        before = set(FormerAddress.objects.filter(person__in=left).values_list("digest", "person"))
    return [
        _leaving(
            person,
            standing_by(
                one
                for one in latest_first
                if one.person_id == person.pk
                or one.email_domain in domains
                or (network and one.network_key == network)
                or (address, one.person_id) in before
            ),
        )
        for person, domains, network, address in own
    ]


def _leaving(person: Commenter, now: Standing) -> Standing:
    if person.erase_at is None:
        return now
    return replace(now, state=now.state if now.is_shut_out else "leaving", leaves_at=person.erase_at)


def standing_by(sanctions: Iterable[Sanction]) -> Standing:
    """Return what ``sanctions``, all in force and the latest first, come to together."""
    found = tuple(sanctions)
    banned = [one for one in found if one.kind == Sanction.Kind.BAN]
    suspended = [one for one in found if one.kind == Sanction.Kind.SUSPEND]
    waits = [one for one in found if one.kind == Sanction.Kind.PREMODERATE]
    if banned or suspended:
        # What lasts longest is what a person has to know; without an end is longest.
        binding = max(banned or suspended, key=lambda one: (one.ends_at is None, one.ends_at or one.starts_at))
        return Standing("banned" if banned else "suspended", binding, found)
    unread = Standing(in_force=found).unread
    if unread is not None:
        return Standing("warned", unread, found)
    return Standing("premoderated", waits[0], found) if waits else Standing(in_force=found)


def _is_unread(sanction: Sanction) -> bool:
    return sanction.kind == Sanction.Kind.WARN and getattr(sanction, "acknowledgement", None) is None


def standing_in_words(now: Standing) -> str:
    """Return what ``now`` means for the person, and why, in a sentence or two; "" where nothing binds. One query."""
    if now.state == "leaving":
        return _("You asked for your account to be deleted on %(when)s. Until then nothing is posted in your name.") % {
            "when": spoken(now.leaves_at)
        }
    if now.sanction is None:
        return ""
    where = {"domain": now.sanction.email_domain}
    facts = where | {"until": spoken(now.until)}
    match now.state:
        case "suspended" | "banned" if now.sanction.email_domain:
            said = (
                _("Nobody with an address at %(domain)s can comment here until %(until)s.")
                if now.until
                else _("Nobody with an address at %(domain)s can comment here.")
            )
        case "suspended" | "banned" if now.sanction.network_key:
            said = _("Nobody can comment from the network you are using, until %(until)s.")
        case "suspended":
            said = _("You cannot comment until %(until)s.") if now.until else _("You cannot comment for now.")
        case "banned":
            said = (
                _("You cannot comment here until %(until)s.") if now.until else _("You cannot comment here any more.")
            )
        case "warned":
            said = _("The editors have written to you. Please read it before you go on.")
        case _premoderated:
            said = _("An editor reads your comments before others see them.")
    reason = Reason.objects.filter(code=now.sanction.reason).first() if now.sanction.reason else None
    because = _("The reason: %(reason)s.") % {"reason": reason} if reason else ""
    return " ".join(filter(None, [said % facts, because]))


def spoken(moment: datetime | None) -> str:
    """Return ``moment`` by the site's clock, in words."""
    if moment is None:
        return ""
    return date_format(timezone.localtime(moment, timezone.get_default_timezone()), "DATETIME_FORMAT")


REFUSED_FOR = {"suspended": "suspended", "banned": "banned", "warned": "warning_unread", "leaving": "leaving"}


def require_good_standing(person: Commenter, network_key: str = "", *, warned: bool = True) -> None:
    """
    Raise ``Refused`` (403) for who is suspended, banned or leaving, and, unless ``warned`` is false, has a warning to
    read.

    One query, one more for the words of a refusal. Who is refused is always told why and until when.
    """
    now = standing(person, network_key)
    if now.state not in REFUSED_FOR or (now.state == "warned" and not warned):
        return
    facts: dict[str, Any] = {"sanction": str(now.sanction.public_id)} if now.sanction else {}
    if now.until:
        facts["until"] = now.until.isoformat()
    raise Refused(REFUSED_FOR[now.state], standing_in_words(now), status=403, **facts)


def require_signed_in(user: Any) -> None:
    if not (user and user.is_authenticated):
        raise Refused("not_signed_in", _("Sign in to do this. What you wrote stays in the box."), status=401)


def require_open(discussion: Discussion, settings: conf.Settings | None = None) -> None:
    """Raise ``Refused`` with why ``discussion`` takes no comments, and when it does again."""
    now = opening(discussion, settings=settings)
    if now.is_open:
        return
    said = now.reason or _("Comments are closed here.")
    facts: dict[str, Any] = {}
    if now.opens_at:
        local = timezone.localtime(now.opens_at, timezone.get_default_timezone())
        opens = _("They open again on %(when)s.") % {"when": date_format(local, "DATETIME_FORMAT")}
        said, facts = f"{said} {opens}", {"opens_at": now.opens_at.isoformat()}
    raise Refused("closed", said, status=403, **facts)


def require_may_post(
    author: Commenter,
    discussion: Discussion,
    parent: Comment | None,
    recent: list[Comment],
    network_key: str = "",
) -> None:
    """
    Raise ``Refused`` when ``author`` may not post here now. Nothing is saved.

    ``recent`` are the author's comments of the last minutes, newest first. How the author stands costs a query, slow
    mode and the cap for each person cost one where they are on; the rest costs none.
    """
    require_good_standing(author, network_key)
    settings = thresholds.of(discussion)
    require_open(discussion, settings)
    if parent is not None:
        if parent.discussion_id != discussion.pk:
            raise Refused("parent_elsewhere", _("The comment you are answering stands under another article."))
        if parent.status != Status.PUBLISHED:
            raise Refused("parent_gone", _("The comment you are answering is no longer there."), status=409)
        if parent.depth + 1 >= MAX_DEPTH:
            raise Refused("too_deep", _("This conversation is too deep to go on here. Please start a new comment."))
    now = timezone.now()
    if limit := settings.posts_per_minute:
        latest = [c.created_at for c in recent if c.created_at > now - timedelta(seconds=60)]
        if len(latest) >= limit and not is_staff(author):
            wait = max(1, 60 - int((now - latest[limit - 1]).total_seconds()))
            raise Refused(
                "too_fast",
                ngettext(
                    "You are posting quickly. Please wait %(wait)d second.",
                    "You are posting quickly. Please wait %(wait)d seconds.",
                    wait,
                )
                % {"wait": wait},
                status=429,
                retry_after=wait,
            )
    if settings.slow_mode_seconds and not is_staff(author):
        _require_slow(author, discussion, settings.slow_mode_seconds, now)
    if settings.comments_per_person and not is_staff(author):
        _require_under_the_cap(author, discussion, settings.comments_per_person)


def _require_slow(author: Commenter, discussion: Discussion, seconds: int, now: datetime) -> None:
    latest = Comment.objects.filter(author=author, discussion=discussion).order_by("-created_at")
    last = latest.values_list("created_at", flat=True).first()
    wait = 0 if last is None else ceil(seconds - (now - last).total_seconds())
    if wait > 0:
        minutes = ceil(wait / 60)
        said = (
            ngettext(
                "Slow mode is on here. Your next comment can be posted in %(count)d second.",
                "Slow mode is on here. Your next comment can be posted in %(count)d seconds.",
                wait,
            )
            % {"count": wait}
            if wait < 120
            else ngettext(
                "Slow mode is on here. Your next comment can be posted in %(count)d minute.",
                "Slow mode is on here. Your next comment can be posted in %(count)d minutes.",
                minutes,
            )
            % {"count": minutes}
        )
        raise Refused("slow_mode", said, status=429, retry_after=wait)


def _require_under_the_cap(author: Commenter, discussion: Discussion, most: int) -> None:
    written = Comment.objects.filter(author=author, discussion=discussion).exclude(status=Status.WITHDRAWN)
    if written.count() >= most:
        raise Refused(
            "enough_here",
            ngettext(
                "Everyone may write %(count)d comment under this article, and yours is there.",
                "Everyone may write %(count)d comments under this article, and yours are all there.",
                most,
            )
            % {"count": most},
            status=403,
            maximum=most,
        )


def may_edit(person: Commenter | None, comment: Comment) -> bool:
    """Say whether ``person`` may still rewrite ``comment``."""
    window = timedelta(minutes=thresholds.of(comment.discussion).edit_minutes)
    return bool(
        person
        and comment.author_id == person.pk
        and comment.status not in (Status.WITHDRAWN, Status.REJECTED)
        and timezone.now() - comment.created_at < window
    )


def require_author(person: Commenter, comment: Comment) -> None:
    """Raise a 404 for everyone but the author: who is not told about a comment is not told that it exists."""
    if comment.author_id != person.pk:
        raise Refused("unknown_comment", _("There is no such comment."), status=404)


def require_may_edit(person: Commenter, comment: Comment) -> None:
    require_author(person, comment)
    if not may_edit(person, comment):
        raise Refused(
            "edit_too_late", _("This comment can no longer be edited. You can still withdraw it."), status=403
        )
