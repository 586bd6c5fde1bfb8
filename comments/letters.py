"""
Letters to authors about decisions, and to both sides of an appeal.

A decision is made known by ``signals.comment_decided``; a task then writes the letter into the outbox, once. What no
message reached is found by :func:`due`. A letter leaves two minutes after its decision, so that a slip of the hand that
is taken back at once tells nobody anything.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.apps import apps
from django.db.models import CharField, Exists, OuterRef, Q, Value
from django.db.models.functions import Cast, Concat
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from comments import compliance, conf, outbox
from comments.models import Appeal, Commenter, Decider, Decision, Delivery, DeskPreference, Reason, Status, Trigger
from comments.tasks import Hint

GRACE = timedelta(minutes=2)
"""A letter waits this long, in which the decision can be taken back."""
LATE = timedelta(minutes=5)
"""A decision that has no letter after this long was reached by no message."""
GIVE_UP = timedelta(days=1)
MOST_A_DAY = 10
"""Letters about decisions to one author in a day; one more says where the rest stand."""
QUOTED = 300
"""Characters of the comment that stand in the letter."""


def address_of(person: Commenter) -> str:
    """
    Return where ``person`` can be written to.

    What was typed proves nothing: guests get no mail, and neither does an address that waits to be confirmed. Where the
    site keeps no record of confirming, the user's address is taken to be theirs.
    """
    user = person.user
    if user is None or not user.is_active or not user.email or is_confirmed(person) is False:
        return ""
    return str(user.email)


def is_confirmed(person: Commenter) -> bool | None:
    """Say whether the person's address is confirmed; ``None`` where nothing asks for it."""
    if person.contact_confirmed_at:
        return True
    if person.user_id is None or not apps.is_installed("allauth.account"):
        return None
    known = apps.get_model("account", "EmailAddress").objects.filter(user_id=person.user_id)
    states = list(known.values_list("verified", flat=True)[:20])
    return any(states) if states else None


# --- About a decision -------------------------------------------------------------------------------------------------


def _key(decision_id: int) -> str:
    return f"decision:{decision_id}:letter"


def on_decided(decision: Decision, **_signal: Any) -> None:
    """Queue the letter that is owed, and take back that of a decision which is taken back. After the commit."""
    if decision.bulk_id:
        return
    if decision.reverses_id:
        outbox.take_back([_key(decision.reverses_id)])
    if is_owed(decision):
        write_letter.delay_on_commit(decision.pk)


def on_many_decided(decisions: list[Decision], **_signal: Any) -> None:
    """Do the same for decisions in bulk: one query and one message. Listens to ``signals.comments_decided``."""
    if back := [_key(decision.reverses_id) for decision in decisions if decision.reverses_id]:
        outbox.take_back(back)
    if owed := [decision.pk for decision in decisions if is_owed(decision)]:
        write_many_letters.delay_on_commit(owed)


def is_owed(decision: Decision) -> bool:
    """Say whether the author has to be told of ``decision`` by letter, as far as the row itself knows."""
    restricts = compliance.restricts(decision) and decision.decider != Decider.AUTHOR
    # To take back an approval of a moment ago is no new decision about the text.
    undone = bool(decision.reverses_id) and decision.trigger != Trigger.APPEAL and decision.to_status == Status.HELD
    return conf.get().mail_decisions and restricts and not undone and decision.trigger != Trigger.IMPORT


@shared_task(base=Hint, name="comments.letters.write_letter")
def write_letter(decision_id: int, **_later: Any) -> None:
    """Write the letter about one decision into the outbox, once."""
    write(decision_id)


@shared_task(base=Hint, name="comments.letters.write_many_letters")
def write_many_letters(decision_ids: list[int], **_later: Any) -> None:
    """Write the letters about decisions that were made together, each once."""
    for decision_id in decision_ids:
        write(decision_id)


@shared_task(base=Hint, name="comments.letters.write_letters")
def write_letters(**_later: Any) -> None:
    """Write the letters of decisions that no message reached."""
    for decision_id in due():
        write(decision_id)


def write(decision_id: int) -> Delivery | None:
    """Write the letter about one decision, unless none is owed. Safe to do twice, or at once."""
    decision = (
        Decision.objects.filter(pk=decision_id)
        .select_related("comment__author__user", "comment__discussion", "revision", "words")
        .first()
    )
    if decision is None or not is_owed(decision) or decision.reversed_by.exists():
        return None
    person = decision.comment.author
    to = address_of(person)
    if not to or Reason.objects.filter(code=decision.reason, high_volume_commercial=True).exists():
        return None
    with translation.override(compliance.language_of(person)):
        if _earlier_today(decision) >= MOST_A_DAY:
            subject = _("More of your comments: what we decided")
            key = f"letters:{person.pk}:{timezone.localdate(decision.created_at)}"
            facts: dict[str, Any] = {"quote": "", "page": _link("comments:me")}
            return _mail(key, to, person, subject, "decisions", facts, not_before=decision.created_at + GRACE)
        statement = compliance.about_decision(decision)
        facts = {
            "s": statement,
            "title": " ".join(str(decision.comment.discussion).split()),
            "written": compliance.in_full(decision.revision.created_at),
            "decided": compliance.in_full(decision.created_at),
            "quote": _shortened(decision.revision.text),
            "appeal_url": _link("comments:appeal", decision.comment_id),
        }
        subject = _("Your comment: what we decided, and why")
        return _mail(_key(decision.pk), to, person, subject, "decision", facts, not_before=decision.created_at + GRACE)


def _earlier_today(decision: Decision) -> int:
    """Return how many decisions against the same author the day before this one had."""
    of_author = Decision.objects.filter(comment__author=decision.comment.author_id, pk__lt=decision.pk)
    restricting = of_author.filter(
        Q(to_status=Status.REJECTED) | Q(from_status=Status.PUBLISHED, to_status=Status.HELD)
    )
    return restricting.filter(created_at__gt=decision.created_at - timedelta(days=1)).count()


def due(limit: int = 500) -> list[int]:
    """Return decisions of the last day whose letter was never written, newest first."""
    if not conf.get().mail_decisions:
        return []
    now = timezone.now()
    key = Concat(Value("decision:"), Cast(OuterRef("pk"), CharField()), Value(":letter"))
    in_bulk = Reason.objects.filter(high_volume_commercial=True).values("code")
    kept_back = Q(to_status=Status.REJECTED) | Q(from_status=Status.PUBLISHED, to_status=Status.HELD, reverses=None)
    found = Decision.objects.filter(
        kept_back, ~Exists(Delivery.objects.filter(key=key)), created_at__gt=now - GIVE_UP, created_at__lt=now - LATE
    )
    found = found.exclude(decider=Decider.AUTHOR).exclude(trigger=Trigger.IMPORT).exclude(reason__in=in_bulk)
    reachable = found.filter(comment__author__user__is_active=True, reversed_by=None)
    return list(reachable.exclude(comment__author__user__email="").order_by("-id").values_list("pk", flat=True)[:limit])


# --- About an appeal --------------------------------------------------------------------------------------------------


def appeal_received(appeal: Appeal) -> None:
    """Confirm an appeal to who filed it, in the caller's transaction."""
    _to_appellant(appeal, "received", gettext_noop("We have received your appeal"), "appeal_received")


def appeal_ruled(appeal: Appeal) -> None:
    """Tell who appealed what came of it, in the caller's transaction."""
    _to_appellant(appeal, "ruled", gettext_noop("Your appeal: the outcome"), "appeal_ruled")


def _to_appellant(appeal: Appeal, what: str, subject: str, template: str) -> None:
    person = appeal.appellant
    to = address_of(person)
    if not to:
        return
    with translation.override(compliance.language_of(person)):
        facts = {
            "number": str(appeal.public_id),
            "filed": compliance.in_full(appeal.filed_at),
            "due": compliance.in_full(appeal.due_at),
            "about_sanction": appeal.sanction_id is not None,
            "overturned": appeal.state == Appeal.State.OVERTURNED,
            "quote": _shortened(appeal.text),
            "ruling": outbox.quoted(appeal.ruling),
            "ruling_html": appeal.ruling,
            "page": page_of(appeal, absolute=True),
        }
        _mail(f"appeal:{appeal.pk}:{what}", to, person, _(subject), template, facts)


def page_of(appeal: Appeal, *, absolute: bool = False) -> str:
    """Return the page on which who appealed sees how it stands."""
    if appeal.decision is not None:
        path = reverse("comments:appeal", args=[appeal.decision.comment_id])
    else:
        path = reverse("comments:appeal_sanction", args=[appeal.sanction.public_id if appeal.sanction else ""])
    return outbox.absolute(path) if absolute else path


def tell_editor(appeal: Appeal) -> None:
    """Mail who had decided what a colleague ruled, if they wish mail. In the caller's transaction."""
    decided = appeal.decision or appeal.sanction
    editor = decided.made_by if decided else None
    if editor is None or editor.user is None or not (editor.user.is_active and editor.user.email):
        return
    if not DeskPreference.objects.filter(person=editor, mail_decisions=True).exists():
        return
    with translation.override(compliance.language_of(editor)):
        facts = {
            "who": " ".join(str(appeal.ruled_by).split()),
            "comment_id": appeal.decision.comment_id if appeal.decision else None,
            "overturned": appeal.state == Appeal.State.OVERTURNED,
            "ruling": outbox.quoted(appeal.ruling),
            "note": outbox.quoted(appeal.private_note) if appeal.private_note else "",
            "page": _link("admin:comments_desk_appeals"),
            "no_link": outbox.no_link(),
        }
        subject = (
            _("A decision of yours was overturned on appeal")
            if appeal.state == Appeal.State.OVERTURNED
            else _("A decision of yours was upheld on appeal")
        )
        text = render_to_string("comments/mail/appeal_editor.txt", facts)
        outbox.mail(f"appeal:{appeal.pk}:editor", editor.user.email, subject, text)


# --- Mail -------------------------------------------------------------------------------------------------------------


def _mail(
    key: str, to: str, person: Commenter, subject: str, template: str, facts: dict[str, Any], **more: Any
) -> Delivery | None:
    facts |= {
        "name": " ".join(person.name.split()),
        "contact": conf.get().contact_email,
        "no_link": outbox.no_link(),
    }
    quote = facts["quote"]
    text = render_to_string(f"comments/mail/{template}.txt", facts | {"quote": outbox.quoted(quote)})
    html = render_to_string(f"comments/mail/{template}.html", facts)
    return outbox.mail(key, to, subject, text, html=html, **more)


def _link(name: str, *arguments: Any) -> str:
    try:
        return outbox.absolute(reverse(name, args=arguments))
    except NoReverseMatch:
        return ""


def _shortened(words: str) -> str:
    return words if len(words) <= QUOTED else f"{words[:QUOTED].rstrip()}…"
