"""One comment as an editor sees it: a line when closed; the text, the objections and the author's record when open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from comments import at_once, claims, flags, preferences
from comments.desk import differences, work
from comments.learning import audits, suggestions
from comments.learning.suggestions import Suggestion
from comments.models import Claim, Comment, Decider, Decision, Finding, Flag, Reason, Revision, Sanction, Status
from comments.models.policy import in_language
from comments.screening import latest_run, sentences

RECORD = 20
"""How many of an author's last decisions stand in the strip; five of them also in words."""

SHAPES = {Status.PUBLISHED: "publish", Status.REJECTED: "reject", Status.HELD: "hold"}


# --- Objections, and their places in the text -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Objection:
    """One finding: its number in the margin, its sentence, and the words it is about."""

    number: int
    code: str
    verdict: str
    rule: str
    sentence: str
    chip: str
    spans: list[tuple[int, int]]
    quotes: list[str]

    @property
    def kind(self) -> str:
        """How its words are marked: wavy for a phrase, dotted for a link, dashed for personal data, else tinted."""
        if self.code.startswith("phrase"):
            return "phrase"
        return {"links": "link", "refused_domain": "link", "personal_data": "private"}.get(self.code, "w1")


def objections(findings: Iterable[Finding], text: str) -> list[Objection]:
    """
    Return the findings on ``text`` in the order in which the rules ran, scores last.

    What passed, and a score that says nothing in particular, is no objection.
    """
    said = [finding for finding in findings if isinstance(finding.evidence, dict) and _is_said(finding)]
    said.sort(key=lambda finding: (finding.code == "score", finding.verdict == "publish"))
    return [
        Objection(
            number=number,
            code=finding.code,
            verdict=finding.verdict,
            rule=finding.rule,
            sentence=sentences.for_editor(finding.code, facts),
            chip=_chip(finding.code, facts),
            spans=(spans := _spans(facts, len(text))),
            quotes=list(dict.fromkeys(text[start:end] for start, end in spans))[:5],
        )
        for number, finding in enumerate(said, start=1)
        for facts in (finding.evidence,)
    ]


def _is_said(finding: Finding) -> bool:
    match finding.code:
        case "passed" | "no_score":
            return False
        case "score":
            return sentences.worth_reading(finding.evidence)
        case _other:
            return True


def _spans(facts: dict[str, Any], length: int) -> list[tuple[int, int]]:
    """Return the spans of a finding that lie in the text, in order, those that touch each other joined."""
    joined: list[tuple[int, int]] = []
    given = facts.get("spans", [])
    whole = [
        (max(0, span[0]), min(length, span[1]))
        for span in (given if isinstance(given, list) else [])
        if isinstance(span, list) and len(span) == 2 and all(isinstance(end, int) for end in span)
    ]
    for start, end in sorted(span for span in whole if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def marked(text: str, found: Sequence[Objection]) -> SafeString:
    """
    Return ``text``, escaped, with the words of each objection in a ``<mark data-n>`` and its number behind them.

    Where two objections overlap, the words they share carry both numbers.
    """
    begins: dict[int, list[Objection]] = {}
    ends: dict[int, list[Objection]] = {}
    for objection in found:
        for start, end in objection.spans:
            begins.setdefault(start, []).append(objection)
            ends.setdefault(end, []).append(objection)
    places = sorted({0, len(text), *begins, *ends})
    active: dict[int, Objection] = {}
    pieces: list[SafeString] = []
    for start, end in pairwise(places):
        active.update((objection.number, objection) for objection in begins.get(start, ()))
        words = text[start:end]
        if active:
            numbers = " ".join(str(number) for number in sorted(active))
            kind = active[min(active)].kind
            pieces.append(format_html('<mark class="{}" data-n="{}">{}</mark>', kind, numbers, words))
        else:
            pieces.append(format_html("{}", words))
        for objection in ends.get(end, ()):
            active.pop(objection.number, None)
            pieces.append(
                format_html(
                    '<span class="ref" title="{}"><span class="vh">{} </span>{}</span>',
                    objection.sentence,
                    _("objection"),
                    objection.number,
                )
            )
    return format_html_join("", "{}", ((piece,) for piece in pieces))


def _chip(code: str, facts: dict[str, Any]) -> str:
    """Return what a rule found in two or three words, for a closed card."""
    match code:
        case "links":
            count = facts.get("links", 1)
            return ngettext("%(count)d link", "%(count)d links", count) % {"count": count}
        case "long":
            return _("long")
        case "phrase_suspect":
            return _("suspect phrase")
        case "phrase_banned":
            return _("banned phrase")
        case "short":
            return _("short")
        case "refused_domain":
            return _("refused site")
        case "shouting":
            return _("capitals")
        case "only_emoji":
            return _("only emoji")
        case "language":
            return _("other language")
        case "personal_data":
            return _("personal data")
        case "campaign":
            return _("campaign?")
        case "rejection_rate":
            return _("often rejected")
        case "premoderated_person":
            return _("person waits")
        case "banned":
            return _("author banned")
        case "suspended":
            return _("author suspended")
        case "score_over":
            return _("high score")
        case "repeat":
            return _("same text")
        case "flood":
            return _("many comments")
        case "new_author":
            return _("new author")
        case "closed":
            return _("while closing")
        case "premoderated":
            return _("all wait here")
        case "empty":
            return _("nothing left")
        case "sanitizer_disagreement" | "sanitizer_failed":
            return _("formatting")
        case "flagged":
            return _("reported")
        case "rewritten_after_flags":
            return _("rewritten after reports")
        case "rule_failed" | "rule_slow" | "screening_failed" | "scorer_failed":
            return _("not checked")
        case _other:
            return code.replace("_", " ")


# --- Cards ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Card:
    """A closed card; ``opened`` is what the open one shows beside."""

    revision: Revision
    objections: list[Objection]
    history: list[Decision]
    reasons: dict[str, str]
    flags: list[Flag] = field(default_factory=list)
    """Readers' reports that wait for an editor, oldest first."""
    opened: Opened | None = None
    passed: int = 0
    """How many rules had nothing to say."""
    folded: bool = False
    """Decided just now: a line that can be taken back."""
    harsh: bool = False
    """Blurred for editors who wish it."""
    suggestion: Suggestion | None = None
    """What the score would decide; ``None`` where it is unsure, or keeps silent."""
    claim: Claim | None = None
    """Somebody else has it open."""
    mine: Claim | None = None
    """The editor who looks has it, and until when."""
    may_decide: bool = True
    """Whether the editor who looks may decide about it."""
    work: Any = None
    """Notes, and whose it is to decide: what ``_work.html`` and ``_more_acts.html`` show. Filled when it is opened."""

    @property
    def comment(self) -> Comment:
        return self.revision.comment

    def belongs(self, claim: Claim | None, looker: int) -> None:
        """Say whose the card is, to the person with the id ``looker``."""
        self.mine, self.claim = (claim, None) if claim and claim.person_id == looker else (None, claim)

    @property
    def person_url(self) -> str:
        """The author's page on the desk."""
        return reverse("admin:comments_desk_person", args=[self.comment.author_id])

    @property
    def guess(self) -> Suggestion | None:
        """The suggestion, while there is something to decide."""
        return None if self.folded or self.revision.status != Status.HELD else self.suggestion

    @property
    def shape(self) -> str:
        return self.guess.action if self.guess else SHAPES.get(Status(self.revision.status), "none")

    @property
    def suggested_reason(self) -> str:
        return self.reasons.get(self.suggestion.reason, "") if self.suggestion else ""

    @property
    def claimed_until(self) -> str:
        claim = self.claim or self.mine
        return claims.clock(claim) if claim else ""

    @property
    def claimed_by(self) -> str:
        return self.claim.person.name if self.claim else ""

    @property
    def initials(self) -> str:
        """Two letters for who has it open."""
        parts = self.claimed_by.split()
        return ("".join(part[0] for part in parts[:2]) if len(parts) > 1 else self.claimed_by[:2]).upper()

    @property
    def last_id(self) -> int:
        """The latest decision about it that is shown here: what came after it is news."""
        return self.history[-1].pk if self.history else 0

    @property
    def first_words(self) -> str:
        return " ".join(self.revision.text[:600].split())[:240]

    @property
    def chips(self) -> list[tuple[str, str]]:
        """What an editor or a rejection said of it, then what stands against it: in words, each with its tone."""
        latest = self.history[-1] if self.history else None
        by_editor = latest is not None and latest.decider != Decider.SCREENING
        chips: list[tuple[str, str]] = []
        if latest and (self.folded or by_editor or latest.to_status == Status.REJECTED):
            said = self.said(latest)
            if by_editor and not self.folded:
                said = f"{said} · {who(latest)}"
            chips.append((SHAPES.get(Status(latest.to_status), "plain"), said))
        if not self.folded:
            if whose := getattr(self.revision, "assigned_to", None):
                chips.append(("act", _("for %(name)s") % {"name": whose}))
            if self.flags:
                chips.append(("hold", reports(len(self.flags))))
            against = [f for f in self.objections if f.verdict != "publish" and not (self.flags and f.rule == "flags")]
            chips += [("reject" if found.verdict == "reject" else "plain", found.chip) for found in against]
        return list(dict.fromkeys(chips))[:3]

    @property
    def flags_in_words(self) -> str:
        """How many reports there are, for what, and how often those who made them were right before."""
        counted: dict[str, int] = {}
        for flag in self.flags:
            name = self.reasons.get(flag.reason, flag.reason)
            counted[name] = counted.get(name, 0) + 1
        by_reason = sorted(counted.items(), key=lambda item: -item[1])
        said = ", ".join(_("%(count)d %(reason)s") % {"count": n, "reason": name} for name, n in by_reason)
        people = {flag.person_id: flag.person for flag in self.flags}.values()
        upheld = sum(person.upheld_flag_count for person in people)
        decided = upheld + sum(person.dismissed_flag_count for person in people)
        if not decided:
            return _("%(reports)s: %(reasons)s; nobody's earlier reports were decided yet") % {
                "reports": reports(len(self.flags)),
                "reasons": said,
            }
        return _("%(reports)s: %(reasons)s; reporters' earlier reports: %(upheld)d of %(decided)d upheld") % {
            "reports": reports(len(self.flags)),
            "reasons": said,
            "upheld": upheld,
            "decided": decided,
        }

    @property
    def reporters(self) -> list[tuple[Flag, str, str]]:
        """Each report with its reporter's record and its reason in words."""
        found = []
        for flag in self.flags:
            upheld, dismissed = flag.person.upheld_flag_count, flag.person.dismissed_flag_count
            record = _("%(upheld)d of %(decided)d upheld") % {"upheld": upheld, "decided": upheld + dismissed}
            record = record if upheld + dismissed else _("no record yet")
            found.append((flag, record, self.reasons.get(flag.reason, flag.reason)))
        return found

    @property
    def past(self) -> list[tuple[Decision, str]]:
        """Every decision about it, oldest first, with its reason in words."""
        return [(decision, self.reasons.get(decision.reason, decision.reason)) for decision in self.history]

    @property
    def record_in_words(self) -> list[tuple[Decision, str]]:
        """The last decisions about its author's other comments, with their reasons in words."""
        record = self.opened.record[:5] if self.opened else []
        return [(decision, self.reasons.get(decision.reason, decision.reason)) for decision in record]

    def said(self, decision: Decision) -> str:
        return said(decision, self.reasons)

    @property
    def age(self) -> str:
        return age(self.revision.created_at)

    @property
    def story_url(self) -> str:
        return story_url(self.comment)

    @property
    def parent_html(self) -> str:
        """Safe HTML made by :mod:`comments.text`."""
        return self.comment.parent.html if self.comment.parent else ""

    @property
    def is_edit_of_published(self) -> bool:
        return self.comment.status == Status.PUBLISHED and self.revision.status != Status.PUBLISHED


@dataclass(frozen=True, slots=True)
class Alert:
    """Why nothing was done, and what became of the comment meanwhile."""

    title: str
    sentences: list[str]
    changes: SafeString | str = ""
    """What its author rewrote, word by word."""
    can_look_again: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """One text of a comment: what it changed in the one before, or all of it if it is the first."""

    revision: Revision
    words: SafeString | str


@dataclass(frozen=True, slots=True)
class Opened:
    """What an open card shows beside its line."""

    text: SafeString
    versions: list[Version]
    record: list[Decision]
    choices: list[Choice]
    sanctions: list[Sanction] = field(default_factory=list)
    """What is in force against the author."""
    typed: dict[str, str] = field(default_factory=dict)
    alert: Alert | None = None
    next_id: int | None = None

    @property
    def guessed(self) -> Choice | None:
        """The reason that is suggested."""
        return next((choice for choice in self.choices if choice.guessed), None)

    @property
    def ticks_in_words(self) -> str:
        """What the strip shows, for who cannot see it: oldest first."""
        return ", ".join(str(decision.get_to_status_display()) for decision in reversed(self.record))

    @property
    def ticks(self) -> list[tuple[str, int, int]]:
        """The author's record as strokes, oldest first: tone, place and top."""
        tops = {"publish": 9, "reject": 0, "hold": 5}
        shapes = [SHAPES.get(Status(decision.to_status), "none") for decision in reversed(self.record)]
        return [(shape, place * 5 + 3, tops.get(shape, 16)) for place, shape in enumerate(shapes)]


@dataclass(frozen=True, slots=True)
class Choice:
    """One reason an editor can give, with the sentence the author reads and the key that takes it."""

    code: str
    name: str
    sentence: str
    key: str
    needs_law: bool
    guessed: bool = False
    """What the score would give."""


Found = Mapping[str, Sequence[Any]]
"""What the database said, by the names under which it was asked."""


def wanted(rows: Sequence[Revision]) -> dict[str, QuerySet[Any]]:
    """Return what closed cards for ``rows`` need of the database, to be asked together with whatever else is."""
    comments = [row.comment_id for row in rows]
    made = Decision.objects.filter(comment__in=comments).select_related("made_by", "words", "revision")
    return {
        "findings": Finding.objects.filter(revision__in=[row.pk for row in rows]).order_by("id"),
        "decisions": made.defer("revision__text", "revision__html").order_by("id"),
        "flags": flags.on_any(comments),
    }


def several(
    rows: Sequence[Revision],
    reasons: dict[str, str],
    *,
    blind: bool = False,
    looker: int | None = None,
    found: Found | None = None,
) -> list[Card]:
    """
    Return closed cards for ``rows``: one query, however many there are; none when ``found`` is what was wanted.

    ``blind`` ones do not show what the scorers think. ``looker`` is the editor's id: what others have open is told.
    """
    found = at_once.ask(wanted(rows))[0] if found is None else found
    findings: dict[int, list[Finding]] = {}
    for finding in found["findings"]:
        if not (blind and finding.code in audits.HIDDEN):
            findings.setdefault(finding.revision_id, []).append(finding)
    decisions: dict[int, list[Decision]] = {}
    for decision in found["decisions"]:
        decisions.setdefault(decision.comment_id, []).append(decision)
    complaints: dict[int, list[Flag]] = {}
    for flag in found["flags"]:
        complaints.setdefault(flag.comment_id, []).append(flag)
    made = []
    for row in rows:
        said = latest_run(findings.get(row.pk, []))
        card = Card(
            row,
            objections(said, row.text),
            decisions.get(row.comment_id, []),
            reasons,
            complaints.get(row.comment_id, []),
            harsh=blind or preferences.is_harsh(row, said),
            passed=sum(len(_rules_passed(finding)) for finding in said if finding.code == "passed"),
            suggestion=None if blind else suggestions.suggested(said, reasons),
        )
        if looker is not None:
            card.belongs(claims.on(row.comment), looker)
        made.append(card)
    return made


def _rules_passed(finding: Finding) -> dict[str, Any]:
    rules = finding.evidence.get("rules", {}) if isinstance(finding.evidence, dict) else {}
    return rules if isinstance(rules, dict) else {}


def wanted_open(row: Revision) -> dict[str, QuerySet[Any]]:
    """Return what the open card of ``row`` needs of the database beside what a closed one does."""
    comment = row.comment
    recent = Comment.objects.filter(author=comment.author_id).order_by("-created_at").values("pk")[:RECORD]
    settled = Decision.objects.filter(to_status__in=[Status.PUBLISHED, Status.REJECTED], comment__in=recent)
    asked: dict[str, QuerySet[Any]] = {
        "record": settled.exclude(comment=comment).order_by("-id")[:RECORD],
        "sanctions": Sanction.objects.in_force().filter(person=comment.author_id).order_by("-id")[:3],
    }
    if row.number > 1:
        asked["texts"] = comment.revisions.order_by("number")
    return asked | work.wanted(comment, assigned=bool(getattr(row, "assigned_to", True)))


def open_up(
    card: Card,
    reasons: Sequence[Reason],
    *,
    typed: dict[str, str] | None = None,
    alert: Alert | None = None,
    next_id: int | None = None,
    viewer: Any = None,
    found: Found | None = None,
) -> Card:
    """
    Open ``card``, with notes and whose it is for ``viewer``, the user who looks.

    One query; none when ``found`` is what :func:`wanted_open` asks for.
    """
    found = at_once.ask(wanted_open(card.revision))[0] if found is None else found
    card.opened = Opened(
        text=marked(card.revision.text, card.objections),
        versions=versions(found.get("texts", ())),
        record=list(found["record"]),
        choices=choices(reasons, card.guess.reason if card.guess else ""),
        sanctions=list(found["sanctions"]),
        typed=typed or {},
        alert=alert,
        next_id=next_id,
    )
    if viewer is not None:
        card.work = work.on(card.comment, viewer, found, typed=typed)
    return card


def versions(texts: Sequence[Revision]) -> list[Version]:
    """Return every text of a comment, the latest first, each with what it changed; ``texts`` begin with the oldest."""
    found = [Version(texts[0], texts[0].text)] if texts else []
    found += [Version(later, differences.words(earlier.text, later.text)) for earlier, later in pairwise(texts)]
    return found[::-1]


@dataclass(frozen=True, slots=True)
class Said:
    """One comment of a conversation, with how deep it stands below the first one shown."""

    comment: Comment
    words: str
    indent: int
    is_it: bool
    """The one that is asked about."""


BEFORE, AFTER, ANSWERS = 3, 3, 6
"""Comments shown of a conversation: beside the one that is asked about, earlier and later, and below it."""


def conversation(comment: Comment) -> list[Said]:
    """
    Return the comments above ``comment``, some beside it and below it, in reading order, whatever became of them.

    Four queries, however long it is.
    """
    here = Comment.objects.filter(discussion=comment.discussion_id)
    beside = here.filter(parent=comment.parent_id, depth=comment.depth)
    paths = [*comment.ancestor_paths, comment.path]
    if comment.parent_id:
        paths += beside.filter(path__lt=comment.path).order_by("-path").values_list("path", flat=True)[:BEFORE]
        paths += beside.filter(path__gt=comment.path).order_by("path").values_list("path", flat=True)[:AFTER]
    below = here.filter(path__gt=comment.path, path__lt=comment.path + "~")
    paths += below.order_by("path").values_list("path", flat=True)[:ANSWERS]
    texts = Revision.objects.filter(comment=OuterRef("pk")).order_by("-number").values("text")[:1]
    rows = here.filter(path__in=paths).select_related("author").annotate(words=Subquery(texts)).order_by("path")
    return [Said(row, row.words or "", min(row.depth, 6), row.pk == comment.pk) for row in rows]


def what_happened(comment: Comment, refused: str, tried: str, seen_text: int, seen_decision: int) -> Alert:
    """
    Return why a decision about an earlier version was not made: what was tried, and what became of the comment since.

    ``seen_text`` is the number of the text the editor had before them, ``seen_decision`` the last decision they saw; 0
    when that is not known. Two queries.
    """
    names = {reason.code: str(reason) for reason in Reason.objects.all()}
    said_since = []
    if seen_decision:
        since = comment.decisions.filter(pk__gt=seen_decision).select_related("made_by")
        for decision in since.order_by("pk")[:10]:
            said_since.append(
                _("%(said)s by %(who)s, %(when)s.")
                % {"said": said(decision, names), "who": who(decision), "when": clock(decision.created_at)}
            )
    changes: SafeString | str = ""
    if seen_text:
        texts = {text.number: text for text in comment.revisions.filter(number__gte=seen_text)}
        latest = texts.get(max(texts, default=0))
        if latest and latest.number > seen_text and seen_text in texts:
            said_since.append(
                _("You looked at version %(seen)d. Its author saved version %(now)d at %(when)s.")
                % {"seen": seen_text, "now": latest.number, "when": clock(latest.created_at)}
            )
            changes = differences.words(texts[seen_text].text, latest.text)
    title = _("%(tried)s: the comment changed meanwhile") % {"tried": tried}
    return Alert(title, [refused, *said_since], changes, can_look_again=True)


def reports(count: int) -> str:
    return ngettext("%(count)d report", "%(count)d reports", count) % {"count": count}


def choices(reasons: Sequence[Reason], guessed: str = "") -> list[Choice]:
    """Return the reasons in use; the first ten have a key, 1 to 9 and 0, and ``guessed`` says that it is suggested."""
    return [
        Choice(
            code=reason.code,
            name=str(reason),
            sentence=in_language(reason.author_text),
            key=str(number % 10) if number <= 10 else "",
            needs_law=reason.ground_default == "illegal",
            guessed=reason.code == guessed,
        )
        for number, reason in enumerate((reason for reason in reasons if reason.is_active), start=1)
    ]


def said(decision: Decision, reasons: dict[str, str]) -> str:
    """Return what was done, as an editor says it: Approve is what is pressed, publish what is stored."""
    match decision.verdict:
        case "publish":
            return _("Approved")
        case "hold":
            return _("Held")
        case "reject":
            return _("Rejected: %(reason)s") % {"reason": reasons.get(decision.reason, decision.reason)}
        case _other:
            return _("Withdrawn")


def who(decision: Decision) -> str:
    """Return who decided, by name where a person did."""
    return str(decision.made_by) if decision.made_by else str(decision.get_decider_display())


def story_url(comment: Comment) -> str:
    """Return where ``comment`` stands or would stand; "" unless the story's address is one a browser may follow."""
    url = comment.discussion.url
    if not url.startswith(("/", "https://", "http://")):
        return ""
    return f"{url}#comment-{comment.pk}" if comment.is_shown else f"{url}#comments"


def clock(at: datetime) -> str:
    """Return the time of day, with the day when it is not today's."""
    local = timezone.localtime(at)
    return date_format(local, "H:i" if local.date() == timezone.localdate() else "SHORT_DATETIME_FORMAT")


def age(since: datetime) -> str:
    """Return how long ago ``since`` was, short enough for a column."""
    seconds = max(0, int((timezone.now() - since).total_seconds()))
    if seconds < 3600:
        return _("%(count)d min") % {"count": seconds // 60}
    if seconds < 86_400:
        return _("%(count)d h") % {"count": seconds // 3600}
    return _("%(count)d d") % {"count": seconds // 86_400}
