"""
What an editor sees under a story and readers do not: held and removed comments in their places, and a way to decide.

All of it is made for one person at a time, put around or in place of what everyone gets, on a page marked private. It
never enters the kept bytes: see ``docs/decisions/0005-the-same-bytes-for-everyone.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from django import forms
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from comments import access, threads
from comments.models import Comment, Decider, Decision, Discussion, Reason, Revision, Status
from comments.pages import mold, shown

UNSEEN = (Status.HELD, Status.REJECTED)
BIGGEST = 2**63 - 1
TO_CHOOSE = ("publish", "hold", "reject")


class DecideForm(forms.Form):
    """A decision about the version the editor looked at, or the wish to take one back; and where to go on."""

    version = forms.IntegerField(min_value=0, max_value=BIGGEST)
    decision = forms.ChoiceField(required=False, choices=[(name, name) for name in TO_CHOOSE])
    reason = forms.CharField(required=False, max_length=40)
    undo = forms.IntegerField(required=False, min_value=1, max_value=BIGGEST)
    sort = forms.ChoiceField(required=False, choices=[(name, name) for name in threads.SORTS])
    cursor = forms.CharField(required=False, max_length=500)
    alone = forms.BooleanField(required=False)
    """Sent from a page that shows this comment by itself."""

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if not given.get("decision") and not given.get("undo"):
            raise forms.ValidationError(_("Press Approve, Hold or Reject."), code="unknown_decision")
        return given


def wanted(request: HttpRequest, discussion: Discussion) -> bool:
    """Say whether this reader may moderate here and has not asked to see what readers see."""
    return access.may_moderate(request.user, discussion) and request.GET.get("as") != "reader"


# --- What is known of each comment ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Standing:
    """What an editor is told of one comment beyond what readers see."""

    version: int
    status: str
    text: Revision | None = None
    """The latest text of what is not shown; of what is published, an edit that waits."""
    decision: Decision | None = None


@dataclass(slots=True)
class Said:
    """What was just done, or why nothing was, in a sentence; ``undo`` is the decision that can be taken back."""

    title: str
    tone: str = "good"
    undo: int | None = None


def standing(rows: Sequence[threads.Row]) -> dict[int, Standing]:
    """Return how each of ``rows`` stands. Three queries, whatever their number."""
    ids = [row.id for row in rows]
    found = {
        pk: Standing(version, status)
        for pk, version, status in Comment.objects.filter(pk__in=ids).values_list("pk", "version", "status")
    }
    unseen = [pk for pk, one in found.items() if one.status in UNSEEN]
    texts = Revision.objects.filter(comment_id__in=ids, status__in=UNSEEN).order_by("comment_id", "number")
    for revision in texts:
        one = found.get(revision.comment_id)
        if one and (one.status in UNSEEN or revision.status == Status.HELD):
            one.text = revision
    decisions = Decision.objects.filter(comment_id__in=unseen).select_related("made_by").order_by("comment_id", "id")
    for decision in decisions:
        found[decision.comment_id].decision = decision
    return found


# --- Printing -------------------------------------------------------------------------------------------------------


@dataclass
class Printer:
    """Prints comments for one editor: what readers see with a way to decide, what they do not see greyed."""

    request: HttpRequest
    discussion: Discussion
    known: dict[int, Standing]
    sort: str = ""
    cursor: str = ""
    alone: bool = False
    said: dict[int, Said] = field(default_factory=dict)
    reasons: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        reasons = list(Reason.objects.all())
        self.reasons = {reason.code: str(reason) for reason in reasons}
        self._offered = [(reason.code, capfirst(str(reason))) for reason in reasons if reason.is_active]
        self._write = shown.writer(self.discussion)
        words = shown.words() | {"you": _("Readers do not see this")}
        self._grey = mold.printer(shown.context() | {"w": words}, get_language() or "")
        self._token = get_token(self.request)
        self._desk = desk_url()

    def show(self, row: threads.Row, *, answers_always: bool = False, target: bool = False) -> SafeString:
        one = self.known.get(row.id)
        if one is not None and one.status in UNSEEN:
            article = self._unseen(row, one, answers_always=answers_always)
        else:
            article = self._write(row, answers_always=answers_always, target=target)
        if one is None or one.status not in (*UNSEEN, Status.PUBLISHED):
            return article
        return mold.inside(article, self._moderate(row, one))

    def _unseen(self, row: threads.Row, one: Standing, *, answers_always: bool) -> SafeString:
        say = shown.words()
        start = shown.prefix()
        name = row.author_name or say["nobody"]
        answers = row.answers_name if answers_always or row.depth > 1 else ""
        text = one.text
        title, more = self._state(one)
        tone, icon = ("wait", "clock") if one.status == Status.HELD else ("stop", "stop")
        looks: shown.Shown = {
            "anchor": f"comment-{row.id}",
            "heading": "h4" if row.parent_id else "h3",
            "url": f"{start}{row.id}/decide/",
            "name": name,
            "badge": row.author_badge,
            "badge_name": say[f"badge_{row.author_badge}"] if row.author_badge else "",
            "role": row.author_role,
            "at": shown.machine_time(row.created_at),
            "when": shown.public_time(row.created_at),
            "edited": "",
            "answers": say["in_reply_to"] % {"name": answers} if answers else "",
            "answers_url": f"#comment-{row.parent_id}",
            "html": text.html if text else "",
            "text": text.text if text else "",
            "language": text.language if text else "",
            "author": "",
            "published": "",
            "likes": "",
            "dislikes": "",
            "insightful": "",
            "thanks": "",
            "funny": "",
            "react_url": "",
            "reply_url": "",
            "reply_label": "",
            "flag_url": "",
            "mute_url": "",
            "person_url": "",
            "follow_url": "",
            "tombstone": "",
            "icon": "",
            "pick": "",
            "pinned": "",
            "target": False,
            "state": {
                "status": one.status,
                "tone": tone,
                "icon": icon,
                "title": title,
                "more": more,
                "quote": "",
                "edit_url": "",
                "withdraw_url": "",
                "problem_url": "",
                "appeal_url": "",
                "appeal": "",
                "appeal_quote": "",
            },
        }
        return self._grey(looks)

    def _state(self, one: Standing) -> tuple[str, str]:
        decision = one.decision
        if one.status == Status.HELD:
            title = _("Waiting for an editor.")
        else:
            reason = self.reasons.get(decision.reason, decision.reason) if decision else ""
            title = _("Removed: %(reason)s.") % {"reason": reason} if reason else _("Removed.")
        if decision is None:
            return title, ""
        who = str(decision.made_by) if decision.made_by else str(Decider(decision.decider).label)
        more = _("%(who)s, %(when)s.") % {"who": who, "when": shown.spoken_time(decision.created_at)}
        return title, more

    def _moderate(self, row: threads.Row, one: Standing) -> SafeString:
        waiting = one.text if one.status == Status.PUBLISHED else None
        return render_to_string(
            "comments/_moderate.html",
            shown.context(
                id=row.id,
                url=f"{shown.prefix()}{row.id}/decide/",
                name=row.author_name or shown.words()["nobody"],
                version=one.version,
                status=one.status,
                waiting=waiting,
                offers_publish=one.status != Status.PUBLISHED or waiting is not None,
                offers_hold=one.status != Status.HELD and waiting is None,
                offers_reject=one.status != Status.REJECTED or waiting is not None,
                reasons=self._offered,
                token=self._token,
                sort=self.sort,
                cursor=self.cursor,
                alone=self.alone,
                desk=f"{self._desk}?open={row.id}#c-{row.id}" if self._desk else "",
                said=self.said.get(row.id),
            ),
        )


def desk_url() -> str:
    """Return the address of the desk; empty on a site without one."""
    try:
        return reverse("admin:comments_desk_changelist")
    except NoReverseMatch:
        return ""


# --- After a decision -----------------------------------------------------------------------------------------------


def said_of(request: HttpRequest, discussion: Discussion) -> dict[int, Said]:
    """Return what the decision named in the address did, if this editor made it in this discussion just now."""
    number = request.GET.get("decided", "")
    if not (number.isascii() and number.isdecimal() and int(number) <= BIGGEST):
        return {}
    decision = (
        Decision.objects.filter(pk=int(number), comment__discussion=discussion, made_by__user=request.user.pk)
        .select_related("made_by")
        .first()
    )
    return {decision.comment_id: said(decision)} if decision else {}


def said(decision: Decision) -> Said:
    """Return a decision in a sentence, with what taking it back names."""
    if decision.reverses_id:
        return Said(_("Taken back: %(status)s.") % {"status": decision.get_to_status_display()})
    if decision.to_status == Status.REJECTED:
        reason = Reason.objects.filter(code=decision.reason).first()
        words = _("Rejected: %(reason)s.") % {"reason": reason or decision.reason}
    elif decision.to_status == Status.HELD:
        words = _("Held. Readers do not see it now.")
    else:
        words = _("Approved. Readers see it.")
    return Said(words, undo=decision.pk)


def count_unseen(known: dict[int, Standing]) -> int:
    return sum(one.status in UNSEEN for one in known.values())


def bar(request: HttpRequest, discussion: Discussion, unseen: int, sort: str, cursor: str) -> dict[str, Any]:
    """Return what ``comments/_editing.html`` says above the comments, and the way to see what readers see."""
    facts = {"sort": sort if sort != threads.SORTS[0] else "", "cursor": cursor}
    facts = {name: value for name, value in facts.items() if value}
    as_reader = request.GET.get("as") == "reader"
    query = urlencode(facts | ({} if as_reader else {"as": "reader"}))
    return {
        "as_reader": as_reader,
        "unseen": unseen,
        "most": threads.MOST_UNSEEN,
        "switch_url": shown.with_query(discussion.url, query, "comments"),
        "desk_url": desk_url(),
    }


def fragment_url(discussion: Discussion, sort: str, cursor: str) -> str:
    """Return where the script of the page asks for the comments again."""
    return f"{shown.prefix()}section/editor/?" + urlencode({"key": discussion.key, "sort": sort, "cursor": cursor})


def more_url(pk: int, cursor: str) -> str:
    return f"{shown.prefix()}{pk}/replies/editor/?cursor={quote(cursor, safe='')}"
