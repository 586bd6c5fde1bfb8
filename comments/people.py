"""Verbs about a person: warn, let everything wait, suspend, ban, lift. Who it happens to is always told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings as django_settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.urls import NoReverseMatch, reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from comments import access, flags, outbox, records, thresholds
from comments.exceptions import Refused
from comments.http import request_id
from comments.models import (
    Acknowledgement,
    Appeal,
    AuditEntry,
    Comment,
    Commenter,
    PolicyVersion,
    Reason,
    Sanction,
    SanctionWords,
)
from comments.models.policy import in_language

LONGEST = 2000
"""Characters of an explanation, or of a private note."""

NETWORK_DAYS = 90
"""A network is shut out for this long at most: it changes hands. Comments older than this do not name one."""

MOST_DAYS = 3650

MOST_REACHED = 100
"""Domains and networks that reach more other people than this are for those who change policy."""

COUNTED = 1_000
"""How far whom a sanction would reach is counted."""

TARGETS = ("person", "domain", "network")


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a sanction on where a person comes from would hold for, besides that person. Staff is never among them."""

    email_domain: str = ""
    domain_people: int = 0
    network_key: str = ""
    network_people: int = 0


# --- Imposing ---------------------------------------------------------------------------------------------------------


def get(person_id: int) -> Commenter:
    """Return who has the number ``person_id``, with their account, or raise ``Refused`` (404)."""
    found = Commenter.objects.select_related("user").filter(pk=person_id).first()
    if found is None:
        raise Refused("unknown_person", _("There is no such person."), status=404)
    return found


def warn(person: Commenter, **said: Any) -> Sanction:
    """Write to ``person``, who has to say that they read it before they write again. Takes what :func:`ban` takes."""
    return _impose(person, Sanction.Kind.WARN, **said)


def premoderate(person: Commenter, **said: Any) -> Sanction:
    """Let everything by ``person`` wait for an editor, until it is lifted. Takes what :func:`ban` takes."""
    return _impose(person, Sanction.Kind.PREMODERATE, **said)


def suspend(person: Commenter, *, until: datetime, **said: Any) -> Sanction:
    """Let ``person`` write nothing until ``until``; it ends by itself. Takes what :func:`ban` takes."""
    return _impose(person, Sanction.Kind.SUSPEND, until=until, **said)


def ban(person: Commenter, **said: Any) -> Sanction:
    """
    Let ``person`` write nothing until it is lifted.

    ``made_by`` is who does it, ``reason`` the code of one of the site's reasons, ``explanation`` words to the person,
    ``private_note`` words to editors, ``legal_ground`` the law where the reason is one. ``target`` is ``person``,
    or ``domain`` and ``network`` for where ``person`` comes from: the network is that of ``comment``, the one that led
    to it, or of their latest, and ends after :data:`NETWORK_DAYS` days at most.

    ``seen`` is the latest sanction on the person that ``made_by`` knows of (an id, 0 for none; or when they looked):
    if there is a later one, nothing is done and ``Refused`` (409) tells what was done by whom. ``Refused``, too:
    without the permission, or about oneself or the newsroom's own people (403); for what is missing or too long (400).

    The row, its words, the record and the mail to the person are one transaction.
    """
    return _impose(person, Sanction.Kind.BAN, **said)


VERBS = {"warn": warn, "premoderate": premoderate, "suspend": suspend, "ban": ban}


def _impose(
    person: Commenter,
    kind: str,
    *,
    made_by: Commenter | None,
    target: str = "person",
    reason: str = "",
    explanation: str = "",
    private_note: str = "",
    legal_ground: str = "",
    until: datetime | None = None,
    comment: Comment | None = None,
    seen: int | datetime | None = None,
) -> Sanction:
    now = timezone.now()
    require_may_sanction(made_by, person)
    if target not in TARGETS:
        raise Refused("unknown_target", _("Choose a person, an e-mail domain or a network."))
    if kind == Sanction.Kind.WARN and target != "person":
        raise Refused("warn_one", _("A warning is for one person."))
    why = _reason(kind, reason, legal_ground, explanation)
    words = SanctionWords(explanation=_checked(explanation), private_note=_checked(private_note))
    if len(legal_ground) > 500:
        raise Refused("too_long", _("The law can have %(count)d characters.") % {"count": 500}, maximum=500)
    if comment is not None and comment.author_id != person.pk:
        raise Refused("not_their_comment", _("Somebody else wrote this comment."))
    aim = _aim(person, target, comment, made_by)
    ends_at = _end(kind, target, until, now)
    with _alone(person, target):
        _require_news(person, kind, aim, seen)
        strikes = records.strikes(person, now)
        earlier = Sanction.objects.filter(person=person, kind=Sanction.Kind.WARN).exclude(lifted_by__isnull=False)
        made = Sanction.objects.create(
            kind=kind,
            **aim,
            starts_at=now,
            ends_at=ends_at,
            reason=why.code if why else "",
            ground=why.ground_default if why else "house",
            legal_ground=legal_ground.strip(),
            comment=comment,
            basis={"strikes": round(strikes.total, 2), "rejected": strikes.rejected, "warnings": strikes.warnings},
            prior_warning=earlier.order_by("-id").first(),
            made_by=made_by,
            request_id=request_id(),
            created_at=now,
        )
        if words.explanation or words.private_note:
            words.sanction = made
            words.save()
        if kind == Sanction.Kind.PREMODERATE and target == "person":
            Commenter.objects.filter(pk=person.pk, premoderated_at=None).update(premoderated_at=now)
        _on_record(made, made_by, after=_facts(made))
        if target == "person":
            _write_to(person, made, words.explanation)
    person.refresh_from_db(fields=["premoderated_at"])
    return made


def require_may_sanction(made_by: Commenter | None, person: Commenter) -> None:
    """Raise ``Refused`` (403) unless ``made_by`` may sanction ``person``; the system itself may."""
    access.require_of(made_by, "sanction_people")
    if made_by is not None and made_by.pk == person.pk:
        raise Refused("own_sanction", _("Nobody sanctions themselves. Ask a colleague."), status=403)
    user = person.user
    if user is not None and user.is_superuser and user.is_active:
        raise Refused("superuser", _("Administrators cannot be sanctioned here."), status=403)
    if access.is_staff(person) and made_by is not None and not access.may(made_by.user, "change_policy"):
        raise Refused("staff", _("The newsroom's own people are for the community editor to sanction."), status=403)


def may_sanction(user: Any, person: Commenter) -> bool:
    """Say whether ``user`` may sanction ``person``."""
    if not access.may(user, "sanction_people"):
        return False
    try:
        require_may_sanction(Commenter.objects.for_user(user), person)
    except Refused:
        return False
    return True


def reach(person: Commenter, comment: Comment | None = None) -> Reach:
    """Return how many others a sanction on the person's domain and network would hold for. Three queries."""
    domain = (access.domains_of(person) or [""])[0]
    network = _network_of(person, comment)
    others = Commenter.objects.exclude(pk=person.pk).exclude(user__is_staff=True, user__is_active=True)
    ends = Q()
    for address in ("user__email", "email"):
        ends |= Q(**{f"{address}__iendswith": f"@{domain}"}) | Q(**{f"{address}__iendswith": f".{domain}"})
    since = timezone.now() - timedelta(days=NETWORK_DAYS)
    seen_there = Comment.objects.filter(author=OuterRef("pk"), network_key=network, created_at__gt=since)
    return Reach(
        email_domain=domain,
        domain_people=others.filter(ends)[:COUNTED].count() if "." in domain else 0,
        network_key=network,
        network_people=others.filter(Exists(seen_there))[:COUNTED].count() if network else 0,
    )


def _network_of(person: Commenter, comment: Comment | None) -> str:
    if comment is not None and comment.network_key:
        return comment.network_key
    since = timezone.now() - timedelta(days=NETWORK_DAYS)
    wrote = Comment.objects.filter(author=person, created_at__gt=since).exclude(network_key="")
    return wrote.order_by("-created_at").values_list("network_key", flat=True).first() or ""


def _aim(person: Commenter, target: str, comment: Comment | None, made_by: Commenter | None) -> dict[str, Any]:
    if target == "person":
        return {"person": person}
    would = reach(person, comment)
    count = would.domain_people if target == "domain" else would.network_people
    if target == "domain" and "." not in would.email_domain:
        raise Refused("no_domain", _("No e-mail address of this person is known."))
    if target == "network" and not would.network_key:
        raise Refused("no_network", _("None of their comments of the last 90 days tells a network."))
    broad = count > MOST_REACHED
    if broad and made_by is not None and made_by.user and not access.may(made_by.user, "change_policy"):
        said = ngettext(
            "This would reach %(count)d other person: ask the community editor.",
            "This would reach %(count)d other people: ask the community editor.",
            count,
        )
        raise Refused("reaches_many", said % {"count": count}, status=403, reaches=count)
    return {"email_domain": would.email_domain} if target == "domain" else {"network_key": would.network_key}


def _end(kind: str, target: str, until: datetime | None, now: datetime) -> datetime | None:
    last = now + timedelta(days=NETWORK_DAYS)
    if kind == Sanction.Kind.SUSPEND and until is None:
        raise Refused("no_end", _("Say until when they are suspended."))
    if until is not None and not now < until <= now + timedelta(days=MOST_DAYS):
        raise Refused("bad_end", _("A suspension ends in the future, in ten years at the latest."))
    if kind == Sanction.Kind.WARN or (kind == Sanction.Kind.PREMODERATE and target == "person"):
        return None
    if target == "network":
        if until is not None and until > last:
            raise Refused("network_too_long", _("A network can be shut out for 90 days at most."), maximum=NETWORK_DAYS)
        return until or last
    return until


def _reason(kind: str, code: str, legal_ground: str, explanation: str) -> Reason | None:
    if not code:
        if kind == Sanction.Kind.PREMODERATE:
            return None
        raise Refused("reason_needed", _("Choose the reason: the person is told it."))
    found = Reason.objects.filter(code=code, is_active=True).first() if "\x00" not in code else None
    if found is None:
        raise Refused("unknown_reason", _("There is no reason “%(code)s”.") % {"code": code[:40]})
    if found.ground_default == "illegal" and not (legal_ground.strip() and explanation.strip()):
        raise Refused("legal_ground_needed", _("Name the law and explain what they did against it."))
    return found


def _checked(text: str) -> str:
    words = text.replace("\x00", "").replace("\r\n", "\n").strip()
    if len(words) > LONGEST:
        raise Refused("too_long", _("Each text can have %(count)d characters.") % {"count": LONGEST}, maximum=LONGEST)
    return words


@contextmanager
def _alone(person: Commenter, target: str = "person") -> Iterator[None]:
    """Let nobody else sanction the same meanwhile: a person is locked by their row, domains and networks by one row."""
    with transaction.atomic():
        if target != "person":
            PolicyVersion.objects.get_or_create(pk=1)
            PolicyVersion.objects.select_for_update().get(pk=1)
        flags.lock_people([person.pk])
        yield


def _require_news(person: Commenter, kind: str, aim: dict[str, Any], seen: int | datetime | None) -> None:
    """Raise ``Refused`` (409) when somebody did something first that the caller has not seen, or did the same."""
    if seen is not None:
        later = Q(pk__gt=seen) if isinstance(seen, int) else Q(created_at__gt=seen)
        first = Sanction.objects.filter(later, person=person).select_related("made_by", "lifts").order_by("id").first()
        if first is not None:
            raise Refused("sanctions_changed", _what_was_done(first), status=409, sanction=str(first.public_id))
    if kind == Sanction.Kind.WARN or (kind == Sanction.Kind.SUSPEND and seen is not None and "person" in aim):
        return
    same = Sanction.objects.in_force().filter(kind=kind, **aim).select_related("made_by").order_by("-id").first()
    if same is not None:
        raise Refused("already_sanctioned", _what_was_done(same), status=409, sanction=str(same.public_id))


def _what_was_done(sanction: Sanction) -> str:
    said = _("Nothing was done: %(who)s was there first, %(when)s. What they did: %(what)s.")
    who = sanction.made_by.name if sanction.made_by else _("the system")
    return said % {"who": who, "when": access.spoken(sanction.created_at), "what": in_words(sanction)}


def in_words(sanction: Sanction) -> str:
    """Return what a sanction is, to an editor: "Suspension until 3 December". No full stop."""
    what = str(sanction.get_kind_display())
    if sanction.kind == Sanction.Kind.LIFT and sanction.lifts:
        return f"{what}: {sanction.lifts.get_kind_display()}"
    if sanction.email_domain:
        what = _("%(what)s of everyone at %(domain)s") % {"what": what, "domain": sanction.email_domain}
    elif sanction.network_key:
        what = _("%(what)s of a network") % {"what": what}
    if sanction.ends_at:
        what = _("%(what)s until %(until)s") % {"what": what, "until": access.spoken(sanction.ends_at)}
    return what


# --- Lifting ----------------------------------------------------------------------------------------------------------


def lift(
    sanction: Sanction,
    *,
    made_by: Commenter | None,
    explanation: str = "",
    private_note: str = "",
    appeal: Appeal | None = None,
) -> Sanction:
    """
    End ``sanction`` now and tell the person. Return the row that lifts it.

    Raise ``Refused`` (409) when it is lifted or over, saying who was first, (403) for who may not, or for one's own.
    With ``appeal``, whose ruling it is, who rules on appeals may; the ruling is then what the person is told.
    """
    access.require_of(made_by, "rule_on_appeals" if appeal else "sanction_people")
    if sanction.kind == Sanction.Kind.LIFT:
        raise Refused("not_in_force", _("This is not a sanction that can be lifted."), status=409)
    person = sanction.person
    if person is not None and made_by is not None:
        if person.pk == made_by.pk:
            raise Refused("own_sanction", _("Nobody lifts a sanction of their own. Ask a colleague."), status=403)
        if access.is_staff(person) and made_by.user and not access.may(made_by.user, "change_policy"):
            raise Refused("staff", _("The newsroom's own people are for the community editor."), status=403)
    words = SanctionWords(explanation=_checked(explanation), private_note=_checked(private_note))
    now = timezone.now()
    try:
        with transaction.atomic():
            if person is not None:
                flags.lock_people([person.pk])
            _require_in_force(sanction, now)
            made = Sanction.objects.create(
                kind=Sanction.Kind.LIFT,
                lifts=sanction,
                person=person,
                email_domain=sanction.email_domain,
                network_key=sanction.network_key,
                starts_at=now,
                reason=sanction.reason,
                ground=sanction.ground,
                trigger="appeal" if appeal else "editor",
                appeal=appeal,
                made_by=made_by,
                request_id=request_id(),
                created_at=now,
            )
            if words.explanation or words.private_note:
                words.sanction = made
                words.save()
            if person is not None and sanction.kind == Sanction.Kind.PREMODERATE:
                _remember_premoderation(person)
            _on_record(made, made_by, before=_facts(sanction))
            if person is not None and appeal is None:
                _write_to(person, made, words.explanation)
    except IntegrityError:
        # A domain's or a network's, lifted twice at once.
        _require_in_force(sanction, timezone.now())
        raise
    if person is not None:
        person.refresh_from_db(fields=["premoderated_at"])
    return made


def _require_in_force(sanction: Sanction, now: datetime) -> None:
    earlier = Sanction.objects.filter(lifts=sanction).select_related("made_by", "lifts").first()
    if earlier is not None:
        raise Refused("already_lifted", _what_was_done(earlier), status=409)
    if sanction.ends_at and sanction.ends_at <= now:
        ended = _("It ended by itself, %(when)s.") % {"when": access.spoken(sanction.ends_at)}
        raise Refused("not_in_force", ended, status=409)


def _remember_premoderation(person: Commenter) -> None:
    left = Sanction.objects.in_force().filter(person=person, kind=Sanction.Kind.PREMODERATE).order_by("id").first()
    Commenter.objects.filter(pk=person.pk).update(premoderated_at=left.starts_at if left else None)


def of_places() -> list[Sanction]:
    """Return what is in force against domains and networks, the latest first, a hundred at most. One query."""
    found = Sanction.objects.in_force().filter(person__isnull=True).select_related("made_by", "words", "lifts")
    return list(found.order_by("-id")[:100])


def known(public_id: Any) -> Sanction:
    """Return the sanction with this public id, or raise ``Refused`` (404)."""
    found: Sanction | None = (
        Sanction.objects.filter(public_id=public_id).select_related("person__user", "made_by").first()
    )
    if found is None:
        raise Refused("unknown_sanction", _("There is no such sanction."), status=404)
    return found


def latest(person: Commenter) -> int:
    """Return the id of the latest sanction on ``person``, 0 for none: what ``seen`` is compared with."""
    return Sanction.objects.filter(person=person).order_by("-id").values_list("pk", flat=True).first() or 0


def state_in_words(now: access.Standing) -> str:
    """Return how somebody stands, to an editor; "" when nothing is in force."""
    return in_words(now.sanction) if now.sanction else ""


def ladder_in_words() -> list[str]:
    """Return what is usual from how many strikes on: "2: suspension of 3 days"."""
    said = []
    for step in records.ladder(thresholds.of(None)):
        least = f"{step.least:g}"
        what = str(Sanction.Kind(step.kind).label)
        if step.kind == Sanction.Kind.SUSPEND:
            what = ngettext("Suspension of %(days)d day", "Suspension of %(days)d days", step.days)
            what %= {"days": step.days}
        said.append(f"{least}: {what}")
    return said


def told(one: records.Happened, names: dict[str, str] | None = None) -> tuple[str, str, str | None, int | None]:
    """
    Return one thing that happened in words: what it was, what was written, who did it, and which comment.

    ``names`` are the reasons' by their code; without them the codes stand.
    """
    names = names or {}
    row, who = one.row, getattr(one.row, "made_by", None)
    words = getattr(row, "words", None)
    match one.kind:
        case "comment":
            return _("Wrote a comment: %(status)s") % {"status": row.get_status_display()}, words or "", None, row.pk
        case "decision":
            said = str(row.get_to_status_display())
            if row.reason:
                said = f"{said}: {names.get(row.reason, row.reason)}"
            who = str(who) if who else str(row.get_decider_display())
            return said, words.explanation if words else "", who, row.comment_id
        case "sanction":
            return in_words(row), words.explanation if words else "", str(who) if who else None, row.comment_id
        case "appeal":
            judge = str(row.ruled_by) if row.ruled_by else None
            return _("Appeal: %(state)s") % {"state": row.get_state_display()}, row.text, judge, None
        case _note:
            return _("Note"), row.text, str(who), None


# --- Reading it -------------------------------------------------------------------------------------------------------


def acknowledge(person: Commenter, public_id: Any) -> Sanction:
    """Write down that ``person`` has read a warning of theirs. Twice is once. ``Refused`` (404) for anybody else's."""
    found: Sanction | None = Sanction.objects.filter(
        public_id=public_id, person=person, kind=Sanction.Kind.WARN
    ).first()
    if found is None:
        raise Refused("unknown_sanction", _("There is no such warning."), status=404)
    Acknowledgement.objects.get_or_create(sanction=found)
    return found


def appeal_path(sanction: Sanction) -> str:
    """Return where somebody objects to ``sanction``."""
    try:
        return reverse("comments:appeal_sanction", args=[sanction.public_id])
    except NoReverseMatch:
        return f"/comments/sanctions/{sanction.public_id}/appeal/"


# --- On record, and in the mail ---------------------------------------------------------------------------------------


def _facts(sanction: Sanction) -> dict[str, Any]:
    return {
        "kind": sanction.kind,
        "reason": sanction.reason,
        "until": sanction.ends_at.isoformat() if sanction.ends_at else None,
        "email_domain": sanction.email_domain,
        "network": bool(sanction.network_key),
    }


def _on_record(sanction: Sanction, made_by: Commenter | None, **facts: Any) -> None:
    if sanction.person_id:
        about = _("person %(id)d") % {"id": sanction.person_id}
    else:
        about = sanction.email_domain or _("a network")
    AuditEntry.objects.create(
        kind="sanction",
        subject=about,
        object_id=sanction.pk,
        made_by=made_by,
        request_id=request_id(),
        **facts,
    )


def _write_to(person: Commenter, sanction: Sanction, explanation: str) -> None:
    """Mail ``person`` what was done, why, until when, and how to object. A guest's address proves nothing: no mail."""
    to = person.user.email if person.user else ""
    if not to:
        return
    with translation.override(_language(person)):
        subject, text = letter(sanction, explanation)
    outbox.mail(f"sanction:{sanction.public_id}", to, subject, text)


def _language(person: Commenter) -> str:
    known_here = dict(django_settings.LANGUAGES)
    wanted = person.preferred_language
    return wanted if wanted in known_here else django_settings.LANGUAGE_CODE


def letter(sanction: Sanction, explanation: str) -> tuple[str, str]:
    """Return subject and text of the mail about ``sanction``, in the language that is active."""
    lifted = sanction.kind == Sanction.Kind.LIFT
    subject, first = {
        "warn": (_("A note from the editors"), _("The editors have a word with you about what you wrote.")),
        "premoderate": (
            _("Your comments wait for an editor"),
            _("An editor reads your comments before others see them."),
        ),
        "suspend": (
            _("You cannot comment for a while"),
            _("You cannot comment until %(until)s.") % {"until": access.spoken(sanction.ends_at)},
        ),
        "ban": (
            _("You cannot comment any more"),
            _("You cannot comment here until %(until)s.") % {"until": access.spoken(sanction.ends_at)}
            if sanction.ends_at
            else _("You cannot comment here any more."),
        ),
        "lift": (
            _("Lifted: you may comment as before"),
            _("What the editors had decided about you is lifted: %(what)s.")
            % {"what": sanction.lifts.get_kind_display() if sanction.lifts else ""},
        ),
    }[sanction.kind]
    parts = [first]
    reason = Reason.objects.filter(code=sanction.reason).first() if sanction.reason and not lifted else None
    if reason:
        parts.append(
            " ".join(filter(None, [_("The reason: %(reason)s.") % {"reason": reason}, in_language(reason.author_text)]))
        )
    if sanction.legal_ground:
        parts.append(_("The law: %(law)s") % {"law": sanction.legal_ground})
    if sanction.comment is not None:
        url = outbox.absolute(sanction.comment.get_absolute_url()) or outbox.no_link()
        parts.append(
            _("It is about your comment of %(when)s: %(url)s")
            % {
                "when": access.spoken(sanction.comment.created_at),
                "url": url,
            }
        )
    if explanation:
        parts.append("\n".join([_("The editors write:"), outbox.quoted(explanation)]))
    if sanction.kind == Sanction.Kind.WARN:
        parts.append(
            _("Nothing else happens now. You are asked to say that you have read this before you write again.")
        )
    if not lifted:
        url = outbox.absolute(appeal_path(sanction)) or outbox.no_link()
        said = _("If you think this is wrong, you can appeal once; somebody else will look at it: %(url)s")
        parts.append(said % {"url": url})
    return subject, "\n\n".join(parts) + "\n"
