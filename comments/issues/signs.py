"""
What the server itself sees of trouble, from its own rows: faster than any reader's report, and without one.

Each sign is one function from a moment to a :class:`comments.issues.incidents.Sign` or nothing. One that fails is
logged and stops no other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Count, Max, Min, Q
from django.utils.translation import gettext as _

from comments import screening
from comments.issues import bursts
from comments.issues.incidents import Sign
from comments.models import Comment, Failure, Finding, Revision, Status

logger = logging.getLogger(__name__)

SILENCE_EXPECTED = 10
SILENCE_MINUTES = (10, 20, 30, 45, 60, 90, 120, 180)
WEEKS = 4
POSTS = ("post", "comments", "discussion_comments", "edit", "comment")
"""What the doors call sending a comment."""
POST_MINUTES = 15
FEWEST_FAILED, FEWEST_PEOPLE = 4, 3
FLOOR = 0.005
SURE, SIGN_IN_SURE = 1e-5, 1e-3
SIGN_IN_ATTEMPTS = 20
SIGN_IN_USUAL = 0.3
"""Shares of sign-ins fail in peace; less than this is never taken for usual."""
SLOW_SECONDS, SLOW_TIMES = 120.0, 3.0
UNCHECKED_PEOPLE = 5
REFUSED_MINUTES = 60
REFUSED_PEOPLE, REFUSED_TIMES = 10, 2
DECIDED = frozenset(
    {"closed", "banned", "suspended", "slow_mode", "enough_here", "not_signed_in", "guests_not_allowed"}
)
"""Refusals that become many when an editor decides something, or an article is read by many: no fault by themselves."""
MOST = 5_000


def look(now: datetime) -> list[Sign]:
    """Return everything that is wrong at ``now``."""
    found = []
    for sign in SIGNS:
        try:
            seen = sign(now)
        except Exception:
            logger.exception("the sign %s failed", sign.__name__)
            continue
        if seen is not None:
            found.append(seen)
    return found


def silence(now: datetime) -> Sign | None:
    """No comment came where ten were expected: by the same time of the last four weeks."""
    counts = {}
    for minutes in SILENCE_MINUTES:
        size = timedelta(minutes=minutes)
        counts[f"now_{minutes}"] = Count("pk", filter=Q(created_at__gt=now - size))
        for week in range(1, WEEKS + 1):
            at = now - timedelta(weeks=week)
            counts[f"week{week}_{minutes}"] = Count("pk", filter=Q(created_at__gt=at - size, created_at__lte=at))
    longest = timedelta(minutes=SILENCE_MINUTES[-1])
    spans = Q(created_at__gt=now - longest, created_at__lte=now)
    for week in range(1, WEEKS + 1):
        at = now - timedelta(weeks=week)
        spans |= Q(created_at__gt=at - longest, created_at__lte=at)
    found = Comment.objects.filter(spans).order_by().aggregate(**counts)
    for minutes in SILENCE_MINUTES:
        expected = sum(found[f"week{week}_{minutes}"] for week in range(1, WEEKS + 1)) / WEEKS
        if expected < SILENCE_EXPECTED:
            continue
        # The shortest window in which ten were expected decides.
        if found[f"now_{minutes}"]:
            return None
        said = _("No comment in %(minutes)d minutes; about %(expected)d were expected.")
        facts = {"minutes": minutes, "expected": round(expected), "seen": 0}
        return Sign("signal:silence", {**facts, "said": said % facts}, now - timedelta(minutes=minutes))
    return None


def _whose(row: tuple[Any, ...]) -> str:
    person, browser, network = row
    return f"a{person}" if person else f"b{browser}" if browser else f"n{network}"


def failed_posts(now: datetime) -> Sign | None:
    """More comments failed for our own fault than chance explains, and for several people."""
    since = now - timedelta(minutes=POST_MINUTES)
    failed = Failure.objects.filter(status__gte=500, verb__in=POSTS)
    rows = list(
        failed.filter(created_at__gt=since, created_at__lte=now).values_list("person", "browser_key", "network_key")[
            :MOST
        ]
    )
    people = len({_whose(row) for row in rows})
    if len(rows) < FEWEST_FAILED or people < FEWEST_PEOPLE:
        return None
    attempts = len(rows) + Comment.objects.filter(created_at__gt=since, created_at__lte=now).count()
    before = now - timedelta(days=bursts.RATE_DAYS)
    wrong = failed.filter(created_at__gt=before, created_at__lte=since).count()
    right = Comment.objects.filter(created_at__gt=before, created_at__lte=since).count()
    usual = max(FLOOR, wrong / (wrong + right) if wrong + right else 0)
    if bursts.unlikely_failures(len(rows), attempts, usual) > SURE:
        return None
    facts = {"failed": len(rows), "attempts": attempts, "people": people, "minutes": POST_MINUTES}
    said = _("%(failed)d of %(attempts)d comments failed in %(minutes)d minutes, by %(people)d people.") % facts
    return Sign("signal:failed_posts", {**facts, "said": said}, since)


def new_after_release(now: datetime) -> Sign | None:
    """Two people met an error within an hour of a release that nobody has met before."""
    named = Failure.objects.exclude(release="").filter(created_at__gt=now - timedelta(hours=1), created_at__lte=now)
    latest = named.order_by("-created_at").values_list("release", flat=True).first()
    if latest is None:
        return None
    began = Failure.objects.filter(release=latest).aggregate(first=Min("created_at"))["first"]
    if began is None or now - began > timedelta(hours=1):
        return None
    older = Failure.objects.filter(created_at__lt=began)
    if not older.exclude(release=latest).exists():
        # The first release that is written down: everything would be new.
        return None
    met: dict[tuple[str, str], set[str]] = {}
    rows = named.filter(release=latest, status__gte=500).values_list(
        "code", "error", "person", "browser_key", "network_key"
    )
    for code, error, *whose in rows[:MOST]:
        met.setdefault((code, error), set()).add(_whose(tuple(whose)))
    for (code, error), people in sorted(met.items()):
        if len(people) >= 2 and not older.filter(code=code, error=error).exists():
            facts = {"people": len(people), "code": code, "error": error, "release": latest}
            said = _("New since release %(release)s: %(code)s (%(error)s), met by %(people)d people.") % facts
            return Sign(f"signal:release:{code}"[:80], {**facts, "said": said}, began)
    return None


def refusals(now: datetime) -> Sign | None:
    """
    One code is refused twice as often as usual, or more, for ten people or more: a reader's fault no longer.

    The share of the last hour's attempts against that of four weeks, and less likely than chance explains.
    """
    since = now - timedelta(minutes=REFUSED_MINUTES)
    refused = Failure.objects.filter(status__lt=500, verb__in=POSTS).exclude(code__in=DECIDED)
    rows = refused.filter(created_at__gt=since, created_at__lte=now).values_list(
        "code", "person", "browser_key", "network_key"
    )
    met: dict[str, list[str]] = {}
    for code, *whose in rows[:MOST]:
        met.setdefault(code, []).append(_whose(tuple(whose)))
    many = {code: who for code, who in met.items() if len(set(who)) >= REFUSED_PEOPLE}
    if not many:
        return None
    posted = Comment.objects.filter(created_at__gt=since, created_at__lte=now).count()
    before = now - timedelta(days=bursts.RATE_DAYS)
    in_peace = Comment.objects.filter(created_at__gt=before, created_at__lte=since).count()
    for code, who in sorted(many.items(), key=lambda one: -len(one[1])):
        attempts = len(who) + posted
        then = refused.filter(code=code, created_at__gt=before, created_at__lte=since).count()
        usual = max(FLOOR, then / (then + in_peace) if then + in_peace else 0)
        if len(who) < REFUSED_TIMES * usual * attempts or bursts.unlikely_failures(len(who), attempts, usual) > SURE:
            continue
        facts = {"code": code, "refused": len(who), "attempts": attempts, "people": len(set(who))}
        facts |= {"share": round(100 * len(who) / attempts), "usual": round(100 * usual, 1), "minutes": REFUSED_MINUTES}
        said = _(
            "%(refused)d of %(attempts)d attempts were refused with %(code)s within an hour, by %(people)d people: "
            "%(share)d in 100, usually %(usual)s."
        )
        return Sign(f"signal:refusals:{code}"[:80], {**facts, "said": said % facts}, since)
    return None


def slow_screening(now: datetime) -> Sign | None:
    """Texts wait for their check much longer than they usually do."""
    oldest = (
        Revision.objects.filter(status=Status.RECEIVED, created_at__lte=now).order_by("created_at").values("created_at")
    ).first()
    if oldest is None:
        return None
    waits = (now - oldest["created_at"]).total_seconds()
    if waits < SLOW_SECONDS:
        return None
    done = Revision.objects.filter(
        screened_at__isnull=False, created_at__gt=now - timedelta(days=7), created_at__lt=now - timedelta(hours=1)
    )
    took = sorted(
        (screened - created).total_seconds()
        for created, screened in done.order_by("-id").values_list("created_at", "screened_at")[:500]
        if screened
    )
    usual = took[int(len(took) * 0.95)] if took else 0.0
    if waits <= SLOW_TIMES * usual:
        return None
    facts = {"seconds": round(waits), "usual": round(usual)}
    said = _("The oldest unchecked text waits for %(seconds)d seconds; usually 95 of 100 take less than %(usual)d.")
    return Sign("signal:screening", {**facts, "said": said % facts}, oldest["created_at"])


def unchecked(now: datetime) -> Sign | None:
    """Rules or scorers fail, and the texts of several people wait because of it."""
    since = now - timedelta(minutes=15)
    found = Finding.objects.filter(
        code__in=screening.FAILED, verdict="hold", revision__created_at__gt=since, revision__created_at__lte=now
    )
    people = found.aggregate(people=Count("revision__comment__author", distinct=True))["people"] or 0
    if people < UNCHECKED_PEOPLE:
        return None
    facts = {"people": people, "minutes": 15}
    said = _("The check failed for texts of %(people)d people in %(minutes)d minutes; they wait.") % facts
    return Sign("signal:unchecked", {**facts, "said": said}, since)


def sign_in(now: datetime) -> Sign | None:
    """Far more sign-ins fail than usual, for several people."""
    since = now - timedelta(hours=1)
    failed = Failure.objects.filter(door=Failure.Door.SIGN_IN)
    rows = list(
        failed.filter(created_at__gt=since, created_at__lte=now).values_list("person", "browser_key", "network_key")[
            :MOST
        ]
    )
    signed_in = get_user_model()._default_manager.filter(last_login__gt=since, last_login__lte=now).count()
    attempts = len(rows) + signed_in
    people = len({_whose(row) for row in rows})
    if attempts < SIGN_IN_ATTEMPTS or people < FEWEST_PEOPLE:
        return None
    days = failed.filter(created_at__gt=now - timedelta(days=bursts.RATE_DAYS), created_at__lte=since)
    counted = days.aggregate(wrong=Count("pk"), first=Min("created_at"), last=Max("created_at"))
    # Of those who got in only the last time is known, so usual is what failed in an hour of the past, at least 30 %.
    hours = bursts.RATE_DAYS * 24
    usual = min(0.9, max(SIGN_IN_USUAL, counted["wrong"] / hours / attempts))
    if bursts.unlikely_failures(len(rows), attempts, usual) > SIGN_IN_SURE:
        return None
    facts = {"failed": len(rows), "attempts": attempts, "people": people, "minutes": 60}
    said = _("%(failed)d of %(attempts)d sign-ins failed in an hour.") % facts
    return Sign("signal:sign_in", {**facts, "said": said}, since)


SIGNS: tuple[Callable[[datetime], Sign | None], ...] = (
    silence,
    failed_posts,
    new_after_release,
    refusals,
    slow_screening,
    unchecked,
    sign_in,
)
