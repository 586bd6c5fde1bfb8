"""A reader's own pieces: the box they write in, and their comments that others do not see, in words."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from django.templatetags.static import static
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import Truncator, capfirst, get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from comments import access, conf, guests, guidelines, letters, muting, people, thresholds
from comments.access import Standing, standing_by
from comments.exceptions import Refused
from comments.http import request_id
from comments.models import Appeal, Comment, Commenter, Discussion, Flag, Sanction, Status
from comments.pages import shown
from comments.personal import Mine
from comments.screening import combine, sentences
from comments.screening.verdicts import Draft

SLOW_SECONDS = 60
"""A text that is still being checked after this long is told that it takes longer than usual."""


def composer(
    discussion: Discussion,
    person: Commenter | None,
    *,
    text: str = "",
    parent: Comment | None = None,
    attempt: str = "",
    refused: dict[str, Any] | None = None,
    guest: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """
    Return what ``comments/_composer.html`` needs to let ``person`` write in ``discussion``.

    ``attempt`` is the idempotency key of the form that came back; a new form gets a new one, and one that is the same
    for everyone has ``"none"``. ``guest`` is what :func:`guest` says, where people without an account may write.
    """
    return {
        "action": f"{shown.prefix()}post/",
        "key": discussion.key,
        "attempt": "" if attempt == "none" else attempt or str(uuid.uuid4()),
        "text": text,
        "parent_id": str(parent.pk) if parent else "",
        "parent_name": parent.author.name if parent else "",
        "parent_url": f"{shown.prefix()}{parent.pk}/" if parent else "",
        "cancel_url": shown.with_query(discussion.url, "", "comment-form"),
        "name": person.name if person and guest is None else "",
        "guest": guest,
        "maximum": str(conf.get().max_characters),
        "label": _("Your comment"),
        "button": _("Post comment"),
        "can_preview": True,
        "refused": refused,
        "accept": to_accept(person),
    } | _question_words(discussion, parent)


def _question_words(discussion: Discussion, parent: Comment | None) -> dict[str, str]:
    """Return the words of the box where readers ask and experts answer."""
    if not discussion.is_for_questions or parent is not None:
        return {}
    return {
        "label": _("Your question"),
        "button": _("Ask the question"),
        "placeholder": _("What would you like to know?"),
    }


def guest(
    discussion: Discussion, person: Commenter | None = None, *, name: str = "", email: str = "", ticket: str = ""
) -> dict[str, Any]:
    """Return what the box needs for somebody without an account: their name, and where the sum comes from."""
    return {
        "name": name or (person.name if person else ""),
        "email": email or (person.email if person else ""),
        "is_known": person is not None,
        "name_stands": bool(person and guests.name_stands(person)),
        "ticket": ticket,
        "wait": conf.get().guest_wait_seconds,
        "sign_in": shown.sign_in_url(discussion.url),
        "forget_url": f"{shown.prefix()}guest/forget/",
        "longest": guests.LONGEST_NAME,
    } | the_sum()


def the_sum() -> dict[str, str]:
    """Return where a browser gets a sum, and what does it."""
    return {
        "sum_url": "/api/v1/guests/sum/",
        "worker_url": static("comments/sum.js"),
        "script_url": static("comments/guests.js"),
    }


def to_accept(person: Commenter | None) -> dict[str, Any] | None:
    """Return what ``comments/_accept.html`` asks of ``person`` before they post; ``None`` where nothing is asked."""
    found = guidelines.to_accept(person)
    if found is None:
        return None
    return {"version": str(found.number), "url": guidelines.address()}


def editor(comment: Comment, *, text: str, refused: Refused | None = None) -> dict[str, Any]:
    """Return what ``comments/_composer.html`` needs to let an author rewrite ``comment``."""
    until = comment.created_at + timedelta(minutes=thresholds.of(comment.discussion).edit_minutes)
    published = comment.status == Status.PUBLISHED
    return composer(comment.discussion, comment.author, text=text) | {
        "action": f"{shown.prefix()}{comment.pk}/edit/",
        "label": _("Edit your comment"),
        "button": _("Save"),
        "can_preview": False,
        "back_url": f"{shown.prefix()}{comment.pk}/",
        "name": "",
        "until": _("Open until %(when)s") % {"when": shown.spoken_time(until)},
        "hint": _("The text everyone sees stays until this one has been checked.") if published else "",
        "refused": refusal(refused, comment.discussion) if refused else None,
    }


def refusal(refused: Refused, discussion: Discussion | None = None) -> dict[str, Any]:
    """Return what ``comments/_notice.html`` says of a refusal: what is true, the code, and where to ask."""
    key = discussion.key if discussion else ""
    return {
        "title": refused.detail,
        "code": refused.code,
        "request": request_id(),
        "retry_after": refused.params.get("retry_after", ""),
        "icon": "clock" if refused.status == 429 else "person" if refused.status == 401 else "warn",
        "tone": "" if refused.status == 401 else "stop",
        "issue_url": f"{shown.problem_url(key, code=refused.code)}&request={quote(request_id(), safe='')}",
        "accept": {"version": str(refused.params["guidelines_version"]), "url": guidelines.address()}
        if refused.code == "guidelines_not_accepted"
        else None,
    }


def standing(now: Standing) -> dict[str, Any]:
    """Return what ``comments/_standing.html`` says: a notice for each thing the reader has to know."""
    leaving = [_leaving_notice(now)] if now.leaves_at else []
    if now.sanction is None:
        return {"state": now.state, "notices": leaving, "shut_out": True} if leaving else {"notices": []}
    about = replace(now, state=standing_by(now.in_force).state) if now.state == "leaving" else now
    binding = [*leaving, _standing_notice(about, now.sanction)]
    if now.unread is not None and now.unread.pk != now.sanction.pk:
        # Reading it changes nothing about the other one, so it promises nothing.
        unread = _standing_notice(Standing("warned", now.unread), now.unread)
        binding.append(
            unread | {"title": _("The editors have written to you before that."), "more": "", "goes_on": False}
        )
    return {"state": now.state, "notices": binding, "shut_out": now.is_shut_out or now.state == "leaving"}


def _leaving_notice(now: Standing) -> dict[str, Any]:
    """Return the notice for who has asked for their account to be deleted: until when, and the way back."""
    said = replace(now, state="leaving")
    return {
        "state": "leaving",
        "title": access.standing_in_words(said),
        "more": _("What you wrote stays as it is until then. One click brings everything back."),
        "icon": "withdraw",
        "tone": "wait",
        "keep_url": f"{shown.prefix()}me/delete/cancel/",
    }


def _standing_notice(now: Standing, sanction: Sanction) -> dict[str, Any]:
    words = getattr(sanction, "words", None)
    title = access.standing_in_words(now)
    more = {
        "suspended": _("After that everything is as before. You can still read, report comments and take yours back."),
        "banned": _("You can still read, report comments and take yours back."),
        "warned": _("You can post again as soon as you have read it."),
    }
    end = "" if now.until is None and now.state == "suspended" else more.get(now.state, "")
    return {
        "state": now.state,
        "title": title,
        "more": end,
        "quote": words.explanation if words else "",
        "law": sanction.legal_ground,
        "icon": {"banned": "stop", "suspended": "stop", "warned": "warn"}.get(now.state, "clock"),
        "tone": {"banned": "stop", "suspended": "stop"}.get(now.state, "wait"),
        "comment_url": f"{shown.prefix()}{sanction.comment_id}/" if sanction.comment_id and sanction.person_id else "",
        "appeal_url": people.appeal_path(sanction),
        "acknowledge_url": f"{shown.prefix()}me/warnings/{sanction.public_id}/acknowledge/"
        if now.state == "warned"
        else "",
        "goes_on": now.leaves_at is None,
        "since": shown.spoken_time(sanction.starts_at),
    }


def show(mine: Mine) -> SafeString:
    """Print one of the reader's own comments with its slip. Before it is screened it is shown as it was typed."""
    comment = mine.comment
    say = shown.words()
    here = f"{shown.prefix()}{comment.pk}/"
    # While the tombstone or the earlier words of this comment stand in the stream, the number is taken there.
    anchor = f"mine-{comment.pk}" if comment.is_shown else f"comment-{comment.pk}"
    one: shown.Shown = {
        "anchor": anchor,
        "heading": "h3",
        "url": here,
        "name": comment.author.name,
        "badge": comment.author.badge,
        "badge_name": say[f"badge_{comment.author.badge}"] if comment.author.badge else "",
        "role": comment.author.role,
        "pick": "",
        "pinned": "",
        "at": shown.machine_time(mine.revision.created_at),
        "when": shown.public_time(mine.revision.created_at),
        "edited": "",
        "answers": _("in reply to this comment") if comment.parent_id else "",
        "answers_url": f"{shown.prefix()}{comment.parent_id}/",
        "html": mine.revision.html,
        "language": mine.revision.language,
        "text": mine.revision.text,
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
        "target": False,
        "state": slip(mine),
    }
    return shown.printer()(one)


def slip(mine: Mine) -> shown.Slip:
    """Return what is true of one of the reader's own texts: since when, because of what, and what happens next."""
    comment = mine.comment
    here = f"{shown.prefix()}{comment.pk}/"
    title, more = _said(mine)
    waits = mine.status in (Status.RECEIVED, Status.HELD)
    return {
        "status": mine.status,
        "tone": {"held": "wait", "rejected": "stop"}.get(mine.status, "plain"),
        "icon": {"rejected": "stop", "published": "check", "withdrawn": "withdraw"}.get(mine.status, "clock"),
        "title": title,
        "more": more,
        "quote": mine.explanation if mine.status == Status.REJECTED else "",
        "edit_url": f"{here}edit/" if mine.can_edit and comment.author.erase_at is None else "",
        "withdraw_url": f"{here}withdraw/" if waits or comment.status == Status.PUBLISHED else "",
        "problem_url": shown.problem_url(comment.discussion.key, comment=comment.pk)
        if mine.status == Status.REJECTED
        else "",
        "appeal_url": f"{here}appeal/" if mine.can_appeal or mine.appeal else "",
        "appeal": appealed(mine.appeal) if mine.appeal else "",
        "appeal_quote": mine.appeal.ruling if mine.appeal else "",
    }


def appealed(made: Appeal) -> str:
    """Return how an appeal stands, in a sentence; what was written about the outcome stands behind it."""
    match made.state:
        case Appeal.State.OPEN:
            return _("Your appeal waits since %(when)s.") % {"when": shown.spoken_time(made.filed_at)}
        case Appeal.State.OVERTURNED:
            said = _("Overturned by another editor, %(when)s.")
        case _upheld:
            said = _("Another editor has looked at your appeal, and the decision stands, %(when)s.")
    return said % {"when": shown.spoken_time(made.ruled_at or made.filed_at)}


def _said(mine: Mine) -> tuple[str, str]:
    since = shown.spoken_time(mine.since)
    because = get_text_list([str(why) for why in mine.why], _("and"))
    match mine.status:
        case Status.RECEIVED:
            title = _("Your edit is being checked.") if mine.is_edit else _("Being checked.")
            if (timezone.now() - mine.since).total_seconds() > SLOW_SECONDS:
                more = _("This takes longer than usual. Your text is safe, and you can leave the page.")
            elif mine.is_edit:
                more = _("Everyone sees the earlier words until then. This usually takes a few seconds.")
            else:
                more = _("Only you can see it yet. This usually takes a few seconds, and you can leave the page.")
        case Status.HELD:
            facts = {"since": since, "because": because}
            if mine.is_edit:
                title = (
                    _("Your edit has been waiting for an editor since %(since)s, because %(because)s.") % facts
                    if because
                    else _("Your edit has been waiting for an editor since %(since)s.") % facts
                )
                more = _("Everyone sees the earlier words until an editor has read these.")
            else:
                title = (
                    _("Waiting for an editor since %(since)s, because %(because)s.") % facts
                    if because
                    else _("Waiting for an editor since %(since)s.") % facts
                )
                more = _("Only you can see it until an editor has read it. You can leave the page.")
            if mine.usual_wait:
                more = f"{more} {_usual_wait(*mine.usual_wait)}"
        case Status.REJECTED:
            facts = {"reason": mine.reason or _("see below")}
            title = (
                _("Your edit was not published: %(reason)s.") if mine.is_edit else _("Not published: %(reason)s.")
            ) % facts
            decided = (
                _("Decided by an editor, %(when)s.")
                if mine.by_editor
                else _("Decided by the rules of this site, %(when)s.")
            ) % {"when": since}
            rest = _("Everyone sees the earlier words.") if mine.is_edit else _("Only you can see this comment.")
            more = " ".join([decided, *mine.why, rest])
        case Status.WITHDRAWN:
            title = _("Withdrawn by you, %(when)s.") % {"when": since}
            more = _("Others no longer see it.")
        case _published:
            title = _("Published, %(when)s.") % {"when": since}
            more = _("Everyone can read it.")
    return title, more


def _usual_wait(low: int, high: int) -> str:
    if high <= 90:
        return _("At this hour most wait between %(low)d and %(high)d minutes.") % {"low": low, "high": high}
    if low < 60:
        said = ngettext(
            "At this hour most wait up to %(count)d hour.",
            "At this hour most wait up to %(count)d hours.",
            -(-high // 60),
        )
        return said % {"count": -(-high // 60)}
    return _("At this hour most wait between %(low)d and %(high)d hours.") % {"low": low // 60, "high": -(-high // 60)}


def listed(mine: Mine) -> dict[str, Any]:
    """Return one of the reader's comments as "my comments" lists it."""
    comment = mine.comment
    state = slip(mine)
    return {
        "slip": state | {"tone": "good" if mine.status == Status.PUBLISHED else state["tone"]},
        "html": mine.revision.html,
        "text": mine.revision.text,
        "title": comment.discussion.title or comment.discussion.key,
        "likes": _likes(comment.like_count) if mine.status == Status.PUBLISHED else "",
        "replies": shown.count_of(comment.reply_count, "replies") if comment.reply_count else "",
        "in_place": _("See it in place") if comment.status == Status.PUBLISHED else _("See the conversation"),
        "language": mine.revision.language,
        "url": f"{shown.prefix()}{comment.pk}/",
        "at": shown.machine_time(comment.created_at),
        "when": shown.spoken_time(comment.created_at),
    }


def _likes(count: int) -> str:
    return shown.counted(ngettext("%(count)d like", "%(count)d likes", count), count) if count else ""


def listed_appeal(made: Appeal) -> dict[str, Any]:
    """Return one of the reader's appeals as "my comments" lists it."""
    tones = {Appeal.State.OPEN: ("wait", "clock"), Appeal.State.OVERTURNED: ("good", "check")}
    tone, icon = tones.get(Appeal.State(made.state), ("stop", "stop"))
    if made.decision is not None:
        discussion = made.decision.comment.discussion
        about = _("About your comment on “%(title)s”") % {"title": discussion.title or discussion.key}
    else:
        about = _("About a decision that concerns you as a person")
    return {
        "tone": tone,
        "icon": icon,
        "title": appealed(made),
        "about": about,
        "ruling": made.ruling,
        "text": made.text,
        "url": letters.page_of(made),
        "at": shown.machine_time(made.filed_at),
        "when": shown.spoken_time(made.filed_at),
    }


def advice(drafts: list[Draft]) -> dict[str, Any]:
    """Return what would happen to a text if it were posted now, and why, as ``comments/_preview.html`` says it."""
    action = combine(drafts).action
    titles = {
        "publish": _("This would be published."),
        "hold": _("An editor would have to read this before others can."),
        "reject": _("This would not be published."),
    }
    said = [capfirst(sentences.for_author(draft.code, draft.facts)) + "." for draft in drafts]
    return {"action": action, "title": titles.get(action, titles["hold"]), "why": list(dict.fromkeys(said))}


QUOTED = frozenset({"links", "personal_data"})
"""Findings whose places are shown to an author. Of phrases and scores they are told the kind, not how to get round."""
LONGEST_QUOTE = 80


def nudge(words: str, drafts: list[Draft]) -> dict[str, Any]:
    """Return what ``comments/_nudge.html`` says before a text is posted that would wait: why, in the author's words."""
    why: dict[str, list[str]] = {}
    for draft in drafts:
        said = capfirst(sentences.for_author(draft.code, draft.facts)) + "."
        quotes = why.setdefault(said, [])
        if draft.code in QUOTED:
            quoted = [Truncator(words[start:end]).chars(LONGEST_QUOTE) for start, end in draft.spans[:3]]
            quotes += [quote for quote in dict.fromkeys(quoted) if quote not in quotes]
    return {"title": advice(drafts)["title"], "action": combine(drafts).action, "why": list(why.items())}


def report(made: Flag) -> dict[str, str]:
    """Return what ``comments/flag.html`` says to who has reported a comment: since when, and what came of it."""
    said = {
        Flag.State.OPEN: (_("An editor will look at it."), "clock"),
        Flag.State.UPHELD: (_("An editor has looked at it and removed it. Thank you."), "check"),
        Flag.State.DISMISSED: (_("An editor has looked at it and lets it stand."), "check"),
    }
    more, icon = said[Flag.State(made.state)]
    title = _("You reported this comment, %(when)s.") % {"when": shown.spoken_time(made.created_at)}
    return {"state": made.state, "title": title, "more": more, "icon": icon}


def muted(person: Commenter) -> dict[str, Any]:
    """Return what ``comments/_me_muted.html`` lists: whom this reader muted, the latest first."""
    return {
        "muted_people": [
            {
                "id": one.muted_id,
                "name": one.muted.name or shown.words()["nobody"],
                "since": shown.public_time(one.created_at),
            }
            for one in muting.by(person)
        ]
    }
