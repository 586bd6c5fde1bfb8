"""
Decisions from a mailbox or a chat: a signed link names a comment, the version that was shown, what to do, and for whom.

A link in a mail is an editor's own and needs no sign-in; whether they still may is asked each time. A link in a chat,
which many read, names nobody: whoever follows it signs in. Only a press of the button decides, so that what opens links
by itself, as mail scanners do, changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core import signing
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from comments import access, moderation, outbox
from comments.exceptions import CommentChanged, Refused
from comments.models import Comment, Commenter, Decider, Decision, DeskPreference, Status
from comments.screening import Verdict

SALT = "comments.decision_links"
LASTS = timedelta(days=3)
ACTIONS = ("publish", "reject", "undo")


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says, once its signature has been checked."""

    comment: Comment
    """``version`` is the one that was shown, not the one it has now."""
    action: str
    user: Any
    """Whose link it is; ``None`` for one of a chat."""
    decision_id: int = 0
    """The decision that an ``undo`` takes back."""


def address(comment: Comment, action: str, user: Any = None) -> str:
    """Return the whole address of a link, or "" while ``SITE_URL`` is not set."""
    return outbox.absolute(path(comment, action, user))


def path(comment: Comment, action: str, user: Any = None, *, decision: Decision | None = None) -> str:
    """Return where a link stands on the site. ``decision`` is what an ``undo`` takes back."""
    said: dict[str, Any] = {"c": comment.pk, "v": comment.version, "a": action}
    if decision is not None:
        said["d"] = decision.pk
    if user is not None:
        said |= {"u": user.pk, "k": _key(user)}
    token = signing.dumps(said, salt=SALT)
    return reverse("admin:comments_desk_link", args=[token])


def _key(user: Any) -> str:
    """Return what changes with the password: then every link that was mailed before is void."""
    return str(salted_hmac(SALT, user.password, algorithm="sha256").hexdigest()[:12])


def read(token: str) -> Link:
    """Return what ``token`` says. Raise ``Refused`` (404, 410) when it was not signed here or is too old."""
    try:
        said = signing.loads(token, salt=SALT, max_age=LASTS)
    except signing.SignatureExpired:
        raise Refused(
            "link_expired",
            _("This link was good for three days and has expired. The comment is on the desk."),
            status=410,
        ) from None
    except signing.BadSignature:
        raise Refused("unknown_link", _("This is not a link of this desk, or not all of it."), status=404) from None
    comment = Comment.objects.select_related("discussion", "author").filter(pk=said["c"]).first()
    if comment is None or said["a"] not in ACTIONS:
        raise Refused("unknown_comment", _("There is no such comment."), status=404)
    user = None
    if "u" in said:
        user = get_user_model()._default_manager.filter(pk=said["u"]).first()
        if user is None or said["k"] != _key(user):
            raise _void()
    comment.version = said["v"]
    return Link(comment, said["a"], user, said.get("d", 0))


def require(link: Link, signed_in: Any) -> Any:
    """
    Return the user who may follow ``link`` now: whose it is, or else ``signed_in``.

    Raise ``Refused`` (403) when they may not decide about the comment any more, or have switched the mails off.
    """
    user = link.user if link.user is not None else signed_in
    access.require_moderator(user, link.comment.discussion)
    wished = DeskPreference.objects.filter(person__user=link.user, mail_decisions=True) if link.user else None
    if wished is not None and not wished.exists():
        raise _void()
    return user


def _void() -> Refused:
    return Refused("link_void", _("This link is not good any more. Sign in to the desk to decide."), status=403)


def require_fresh(link: Link) -> None:
    """Raise ``CommentChanged``, with what was decided meanwhile, when the comment is not what the link was about."""
    now = Comment.objects.get(pk=link.comment.pk)
    if now.version != link.comment.version:
        raise CommentChanged(now, _meanwhile(now))


def _meanwhile(comment: Comment) -> str:
    latest = comment.decisions.select_related("made_by").last()
    newest = comment.revisions.order_by("-number").values_list("status", flat=True).first()
    if latest is None or newest == Status.RECEIVED:
        return _("Its author has rewritten it since this link was made. It is on the desk as it is now.")
    return _("Meanwhile it was decided by %(who)s: it is “%(status)s”. There is nothing left to do.") % {
        "who": latest.made_by or latest.get_decider_display(),
        "status": comment.get_status_display(),
    }


def follow(link: Link, signed_in: Any, *, reason: str = "", explanation: str = "") -> Decision:
    """Decide what ``link`` says, in the name of whoever may follow it. Raise ``Refused`` as ``decide`` does."""
    user = require(link, signed_in)
    if link.action == "undo":
        return moderation.take_back(link.comment, link.decision_id, Commenter.objects.for_user(user))
    rejects = link.action == "reject"
    return moderation.decide(
        link.comment,
        Verdict(link.action, reason=reason if rejects else "", explanation=explanation if rejects else ""),
        decider=Decider.EDITOR,
        trigger=moderation.first_cause(link.comment),
        made_by=Commenter.objects.for_user(user),
        assistance="findings",
    )
