"""
What waits, told to editors who are not at the desk: a mail to those who wish it, a message to a chat.

Each text is told of once. Readers' words are quoted or left out, never put where they could pass for the desk's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from comments import access, conf, decision_links, outbox, preferences
from comments.models import Comment, Decider, Decision, Delivery, DeskPreference, Finding, Revision, Status
from comments.screening import latest_run, sentences

LISTED = 5
"""Texts that stand in one mail; the others are counted."""
EXCERPT = 600
"""Characters of a text in a mail or a message."""
SENTENCES = 4
CHAT_MOST, CHAT_WINDOW = 20, timedelta(minutes=10)
"""After so many messages in so long, a chat hears of the number of what waits and of no more single comments."""

QUIET = frozenset({"passed", "no_score"})


@dataclass(frozen=True, slots=True)
class Item:
    """One text that waits, as it is told."""

    revision: Revision
    author: str
    story: str
    why: list[str]
    words: str
    """Empty when it is harsh and the editor wishes to be spared."""
    approve: str
    reject: str
    open: str

    @property
    def quoted(self) -> str:
        return outbox.quoted(self.words)


def due_minutes() -> int:
    return conf.get().digest_minutes


def send() -> int:
    """Write a mail for each editor who wishes it and for whom something new has waited long enough; return how many."""
    minutes = due_minutes()
    if not minutes:
        return 0
    before = timezone.now() - timedelta(minutes=minutes)
    waits = Revision.objects.filter(status=Status.HELD, created_at__lte=before)
    if not waits.exists():
        return 0
    wishing = DeskPreference.objects.filter(mail_decisions=True, person__user__is_active=True).order_by("pk")
    sent = sum(_mail(pk, waits, before) for pk in wishing.values_list("pk", flat=True))
    _tell_chat(waits, before)
    return sent


# --- Mail -------------------------------------------------------------------------------------------------------------


@transaction.atomic
def _mail(preference_id: int, waits: QuerySet[Revision], before: datetime) -> bool:
    preference = DeskPreference.objects.select_for_update().get(pk=preference_id)
    if preference.mailed_at is not None and preference.mailed_at > before:
        return False
    user = get_user_model()._default_manager.filter(commenter=preference.person_id).first()
    if user is None or not access.may_moderate(user):
        return False
    sections = access.sections_of(user)
    mine = waits if sections is None else waits.filter(comment__discussion__section__in=sections)
    fresh = mine.filter(pk__gt=preference.mailed_up_to)
    highest = fresh.order_by("-pk").values_list("pk", flat=True).first()
    if highest is None:
        return False
    listed = items(fresh.order_by("created_at", "pk")[:LISTED], user, spare=preference.blur_harsh)
    total = mine.count()
    subject = ngettext("%(count)d comment waits", "%(count)d comments wait", total) % {"count": total}
    context = {
        "subject": subject,
        "items": listed,
        "others": total - len(listed),
        "desk": outbox.absolute(reverse("admin:comments_desk_changelist")),
        "preferences": outbox.absolute(reverse("admin:comments_desk_preferences")),
        "no_link": outbox.no_link(),
        "days": decision_links.LASTS.days,
    }
    written = outbox.mail(
        f"digest:{user.pk}:{highest}",
        user.email,
        subject,
        render_to_string("comments/mail/digest.txt", context).strip() + "\n",
        html=render_to_string("comments/mail/digest.html", context),
        headers={"Auto-Submitted": "auto-generated"},
    )
    preference.mailed_up_to, preference.mailed_at = highest, timezone.now()
    preference.save(update_fields=["mailed_up_to", "mailed_at"])
    return written is not None


def items(rows: QuerySet[Revision] | Sequence[Revision], user: Any = None, *, spare: bool = False) -> list[Item]:
    """Return ``rows`` as they are told to ``user``, or to a chat. Two queries, however many."""
    if isinstance(rows, QuerySet):
        rows = list(rows.select_related("comment__author", "comment__discussion"))
    findings: dict[int, list[Finding]] = {}
    for finding in Finding.objects.filter(revision__in=[row.pk for row in rows]).order_by("id"):
        findings.setdefault(finding.revision_id, []).append(finding)
    return [_item(row, latest_run(findings.get(row.pk, [])), user, spare) for row in rows]


def _item(row: Revision, found: list[Finding], user: Any, spare: bool) -> Item:
    comment = row.comment
    harsh = spare and preferences.is_harsh(row, found)
    said = [sentences.for_editor(one.code, one.evidence) for one in found if _is_said(one)]
    return Item(
        revision=row,
        author=line(comment.author.name),
        story=line(str(comment.discussion)),
        why=list(dict.fromkeys(said))[:SENTENCES],
        words="" if harsh else _excerpt(row.text),
        approve=decision_links.address(comment, "publish", user),
        reject=decision_links.address(comment, "reject", user),
        open=_on_the_desk(comment),
    )


def _is_said(finding: Finding) -> bool:
    if finding.code in QUIET or not isinstance(finding.evidence, dict) or finding.verdict == "publish":
        return False
    return finding.code != "score" or sentences.worth_reading(finding.evidence)


def _on_the_desk(comment: Comment) -> str:
    return outbox.absolute(f"{reverse('admin:comments_desk_changelist')}?open={comment.pk}")


def line(words: str) -> str:
    """Return a name or a title as one line, without what turns the direction of a line around."""
    return " ".join("".join(letter for letter in words if letter.isprintable() or letter.isspace()).split())


def _excerpt(words: str) -> str:
    return words if len(words) <= EXCERPT else f"{words[:EXCERPT].rstrip()} …"


# --- Chat -------------------------------------------------------------------------------------------------------------


def on_decided(comment: Comment, decision: Decision, **_signal: Any) -> None:
    """Tell the chat of what now waits for an editor. Listens to ``signals.comment_decided``, after the commit."""
    url = conf.get().desk_webhook_url
    if not url or decision.to_status != Status.HELD or decision.decider == Decider.EDITOR:
        return
    recently = Delivery.objects.filter(key__startswith="held:", created_at__gt=timezone.now() - CHAT_WINDOW)
    if recently.count() >= CHAT_MOST:
        return
    [item] = items(Revision.objects.filter(pk=decision.revision_id))
    _to_chat(f"held:{decision.pk}", _said_in_chat(item))


def _tell_chat(waits: QuerySet[Revision], before: datetime) -> None:
    if not conf.get().desk_webhook_url:
        return
    last = Delivery.objects.filter(key__startswith="digest:chat:").order_by("-id").first()
    told_up_to = int(last.key.rpartition(":")[2]) if last else 0
    if last is not None and last.created_at > before:
        return
    highest = waits.filter(pk__gt=told_up_to).order_by("-pk").values_list("pk", flat=True).first()
    if highest is None:
        return
    total = waits.count()
    minutes = due_minutes()
    said = ngettext(
        "%(count)d comment has waited for over %(minutes)d minutes.",
        "%(count)d comments have waited for over %(minutes)d minutes.",
        total,
    )
    desk = outbox.absolute(reverse("admin:comments_desk_changelist"))
    link = _chat_link(desk, _("Open the desk")) if desk else outbox.no_link()
    _to_chat(f"digest:chat:{highest}", f"{said % {'count': total, 'minutes': minutes}} {link}")


def _said_in_chat(item: Item) -> str:
    head = _("*Waits for an editor:* a comment by %(author)s on %(story)s")
    lines = [head % {"author": plain_in_chat(item.author), "story": plain_in_chat(item.story)}]
    if item.why:
        lines.append(plain_in_chat(" · ".join(item.why)))
    if conf.get().desk_webhook_text:
        lines += [f"> {plain_in_chat(line(each))}" for each in item.words.splitlines()[:12]]
    if item.open:
        links = [(item.approve, _("Approve")), (item.reject, _("Reject…")), (item.open, _("Open on the desk"))]
        lines.append(" · ".join(_chat_link(url, name) for url, name in links))
    else:
        lines.append(outbox.no_link())
    return "\n".join(lines)


def _chat_link(url: str, name: str) -> str:
    """Return a link as Slack writes it; Mattermost reads it too."""
    return f"<{url}|{name}>"


def plain_in_chat(words: str) -> str:
    """
    Return ``words`` so that a chat shows them as they are: no mention of everybody, no link, no formatting.

    Slack takes ``<`` for its own; Mattermost reads Markdown and names behind an at sign.
    """
    words = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for mark in "@[]()*_~`|#!":
        words = words.replace(mark, f"{mark}\N{ZERO WIDTH SPACE}")
    return words.replace("://", ":\N{ZERO WIDTH SPACE}//")


def _to_chat(key: str, said: str) -> None:
    settings = conf.get()
    body = json.dumps({"text": said}, ensure_ascii=False)
    outbox.webhook(key, settings.desk_webhook_url, body, secret=settings.desk_webhook_secret)
