"""The desk for programs: what waits, with all that is known of it, and what was decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request

from comments import access, flags, moderation, phrases, search, text
from comments.api import described
from comments.api.bodies import read
from comments.api.described import COMMENT, CURSOR, call
from comments.api.endpoint import Governing, Moderating, answer, limit_asked, moment, signed_in
from comments.api.forms import DecisionForm, ImportPhrasesForm, PhraseForm, TryPhrasesForm
from comments.desk import queues
from comments.exceptions import Refused
from comments.learning import audits
from comments.models import Comment, Decider, Decision, Finding, Flag, Phrase, Revision, Status
from comments.screening import Verdict, latest_run, sentences

CARDS = 25
MOST_CARDS = 100
HISTORY = 10
"""Decisions shown on a card, newest first."""
PARENT_CHARACTERS = 500
PHRASES = 200
MOST_PHRASES = 1_000


class QueuesView(Moderating):
    permission = "see_desk"

    @call(
        "moderation_queues",
        "moderation",
        "How much waits, exactly",
        {200: described.QueuesSerializer},
        refusals=[401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        seen = access.sections_seen(request.user)
        received = queues.within(seen, Revision.objects.filter(status=Status.RECEIVED)).count()
        return answer(queues.counts(seen, request.user) | {"received": received})


# --- Cards ------------------------------------------------------------------------------------------------------------

ALL = queues.Queue("all", "", "", orders=("newest", "age"))
RECEIVED = queues.Queue("received", "", "", oldest_first=True)
QUEUES = {queue.name: queue for queue in (*queues.QUEUES, RECEIVED, ALL)}


def _with_everything(revisions: QuerySet[Revision]) -> QuerySet[Revision]:
    """Fetch what a card shows: four queries, however many cards."""
    return revisions.select_related(
        "comment__author", "comment__discussion", "comment__parent__author", "comment__claim__person"
    ).prefetch_related(
        Prefetch("findings", Finding.objects.order_by("id")),
        Prefetch("comment__flags", flags.open_ones().select_related("person"), to_attr="open_flags"),
        Prefetch("comment__decisions", Decision.objects.order_by("-id").select_related("made_by", "words")),
    )


def card(revision: Revision, *, blind: bool = False) -> dict[str, Any]:
    """Return what is known of one text; ``blind`` leaves out what the scorers think of it."""
    comment = revision.comment
    author, discussion, parent = comment.author, comment.discussion, comment.parent
    findings = latest_run(list(revision.findings.all()))
    return {
        "id": comment.pk,
        "version": comment.version,
        "status": comment.status,
        "revision_number": revision.number,
        "revision_status": revision.status,
        "text": revision.text,
        "html": revision.html,
        "author": {
            "id": author.pk,
            "name": author.name,
            "published_count": author.published_count,
            "rejected_count": author.rejected_count,
        },
        "discussion": {"key": discussion.key, "title": discussion.title, "url": discussion.url},
        "parent": {
            "id": parent.pk,
            "author": parent.author.name,
            "text": text.excerpt(text.plain(parent.html), PARENT_CHARACTERS),
        }
        if parent
        else None,
        "created_at": moment(revision.created_at),
        "findings": [
            {
                "rule": finding.rule,
                "verdict": finding.verdict,
                "code": finding.code,
                "detail": sentences.for_editor(finding.code, finding.evidence),
                "spans": finding.evidence.get("spans", []),
                "score": finding.score,
                "version": finding.rule_version,
                "milliseconds": finding.milliseconds,
            }
            for finding in findings
            if finding.code != "passed" and not (blind and finding.code in audits.HIDDEN)
        ],
        "passed": {
            rule: milliseconds
            for finding in findings
            if finding.code == "passed"
            for rule, milliseconds in finding.evidence.get("rules", {}).items()
        },
        "claim": _claim(comment),
        "featured_at": moment(comment.featured_at),
        "pinned_at": moment(comment.pinned_at),
        "flags": [_flag(flag) for flag in comment.open_flags],  # type: ignore[attr-defined]  # prefetched
        "decisions": [_past(decision) for decision in [*comment.decisions.all()][:HISTORY]],
    }


def _claim(comment: Comment) -> dict[str, Any] | None:
    claim = getattr(comment, "claim", None)
    if claim is None or claim.until <= timezone.now():
        return None
    return {"by": claim.person.name, "until": moment(claim.until)}


def _flag(flag: Flag) -> dict[str, Any]:
    person = flag.person
    return {
        "id": flag.pk,
        "reason": flag.reason,
        "note": flag.note,
        "weight": float(flag.weight),
        "counts": flag.counts,
        "reporter": {
            "id": person.pk,
            "name": person.name,
            "upheld": person.upheld_flag_count,
            "dismissed": person.dismissed_flag_count,
        },
        "created_at": moment(flag.created_at),
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "id": str(decision.public_id),
        "verdict": decision.verdict,
        "from_status": decision.from_status,
        "to_status": decision.to_status,
        "reason": decision.reason,
        "decided_at": moment(decision.created_at),
    }


def _past(decision: Decision) -> dict[str, Any]:
    words = getattr(decision, "words", None)
    return _decision(decision) | {
        "decider": decision.decider,
        "made_by": decision.made_by.name if decision.made_by else None,
        "explanation": words.explanation if words else "",
        "note": words.private_note if words else "",
    }


def _bad_cursor() -> Refused:
    return Refused("bad_cursor", _("This page link is not valid any more. Start from the first page."))


class CardsView(Moderating):
    permission = "see_desk"

    @call(
        "moderation_comments",
        "moderation",
        "Cards of a queue, or of a search: what waits, oldest first; `reported` what readers flagged, by weight; `all` "
        "the latest text of every comment, newest first; `audit` has spot checks, without scores; `assigned` and "
        "`escalated` what was handed to you or to a role of yours",
        {200: described.CardPageSerializer},
        parameters=[
            OpenApiParameter("queue", str, enum=list(QUEUES), default="to_decide"),
            OpenApiParameter(
                "q",
                str,
                description="A search with its operators, as on the desk: `harbour author:anna score>0.8 has:link`. "
                "Within the queue; `queue=all` is everywhere.",
            ),
            OpenApiParameter("order", str, enum=list(queues.ORDERS), description="For `to_decide` and searches."),
            CURSOR,
            described.limit(MOST_CARDS),
        ],
        refusals=[400, 401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        asked = request.GET
        query = search.parse(asked.get("q", ""))
        name = asked.get("queue") or "to_decide"
        if name not in QUEUES:
            raise Refused("unknown_queue", _("The queues are: %(queues)s.") % {"queues": ", ".join(QUEUES)})
        queue = QUEUES[name].seen_by(request.user)
        if not query.is_empty:
            queue = queue.matching(query)
            if name == "all":
                queue = replace(queue, orders=queues.searched(str(query)).orders)
        if order := asked.get("order"):
            if order not in queue.orders:
                raise Refused(
                    "unknown_order",
                    _("The orders of this queue are: %(orders)s.") % {"orders": ", ".join(queue.orders)}
                    if queue.orders
                    else _("This queue has one order only."),
                )
            queue = queue.in_order(order)
        found = queue.rows(access.sections_seen(request.user))
        if cursor := asked.get("cursor"):
            behind = queue.behind(cursor)
            if behind is None:
                raise _bad_cursor()
            found = found.filter(behind)
        limit = min(limit_asked(request) or CARDS, MOST_CARDS)
        cards = [*_with_everything(found)[: limit + 1]]
        return answer(
            {
                "results": [card(revision, blind=queue.blind) for revision in cards[:limit]],
                "next": queue.cursor(cards[limit - 1]) if len(cards) > limit else None,
            }
        )


class CardView(Moderating):
    permission = "see_desk"

    @call(
        "moderation_comment",
        "moderation",
        "One card: the latest text of a comment",
        {200: described.CardSerializer},
        parameters=[COMMENT],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, comment_id: int) -> HttpResponse:
        found = _with_everything(Revision.objects.filter(comment=comment_id).order_by("-number")).first()
        if found is None:
            raise _unknown()
        access.require_viewer(request.user, found.comment.discussion)
        return answer(card(found))


def _unknown() -> Refused:
    return Refused("unknown_comment", _("There is no such comment."), status=404)


class DecisionsView(Moderating):
    @call(
        "decide",
        "moderation",
        "Publish, hold or reject a comment; 409 if it is no longer the version you looked at",
        {201: described.MadeDecisionSerializer},
        request=DecisionForm,
        parameters=[COMMENT],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request, comment_id: int) -> HttpResponse:
        said = read(request, DecisionForm)
        comment = Comment.objects.filter(pk=comment_id).first()
        if comment is None:
            raise _unknown()
        comment.version = said["version"]
        decision = moderation.decide(
            comment,
            Verdict(
                said["verdict"],
                reason=said.get("reason", ""),
                ground=said.get("ground", ""),
                legal_ground=said.get("legal_ground", ""),
                explanation=said.get("explanation", ""),
                private_note=said.get("note", ""),
            ),
            decider=Decider.EDITOR,
            trigger=moderation.first_cause(comment),
            made_by=signed_in(request),
            assistance="findings",
        )
        return answer(_decision(decision) | {"version": comment.version}, 201)


# --- Phrases ----------------------------------------------------------------------------------------------------------


def _phrase(phrase: Phrase) -> dict[str, Any]:
    return {
        "id": phrase.pk,
        "phrase": phrase.phrase,
        "kind": phrase.kind,
        "language": phrase.language,
        "note": phrase.note,
        "expires_at": moment(phrase.expires_at),
        "created_at": moment(phrase.created_at),
    }


class PhrasesView(Governing):
    @call(
        "phrases",
        "moderation",
        "Banned and suspect phrases, in the order in which they were added",
        {200: described.PhrasePageSerializer},
        parameters=[CURSOR, described.limit(MOST_PHRASES)],
        refusals=[400, 401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        found = Phrase.objects.order_by("pk")
        if cursor := request.GET.get("cursor"):
            if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
                raise Refused("bad_cursor", _("This page link is not valid any more. Start from the first page."))
            found = found.filter(pk__gt=int(cursor))
        limit = min(limit_asked(request) or PHRASES, MOST_PHRASES)
        rows = [*found[: limit + 1]]
        following = str(rows[limit - 1].pk) if len(rows) > limit else None
        return answer({"results": [_phrase(one) for one in rows[:limit]], "next": following})

    @call(
        "add_phrase",
        "moderation",
        "Add a phrase; one that is there already gets the new kind, and whatever else is sent",
        {201: described.AddedPhraseSerializer, 200: described.AddedPhraseSerializer},
        request=PhraseForm,
        refusals=[400, 401, 403, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request) -> HttpResponse:
        said = read(request, PhraseForm)
        added = phrases.add_phrase(said.pop("phrase"), made_by=signed_in(request), **said)
        return answer(_phrase(added.phrase) | {"warning": added.warning}, 201 if added.outcome == "added" else 200)


class PhraseView(Governing):
    @call(
        "remove_phrase",
        "moderation",
        "Remove a phrase",
        {204: OpenApiResponse(description="Removed.")},
        parameters=[OpenApiParameter("phrase_id", described.ID, OpenApiParameter.PATH)],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def delete(self, request: Request, phrase_id: int) -> HttpResponse:
        phrases.remove_phrase(phrase_id, made_by=signed_in(request))
        return HttpResponse(status=204)


class TryPhrasesView(Governing):
    @call(
        "try_phrases",
        "moderation",
        "What of the phrases in force a text would hit, and why; nothing is kept",
        {200: described.FoundPhraseSerializer(many=True)},
        request=TryPhrasesForm,
        refusals=[400, 401, 403, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request) -> HttpResponse:
        found = phrases.explain(read(request, TryPhrasesForm)["text"])
        return answer(
            [
                {"phrase": one.phrase, "kind": one.kind, "spans": one.spans, "folded": one.folded, "why": one.why}
                for one in found
            ]
        )


class ImportPhrasesView(Governing):
    @call(
        "import_phrases",
        "moderation",
        "Add many phrases; each line is told what became of it, and the same text once more changes nothing",
        {200: described.ImportedPhrasesSerializer},
        request=ImportPhrasesForm,
        refusals=[400, 401, 403, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request) -> HttpResponse:
        said = read(request, ImportPhrasesForm)
        report = phrases.import_phrases(
            said["text"],
            form=said["format"],
            kind=said.get("kind", ""),
            language=said.get("language"),
            made_by=signed_in(request),
        )
        lines = [
            {"line": line.number, "phrase": line.phrase, "outcome": line.outcome, "why": line.why}
            for line in report.lines
        ]
        counts = {outcome: report.count(outcome) for outcome in ("added", "changed", "unchanged", "refused")}
        return answer(counts | {"lines": lines})


class ExportPhrasesView(Governing):
    @call(
        "export_phrases",
        "moderation",
        "The whole list as CSV, as the import reads it",
        {(200, "text/csv"): OpenApiResponse({"type": "string"}, "CSV with a line of names first.")},
        refusals=[401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        response = HttpResponse(phrases.export_phrases(), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="phrases.csv"'
        return response
