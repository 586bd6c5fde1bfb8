"""
Incidents: commenting does not work for many at once. Counts propose, an editor words, readers are told once it is over.

Reports are the slow alarm, so the server's own signals (:mod:`comments.issues.signs`) propose too; when both do within
half an hour it is likely, and said loudly. Nothing automatic speaks to readers: an editor confirms and finds the words.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Max, Q, QuerySet
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from comments import access, audit, conf, outbox, policy, thresholds
from comments.digests import plain_in_chat
from comments.exceptions import Refused
from comments.issues import MOST_MESSAGES, _words, bursts, grouping, mail
from comments.models import (
    Comment,
    Commenter,
    Incident,
    IncidentUpdate,
    IssueMessage,
    IssueReport,
)

State = Incident.State
ACTIVE = (State.PROPOSED, State.CONFIRMED, State.WATCHING)
PUBLIC = (State.CONFIRMED, State.WATCHING)
TOGETHER = timedelta(minutes=30)
"""Readers and the server saying so within this makes it likely."""
ONCE = timedelta(hours=24)
"""One proposal for each stream in this time."""
UPDATES_WITHIN = timedelta(minutes=60)
LONGEST = 1_000
MOST_RECENT = 5_000
MOST_TOLD = 50_000
NARROW_SHARE, NARROW_NETWORKS = 0.7, 3

# What an incident is called when nobody has worded it: by its stream.
KINDS = dict(IssueReport.Kind.choices)


# --- What readers see -------------------------------------------------------------------------------------------------


def in_force() -> list[Incident]:
    """
    Return the incidents that readers are told of, the latest first. The same for everyone and for every discussion.

    Kept in the process as long as the number of the policy stands still, which is asked for once a second at most; a
    site that never had an incident costs no query. Needs no cache server.
    """
    return thresholds.in_force().incidents


def history(most: int = 50) -> list[Incident]:
    """Return the incidents readers were told of, newest first, with what was said publicly. Two queries."""
    told = Incident.objects.filter(confirmed_at__isnull=False).exclude(state=State.DISMISSED)
    return list(told.prefetch_related("updates").order_by("-started_at")[:most])


# --- Looking ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Sign:
    """What the server or readers say: a stream, figures in words an editor understands, and the reports behind it."""

    stream: str
    because: dict[str, Any]
    since: datetime
    is_narrow: bool = False
    reports: list[int] = field(default_factory=list)

    @property
    def is_server(self) -> bool:
        return self.stream.startswith("signal:")


@dataclass(frozen=True, slots=True)
class Row:
    """What counts of a report."""

    pk: int
    created_at: datetime
    kind: str
    code: str
    reporter_id: int | None
    browser_key: str
    network_key: str
    dismissed: str | None = None
    """The stream it was counted in when an editor said that this is no incident: it counts in that one alone."""


def look(now: datetime | None = None) -> list[Incident]:
    """Count, compare and propose; return what was proposed, or has become likely. Safe to run twice and at once."""
    from comments.issues import signs

    now = now or timezone.now()
    found = [*bursts_of_reports(now), *signs.look(now)]
    return [one for one in (propose(sign, now) for sign in found) if one is not None]


def recent(now: datetime) -> list[Row]:
    """
    Return the reports of the last day that count for alarms.

    Left out are doubtful ones, causes that concern one reader, and what belongs to an incident that is known. Of its
    group, what came after it ended or seemed to be over counts again: by the same rule as any burst.
    """
    rows = IssueReport.objects.filter(created_at__gt=now - ONCE, created_at__lte=now, is_suspicious=False)
    known = Q(incident__state__in=(*ACTIVE, State.ENDED))
    known |= Q(group__incident__state__in=(State.PROPOSED, State.CONFIRMED))
    known |= Q(group__incident__state=State.ENDED, created_at__lte=F("group__incident__ended_at"))
    watched = IncidentUpdate.objects.filter(incident__state=State.WATCHING, state=State.WATCHING)
    for one, since in watched.values_list("incident").annotate(Max("created_at")):
        known |= Q(group__incident=one, created_at__lte=since)
    rows = rows.exclude(known).exclude(code__in=grouping.PERSONAL).exclude(cause__in=grouping.PERSONAL)
    names = ("pk", "created_at", "kind", "code", "reporter_id", "browser_key", "network_key", "incident__stream")
    return [Row(*values) for values in rows.order_by("-id").values_list(*names)[:MOST_RECENT]]


def bursts_of_reports(now: datetime) -> list[Sign]:
    """Return the narrowest streams of reports in which more people wrote than chance explains."""
    budget = conf.get().incident_false_alarms
    rows = recent(now) if budget else []
    if len(rows) < bursts.FEWEST:
        return []
    usual = Usual(now)
    streams: dict[str, list[Row]] = {}
    for row in rows:
        names = [row.dismissed] if row.dismissed else [f"code:{row.code}" * bool(row.code), f"kind:{row.kind}", "all"]
        for name in filter(None, names):
            streams.setdefault(name, []).append(row)
    muted = {
        row.stream: int(row.because.get("people", 0)) + 2
        for row in Incident.objects.filter(state=State.DISMISSED, proposed_at__gt=now - ONCE)
    }
    tests = max(1, (1 + len(KINDS) + len(usual.codes)) * len(bursts.WINDOWS))
    found: list[Sign] = []
    taken: set[int] = set()
    for name in sorted(streams, key=lambda each: (["code", "kind", "all"].index(each.partition(":")[0]), each)):
        sign = _burst(name, [row for row in streams[name] if row.pk not in taken], usual, now, tests, budget, muted)
        if sign is not None:
            taken |= set(sign.reports)
            found.append(sign)
    return found


class Usual:
    """How many people report on a usual day, for each stream: 28 days before today, and how much days differ."""

    def __init__(self, now: datetime) -> None:
        since = now - timedelta(days=bursts.PHI_DAYS)
        counted = (
            IssueReport.objects.filter(created_at__gt=since, created_at__lte=now - ONCE)
            .exclude(incident__state__in=(*PUBLIC, State.ENDED))
            .annotate(day=TruncDate("created_at"))
            .order_by()
            .values_list("day", "kind", "code")
            .annotate(count=Count("pk"))
        )
        first = IssueReport.objects.order_by("created_at").values_list("created_at", flat=True).first() or now
        self.days = min(float(bursts.RATE_DAYS), max(0.0, (now - first).total_seconds() / 86_400 - 1))
        self.history = min(bursts.PHI_DAYS, int((now - first).total_seconds() // 86_400))
        self.sums: dict[str, int] = {}
        self.codes: set[str] = set()
        by_day: dict[Any, int] = {}
        edge = (now - timedelta(days=bursts.RATE_DAYS)).date()
        for day, kind, code, count in counted:
            by_day[day] = by_day.get(day, 0) + count
            if day < edge:
                continue
            for name in filter(None, ("all", f"kind:{kind}", f"code:{code}" if code else "")):
                self.sums[name] = self.sums.get(name, 0) + count
            if code and code not in grouping.PERSONAL:
                self.codes.add(code)
        self.phi = bursts.dispersion([*by_day.values(), *[0] * max(0, self.history - len(by_day))])
        self.busy = _busy(now)

    def a_day(self, stream: str) -> float:
        sort = stream.partition(":")[0]
        prior = {"all": bursts.SITE_PRIOR, "kind": bursts.SITE_PRIOR / len(KINDS)}.get(sort, bursts.CODE_PRIOR)
        return round(bursts.rate(self.sums.get(stream, 0), self.days, prior), 3)


def _busy(now: datetime) -> float:
    """Return how busy this hour is against the mean of the day, by what was posted in four weeks; 0.2 to 4."""
    posted = Comment.objects.filter(created_at__gt=now - timedelta(days=bursts.RATE_DAYS), created_at__lte=now)
    total = posted.order_by()[:20_000].count()
    if total < 500:
        return 1.0
    hours = Q()
    for day in range(1, bursts.RATE_DAYS):
        at = now - timedelta(days=day)
        hours |= Q(created_at__gt=at - timedelta(minutes=30), created_at__lte=at + timedelta(minutes=30))
    here = posted.filter(hours).order_by().count()
    return round(min(4.0, max(0.2, here / (bursts.RATE_DAYS - 1) * 24 / (total / bursts.RATE_DAYS))), 1)


def _burst(
    name: str, rows: Sequence[Row], usual: Usual, now: datetime, tests: int, budget: int, muted: dict[str, int]
) -> Sign | None:
    a_day = usual.a_day(name)
    for hours in bursts.WINDOWS:
        inside = [row for row in rows if row.created_at > now - timedelta(hours=hours)]
        persons = grouping.counted(inside)
        signed = sum(1 for row in persons.values() if row.reporter_id)
        weight = bursts.weighed(signed, len(persons) - signed)
        profile = (usual.busy,) if hours < 24 else (1.0,)
        enough = bursts.threshold(a_day, hours, usual.phi, false_alarms=budget, tests=tests, profile=profile)
        if weight < max(enough, muted.get(name, 0)):
            continue
        first = min(row.created_at for row in inside)
        networks = {row.network_key for row in inside if row.network_key}
        return Sign(
            name,
            {
                "people": len(persons),
                "minutes": max(1, round((now - first).total_seconds() / 60)),
                "usual": round(a_day * hours / 24, 3),
                "hours": hours,
                "a_day": a_day,
                "years": round(bursts.years(int(weight), a_day, hours, usual.phi, busy=profile[0]), 1),
            },
            first,
            # By all who wrote, not by whom of a network we count.
            is_narrow=_is_narrow(inside, networks),
            reports=[row.pk for row in inside],
        )
    return None


def _is_narrow(rows: Sequence[Row], networks: set[str]) -> bool:
    everybody = {grouping.who(row): row.reporter_id for row in rows}
    unknown = sum(1 for person in everybody.values() if not person)
    return 0 < len(networks) <= NARROW_NETWORKS and unknown > NARROW_SHARE * len(everybody)


def leaks(now: datetime | None = None) -> list[Incident]:
    """Propose the streams that have risen slowly, by daily counts of two weeks. Once a day."""
    now = now or timezone.now()
    if not conf.get().incident_false_alarms:
        return []
    since = now - timedelta(days=14)
    counted = (
        IssueReport.objects.filter(created_at__gt=since, created_at__lte=now, is_suspicious=False)
        .exclude(incident__state__in=(*ACTIVE, State.ENDED))
        .exclude(code__in=grouping.PERSONAL)
        .order_by()
        .values_list("created_at", "kind", "code", "pk")
    )
    days: dict[str, dict[int, list[int]]] = {}
    for at, kind, code, pk in counted[:MOST_RECENT]:
        for name in filter(None, (f"code:{code}" if code else "", f"kind:{kind}")):
            days.setdefault(name, {}).setdefault(int((at - since).total_seconds() // 86_400), []).append(pk)
    found = []
    for name, by_day in sorted(days.items()):
        daily = [len(by_day.get(day, ())) for day in range(14)]
        before = IssueReport.objects.filter(created_at__gt=since - timedelta(days=28), created_at__lte=since)
        sort, _colon, value = name.partition(":")
        a_day = bursts.rate(before.filter(**{sort: value}).count(), 28, bursts.CODE_PRIOR)
        if bursts.leak(daily, a_day):
            because = {"people": sum(daily), "days": 14, "usual": round(a_day * 14, 1), "leak": True}
            sign = Sign(name, because, since, reports=[pk for pks in by_day.values() for pk in pks])
            if (made := propose(sign, now)) is not None:
                found.append(made)
    return found


@transaction.atomic
def propose(sign: Sign, now: datetime | None = None) -> Incident | None:
    """Propose an incident, or let the sign make one likely that the other sort has proposed. ``None``: nothing new."""
    now = now or timezone.now()
    grouping._one_at_a_time()
    lately = list(
        Incident.objects.select_for_update().filter(
            Q(proposed_at__gt=now - ONCE, proposed_at__lte=now) | Q(state=State.WATCHING)
        )
    )
    watched = next((one for one in lately if one.stream == sign.stream and one.state == State.WATCHING), None)
    if watched is not None:
        return _come_back(watched, sign, now)
    if any(one.stream == sign.stream and one.state != State.DISMISSED for one in lately):
        return None
    if sign.is_server and any(one.stream == sign.stream for one in lately):
        return None
    other = next((one for one in lately if one.state in ACTIVE and _supports(one, sign, now)), None)
    if other is not None:
        return _become_likely(other, sign)
    made = Incident.objects.create(
        stream=sign.stream,
        because=sign.because,
        is_narrow=sign.is_narrow,
        title=title_of(sign.stream),
        started_at=sign.since,
        proposed_at=now,
    )
    IncidentUpdate.objects.create(incident=made, state=State.PROPOSED, text=in_words(made), created_at=now)
    _link(made, sign.reports)
    _tell_newsroom(made, "proposed")
    return made


def _supports(one: Incident, sign: Sign, now: datetime) -> bool:
    return one.proposed_at > now - TOGETHER and one.stream.startswith("signal:") != sign.is_server


def _become_likely(one: Incident, sign: Sign) -> Incident | None:
    _link(one, sign.reports)
    if one.is_likely:
        return None
    one.is_likely = True
    one.is_narrow = False
    one.because = one.because | {"also": {"stream": sign.stream, **sign.because}}
    one.started_at = min(one.started_at, sign.since)
    one.save(update_fields=["is_likely", "is_narrow", "because", "started_at"])
    IncidentUpdate.objects.create(incident=one, state=one.state, text=in_words(one))
    _tell_newsroom(one, "likely")
    return one


def _come_back(one: Incident, sign: Sign, now: datetime) -> Incident:
    with policy.changing():
        one.state = State.CONFIRMED
        one.next_update_at = now + UPDATES_WITHIN
        one.save(update_fields=["state", "next_update_at"])
        IncidentUpdate.objects.create(incident=one, state=State.CONFIRMED, text=_("It has come back."))
        _link(one, sign.reports)
        _tell_newsroom(one, f"back-{now:%Y%m%d%H%M}")
    return one


def _link(one: Incident, reports: Iterable[int]) -> None:
    rows = IssueReport.objects.filter(pk__in=list(reports)[:MOST_RECENT]).exclude(incident__state__in=ACTIVE)
    rows.update(incident=one)


def title_of(stream: str) -> str:
    """Return what a stream is called, for editors."""
    sort, _colon, value = stream.partition(":")
    match sort:
        case "kind":
            return str(KINDS.get(value, value))
        case "code":
            return _("Reports with the code %(code)s") % {"code": value}
        case "all":
            return _("More reports than usual")
        case "signal":
            return {
                "silence": _("No comments where there should be some"),
                "failed_posts": _("Posting fails"),
                "release": _("A new error since the release"),
                "refusals": _("One refusal is met much more often than usual"),
                "screening": _("Screening is slow"),
                "unchecked": _("Screening fails"),
                "sign_in": _("Signing in fails"),
            }.get(value.partition(":")[0], value)
        case _editor:
            return _("Seen by an editor")


def in_words(one: Incident) -> str:
    """Return why it was proposed, as a sentence with its figures."""
    facts = one.because if isinstance(one.because, dict) else {}
    said = [_figures(one.stream, facts)]
    also = facts.get("also")
    if isinstance(also, dict):
        said.append(_figures(str(also.get("stream", "")), also))
    if one.is_narrow:
        said.append(_("Nearly all of them are unknown and come from few networks: this may be organised."))
    return " ".join(filter(None, said))


def _figures(stream: str, facts: dict[str, Any]) -> str:
    if stream.startswith("signal:"):
        return str(facts.get("said", ""))
    people = int(facts.get("people") or 0)
    if not people:
        return ""
    if facts.get("leak"):
        return _("%(people)d reports in %(days)d days; usual are %(usual)s.") % facts
    minutes = int(facts.get("minutes") or 1)
    said = ngettext("%(count)d person within %(minutes)d min", "%(count)d people within %(minutes)d min", people) % {
        "count": people,
        "minutes": minutes,
    }
    a_day = float(facts.get("a_day") or 0)
    hours = round(24 / a_day) if a_day else 0
    usual = _("usual is 1 in %(hours)d hours") % {"hours": max(1, hours)} if hours else ""
    by_chance = _("that happens by chance about once in %(years)s years") % {
        "years": f"{float(facts.get('years') or 0):g}"
    }
    return "; ".join(filter(None, [said, usual, by_chance])) + "."


# --- Telling the newsroom ---------------------------------------------------------------------------------------------


def _tell_newsroom(one: Incident, event: str) -> None:
    """Write down mail and message, in the caller's transaction: they leave though no cache and no worker answers."""
    settings = conf.get()
    desk = outbox.absolute(reverse("admin:comments_desk_incident", args=[one.pk]))
    is_likely = one.is_likely
    head = _("An incident is likely: %(title)s") if is_likely else _("An incident is proposed: %(title)s")
    # Our own words and codes only; a code was checked when it was saved, and is made plain for a chat all the same.
    head = head % {"title": one.title}
    words = in_words(one)
    for number, address in enumerate(settings.newsroom_emails):
        outbox.mail(f"incident:{one.pk}:{event}:{number}", address, head, f"{words}\n\n{desk or outbox.no_link()}\n")
    if settings.desk_webhook_url:
        said = f"*{plain_in_chat(head)}*\n{plain_in_chat(words)}"
        body = {
            "text": f"{said}\n<{desk}|{_('Open the incident')}>" if desk else said,
            "event": f"incident.{'likely' if is_likely else 'proposed'}",
            "incident": {
                "id": one.pk,
                "stream": one.stream,
                "since": one.started_at.isoformat(),
                "narrow": one.is_narrow,
            },
        }
        key = f"incident:{one.pk}:{event}:chat"
        outbox.webhook(
            key, settings.desk_webhook_url, json.dumps(body, ensure_ascii=False), secret=settings.desk_webhook_secret
        )


# --- By editors -------------------------------------------------------------------------------------------------------


def get(pk: int) -> Incident:
    """Return an incident, or raise ``Refused`` (404)."""
    found = Incident.objects.filter(pk=min(pk, 2**63 - 1)).first()
    if found is None:
        raise Refused("unknown_incident", _("There is no such incident."), status=404)
    return found


def suggested_text(one: Incident) -> str:
    """Return words for readers to begin with: what is affected and since when, what is done, what they can do."""
    from django.utils.formats import date_format

    since = date_format(timezone.localtime(one.started_at), "H:i")
    what = one.stream.partition(":")[2]
    match (what.partition(":")[0], one.degree):
        case ("sign_in" | "cannot_sign_in", _any):
            first = _("Since %(since)s signing in fails for some readers.")
        case ("screening" | "unchecked", _any):
            first = _("Since %(since)s comments take longer than usual to appear.")
        case ("cannot_see" | "layout", _any):
            first = _("Since %(since)s some readers do not see the comments.")
        case ("notifications", _any):
            first = _("Since %(since)s some of our mails do not arrive.")
        case (_other, Incident.Degree.ALL):
            first = _("Since %(since)s posting fails.")
        case (_other, Incident.Degree.SLOW):
            first = _("Since %(since)s comments take longer than usual to appear.")
        case _posting:
            first = _("Since %(since)s posting fails for some readers.")
    return f"{first % {'since': since}} {_('We know, and are working on it.')}"


def begin(editor: Commenter, *, title: str, text: str, degree: str = Incident.Degree.SOME) -> Incident:
    """Begin an incident that an editor sees and nothing has proposed; it is confirmed at once."""
    access.require_of(editor, "answer_issues")
    with transaction.atomic():
        words = " ".join(title.replace("\x00", "").split())[:200]
        made = Incident.objects.create(stream="editor", title=words or title_of("editor"))
        IncidentUpdate.objects.create(incident=made, state=State.PROPOSED, made_by=editor)
        return confirm(made, editor, text=text, degree=degree)


def confirm(
    one: Incident,
    editor: Commenter,
    *,
    text: str,
    degree: str = Incident.Degree.SOME,
    kept: bool | None = None,
    minutes: int = 60,
) -> Incident:
    """
    Tell readers: on every form and section within seconds. ``minutes`` until the next words, 60 at most.

    Raise ``Refused`` (409) for one that is over or was dismissed.
    """
    return _change(one, editor, State.CONFIRMED, ACTIVE, text=text, degree=degree, kept=kept, minutes=minutes)


def update(
    one: Incident,
    editor: Commenter,
    *,
    text: str,
    degree: str = "",
    kept: bool | None = None,
    minutes: int = 60,
) -> Incident:
    """Put other words before readers."""
    return _change(one, editor, State.CONFIRMED, PUBLIC, text=text, degree=degree, kept=kept, minutes=minutes)


def watch(one: Incident, editor: Commenter, *, text: str) -> Incident:
    """Say that it seems to be over, and look whether it is. A burst of the same sort opens it again."""
    return _change(one, editor, State.WATCHING, PUBLIC, text=text)


def end(one: Incident, editor: Commenter, *, text: str, kept: bool | None = None) -> Incident:
    """
    Say that it is over, and tell everyone who asked, once: on the receipt, and by mail.

    ``text`` is what they are told. Twice is refused (409), so nobody is told twice.
    """
    with transaction.atomic():
        ended = _change(one, editor, State.ENDED, PUBLIC, text=text, kept=kept)
        _tell_readers(ended, editor)
    return ended


def dismiss(one: Incident, editor: Commenter, why: str) -> Incident:
    """Say that it is none, and why. Its stream needs two people more than it had, for a day."""
    if why not in Incident.Dismissal.values:
        raise Refused("unknown_dismissal", _("Choose why it is none: coincidence, organised, known or a test."))
    return _change(one, editor, State.DISMISSED, ACTIVE, text="", why=why)


def _change(
    one: Incident,
    editor: Commenter,
    state: State,
    allowed: Sequence[State],
    *,
    text: str,
    degree: str = "",
    kept: bool | None = None,
    minutes: int = 0,
    why: str = "",
) -> Incident:
    access.require_of(editor, "answer_issues")
    if degree and degree not in Incident.Degree.values:
        raise Refused("unknown_degree", _("Choose how bad it is: slow, fails for some, or fails for all."))
    words = "" if state == State.DISMISSED else _words(text)
    if len(words) > LONGEST:
        raise Refused("too_long", _("Readers are told at most %(most)d characters.") % {"most": LONGEST})
    with policy.changing():
        locked = Incident.objects.select_for_update().get(pk=one.pk)
        before = locked.state
        if before not in allowed:
            said = _("This incident is “%(state)s” by now. Nothing was changed.")
            raise Refused("incident_moved", said % {"state": locked.get_state_display()}, status=409)
        now = timezone.now()
        locked.state, locked.degree = state, degree or locked.degree
        locked.text = words or locked.text
        locked.kept = locked.kept if kept is None else kept
        if state == State.CONFIRMED:
            locked.confirmed_at = locked.confirmed_at or now
            locked.confirmed_by = locked.confirmed_by or editor
        locked.next_update_at = now + timedelta(minutes=min(max(minutes, 5), 60)) if state == State.CONFIRMED else None
        if state in (State.ENDED, State.DISMISSED):
            locked.ended_at, locked.ended_by, locked.dismissed_as = now, editor, why
        locked.save()
        was_public = locked.confirmed_at is not None
        IncidentUpdate.objects.create(
            incident=locked, state=state, text=words, is_public=was_public and bool(words), made_by=editor
        )
        after = {"state": state, "text": words} | ({"dismissed_as": why} if why else {})
        audit.record(
            "incident", locked.title, object_id=locked.pk, before={"state": before}, after=after, made_by=editor
        )
        transaction.on_commit(_forget_pages, robust=True)
    return locked


def _forget_pages() -> None:
    """Let this process build its pages anew. Others do within 15 seconds: no page is kept for longer."""
    from comments import threads

    threads.pages.clear()


def who_asked(one: Incident) -> QuerySet[IssueReport]:
    """Return the reports of all who are told when ``one`` is over: joined to it, alone or with their group."""
    return IssueReport.objects.filter(Q(incident=one) | Q(group__incident=one), emptied_at=None)


def _tell_readers(one: Incident, editor: Commenter) -> int:
    done = 0
    rows = who_asked(one).select_for_update(of=("self",)).order_by("pk")
    for report in rows[:MOST_TOLD]:
        if report.messages.count() >= MOST_MESSAGES + 1:
            continue
        message = IssueMessage.objects.create(
            report=report, sender=IssueMessage.Sender.NEWSROOM, written_by=editor, text=one.text
        )
        report.answered_at = message.created_at
        if report.state == IssueReport.State.OPEN:
            report.state = IssueReport.State.ANSWERED
        report.save(update_fields=["answered_at", "state"])
        mail.write(message, "over")
        done += 1
    return done


def attach(group: Any, one: Incident, editor: Commenter) -> None:
    """Say that the reports of ``group`` belong to an incident, so that they hear when it is over."""
    access.require_of(editor, "answer_issues")
    if one.state not in ACTIVE:
        raise Refused("incident_moved", _("This incident is over."), status=409)
    with transaction.atomic():
        group.incident = one
        group.save(update_fields=["incident"])
        audit.record("incident", one.title, object_id=one.pk, after={"group": group.pk}, made_by=editor)


def detach(group: Any, editor: Commenter) -> None:
    """Say that the reports of ``group`` are not about its incident after all. Twice is once."""
    access.require_of(editor, "answer_issues")
    one = group.incident
    if one is None:
        return
    with transaction.atomic():
        group.incident = None
        group.save(update_fields=["incident"])
        audit.record("incident", one.title, object_id=one.pk, before={"group": group.pk}, after={}, made_by=editor)


def is_late(one: Incident) -> bool:
    """Say whether readers were promised words by now."""
    return one.state == State.CONFIRMED and one.next_update_at is not None and one.next_update_at < timezone.now()
