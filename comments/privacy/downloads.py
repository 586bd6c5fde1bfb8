"""
Taking one's data along: one ZIP file with everything as JSON, and the same as a page that people can read.

It is written while it is read, piece by piece, so that how much somebody wrote does not decide whether it works.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import IO, Any

from django.db import transaction
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone, translation
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

from comments import compliance, conf, jobs, outbox, ratelimit, signals
from comments.exceptions import Refused
from comments.models import Commenter, DataExport, DataExportPart, Job
from comments.privacy import kept

KIND = "my_data"
PIECE = 256 * 1024
"""Bytes of the file in one row."""
STEP = 100
"""Rows of the person's between two signs of life."""
IN_MEMORY = 8 * 1024 * 1024
UNDER_WAY = (Job.State.WAITING, Job.State.RUNNING, Job.State.PAUSED)


# --- Asking for it, and fetching it -----------------------------------------------------------------------------------


def export(person: Commenter) -> DataExport:
    """
    Have everything kept about ``person`` prepared in the background. One at a time: asked again, it is the same.

    Raise ``Refused`` (429) for more than ``EXPORTS_PER_DAY``. What was prepared before goes when the new one is there.
    """
    with transaction.atomic():
        Commenter.objects.select_for_update(of=("self",)).get(pk=person.pk)
        now = latest(person)
        if now is not None and now.job.state in UNDER_WAY:
            return now
        limit = conf.get().exports_per_day
        ratelimit.require_not_too_many("export", f"person:{person.pk}", limit=limit, seconds=86_400)
        job = jobs.begin(KIND, {"person": person.pk}, made_by=None, subject=f"person:{person.pk}")
        made = DataExport.objects.create(person=person, job=job)
        transaction.on_commit(lambda: signals.job_begun.send_robust(Job, job_id=job.pk), robust=True)
    return made


def latest(person: Commenter) -> DataExport | None:
    """Return the person's last download: under way, ready or failed; ``None`` when there is none. One query."""
    found = DataExport.objects.filter(person=person).select_related("job").order_by("-id").first()
    return None if found is not None and found.expires_at and found.expires_at <= timezone.now() else found


def download(person: Commenter, public_id: Any = None) -> DataExport:
    """Return the download of ``person`` that can be fetched now, the last one; ``Refused`` (404) for any other."""
    ready = DataExport.objects.filter(person=person, ready_at__isnull=False, expires_at__gt=timezone.now())
    if public_id is not None:
        ready = ready.filter(public_id=public_id)
    found = ready.order_by("-id").first()
    if found is None:
        raise Refused("no_download", _("There is no download here. It may be over; prepare it anew."), status=404)
    return found


def pieces(export: DataExport) -> Iterator[bytes]:
    """Yield the file, a row at a time."""
    number = 0
    while True:
        row = DataExportPart.objects.filter(export=export, number=number).values_list("data", flat=True).first()
        if row is None:
            return
        yield bytes(row)
        number += 1


def forget(limit: int = 50) -> int:
    """Delete downloads that are over, and those that came to nothing days ago; return how many."""
    now = timezone.now()
    stale = now - timedelta(days=max(1, conf.get().export_days))
    over = DataExport.objects.filter(expires_at__lte=now) | DataExport.objects.filter(
        ready_at__isnull=True, created_at__lt=stale
    ).exclude(job__state__in=UNDER_WAY)
    ids = list(over.order_by("pk").values_list("pk", flat=True)[:limit])
    DataExport.objects.filter(pk__in=ids).delete()
    return len(ids)


@jobs.kind(KIND)
def work(job: Job) -> Iterator[None]:
    """Prepare one download. A file that was begun is begun anew: nobody has seen it yet."""
    made = DataExport.objects.select_related("person__user").get(job=job)
    person = made.person
    DataExportPart.objects.filter(export=made).delete()
    most = conf.get().export_megabytes * 1024 * 1024
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        cut = False
        for step in written(person, file, most=most):
            cut = cut or step
            job.done += 1
            yield
        file.seek(0)
        for number, piece in enumerate(iter(lambda: file.read(PIECE), b"")):
            DataExportPart.objects.update_or_create(export=made, number=number, defaults={"data": piece})
            yield
        size = file.tell()
    now = timezone.now()
    with transaction.atomic():
        DataExport.objects.filter(person=person, ready_at__isnull=False).exclude(pk=made.pk).delete()
        until = now + timedelta(days=conf.get().export_days)
        DataExport.objects.filter(pk=made.pk).update(size=size, is_cut=cut, ready_at=now, expires_at=until)
        _tell(person, made, until)
    job.result = {"size": size, "is_cut": cut}


def _tell(person: Commenter, made: DataExport, until: datetime) -> None:
    """Mail that it is ready; where, and never the file itself."""
    to = person.user.email if person.user else ""
    if not to:
        return
    with translation.override(compliance.language_of(person)):
        try:
            url = outbox.absolute(reverse("comments:me")) or outbox.no_link()
        except NoReverseMatch:
            url = outbox.no_link()
        said = _("Your download is ready. Sign in and fetch it until %(when)s: %(url)s")
        text = said % {"when": compliance.in_full(until), "url": url}
        outbox.mail(f"export:{made.public_id}:ready", to, _("Your data is ready to be fetched"), text + "\n")


# --- Writing it -------------------------------------------------------------------------------------------------------


def written(person: Commenter, file: IO[bytes], *, most: int | None = None) -> Iterator[bool]:
    """
    Write the ZIP file into ``file``, in the language the person is written to.

    Yields between two batches, ``True`` when it was cut because it reached ``most`` bytes.
    """
    with (
        translation.override(compliance.language_of(person)),
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
    ):
        for name, lines in (("data.json", _as_json), ("index.html", _as_page)):
            room = _Room(file, most)
            with archive.open(name, "w", force_zip64=True) as member:
                for number, line in enumerate(lines(person, room)):
                    member.write(line.encode())
                    if number % STEP == 0:
                        yield room.is_full
            yield room.is_full


class _Room:
    """Whether there is room for more in the file. Each of its two halves may take half."""

    def __init__(self, file: IO[bytes], most: int | None) -> None:
        self.file = file
        self.end = None if most is None else file.tell() + most // 2
        self.is_full = False

    def facts(self, part: kept.Part, person: Commenter) -> Iterator[kept.Facts]:
        """Yield what is kept until there is no more room."""
        for one in part.facts(person):
            if self.end is not None and self.file.tell() > self.end:
                self.is_full = True
            if self.is_full:
                return
            yield one


def _as_json(person: Commenter, room: _Room) -> Iterator[str]:
    yield "{\n"
    yield f'"about": {_dumped(list(kept.meaning()))},\n'
    yield f'"prepared_at": {_dumped(timezone.now().isoformat())},\n'
    yield f'"profile": {_dumped(kept.profile(person))},\n'
    yield f'"reasons": {_dumped(kept.reasons_in_words())}'
    for part in kept.PARTS:
        yield f",\n{_dumped(part.name)}: ["
        between = "\n"
        for one in room.facts(part, person):
            yield between + _dumped(one)
            between = ",\n"
        yield "]"
    yield f',\n"is_cut": {_dumped(room.is_full)}\n}}\n'


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _as_page(person: Commenter, room: _Room) -> Iterator[str]:
    about = {"person": person, "meaning": kept.meaning(), "at": compliance.in_full(timezone.now())}
    before, _mark, after = render_to_string("comments/export.html", about).partition("<!-- everything -->")
    yield before
    yield format_html("<h2>{}</h2>\n", _("Who I am")) + _value(kept.profile(person))
    for part in kept.PARTS:
        title = str(part.title)
        first = True
        for one in room.facts(part, person):
            if first:
                yield format_html("<h2>{}</h2>\n", title)
                first = False
            yield _value(one) + "\n"
    if room.is_full:
        yield format_html("<p>{}</p>\n", _("There is more than fits into a download. Ask us for the rest."))
    yield after


def _value(value: Any) -> str:
    if isinstance(value, dict):
        named = ((name.replace("_", " "), _value(each)) for name, each in value.items() if not _is_nothing(each))
        return format_html("<dl>{}</dl>", format_html_join("", "<dt>{}</dt><dd>{}</dd>", named))
    if isinstance(value, list):
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((_value(each),) for each in value)))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return format_html('<span dir="auto">{}</span>', value)


def _is_nothing(value: Any) -> bool:
    return value is None or value in ("", [], {})
