"""Verbs about a note: what editors tell each other about a comment or a person. Readers never see one."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from comments import access
from comments.exceptions import Refused
from comments.http import request_id
from comments.models import AuditEntry, Comment, Commenter, Note

LONGEST = 2000


def write(about: Comment | Commenter, text: str, *, made_by: Commenter) -> Note:
    """
    Write a note about a comment or a person and return it.

    Raise ``Refused`` for nobody who may moderate there (403), and for a text that is empty or too long.
    """
    _require(made_by, about)
    words = checked(text)
    if not words:
        raise Refused("note_empty", _("Write a few words first."))
    with transaction.atomic():
        if isinstance(about, Comment):
            note = Note.objects.create(comment=about, text=words, made_by=made_by)
        else:
            note = Note.objects.create(person=about, text=words, made_by=made_by)
        _on_record(note, made_by, after="written")
    return note


def delete(note_id: int, *, made_by: Commenter) -> Note:
    """Delete one's own note; that there was one stays on record, its words do not. Raise ``Refused`` otherwise."""
    with transaction.atomic():
        found = Note.objects.select_for_update(of=("self",)).filter(pk=note_id).first()
        if found is None:
            raise Refused("unknown_note", _("There is no such note."), status=404)
        if found.made_by_id != made_by.pk:
            raise Refused("not_your_note", _("Only who wrote a note can delete it."), status=403)
        access.require_moderator(made_by.user)
        _on_record(found, made_by, before="written")
        pk = found.pk
        found.delete()
        found.pk = pk
    return found


def about_comment(comment: Comment) -> QuerySet[Note]:
    """Return the notes on ``comment``, oldest first."""
    return Note.objects.filter(comment=comment).select_related("made_by").order_by("id")


def about_person(person: Commenter) -> QuerySet[Note]:
    """Return the notes about ``person``, oldest first."""
    return Note.objects.filter(person=person).select_related("made_by").order_by("id")


def for_cards(comments: Iterable[Comment]) -> QuerySet[Note]:
    """Return the notes on ``comments`` and about their authors, oldest first."""
    pairs = [(comment.pk, comment.author_id) for comment in comments]
    wanted = Q(comment__in=[pk for pk, _author in pairs]) | Q(person__in={author for _pk, author in pairs})
    return Note.objects.filter(wanted).select_related("made_by").order_by("id")


def checked(text: str) -> str:
    """Return ``text`` as it is kept; raise ``Refused`` when it is too long."""
    words = text.replace("\x00", "").replace("\r\n", "\n").strip()
    if len(words) > LONGEST:
        raise Refused("note_too_long", _("A note can have %(count)d characters.") % {"count": LONGEST}, maximum=LONGEST)
    return words


def _require(editor: Commenter, about: Comment | Commenter) -> None:
    access.require_moderator(editor.user, about.discussion if isinstance(about, Comment) else None)


def _on_record(note: Note, made_by: Commenter, **facts: str) -> None:
    about = _("comment %(id)d") if note.comment_id else _("person %(id)d")
    AuditEntry.objects.create(
        kind="note",
        subject=about % {"id": note.comment_id or note.person_id},
        object_id=note.pk,
        made_by=made_by,
        request_id=request_id(),
        **facts,
    )
