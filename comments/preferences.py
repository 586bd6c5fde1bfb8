"""How one editor wants to work: what is blurred, when it is enough, and what is mailed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from comments import shared_cache
from comments.exceptions import Refused
from comments.models import Commenter, Decider, Decision, DeskPreference, Finding, Revision

MOST_A_DAY = 2_000
"""The highest daily quota; also how many decisions of a day are looked at."""
LONGEST_STRETCH = 12 * 60
PAUSE = timedelta(minutes=10)
"""As long as this without a decision is a pause."""
KEPT_SECONDS = 60
HARSH = 0.3
"""
A text that is this likely to be removed is blurred for editors who wish it, and left out of their mail.

Well under a half: a mild text that is blurred costs a glance, a harsh one that is not is what they wanted to be spared.
"""


@dataclass(frozen=True, slots=True)
class Preferences:
    """An editor's wishes; without a row, these."""

    blur_harsh: bool = False
    grey_pictures: bool = False
    daily_quota: int = 0
    break_minutes: int = 0
    mail_decisions: bool = False


def of(user: Any) -> Preferences:
    """Return the wishes of ``user``. One query a minute."""

    def wishes() -> dict[str, Any]:
        row = DeskPreference.objects.filter(person__user=user.pk).first()
        return asdict(_read(row) if row else Preferences())

    return Preferences(**shared_cache.kept(_key(user.pk), KEPT_SECONDS, wishes))


def keep(person: Commenter, **wishes: Any) -> Preferences:
    """Keep ``wishes``, fields of :class:`Preferences`; what is not named stays. Raise ``Refused`` for odd numbers."""
    _require_number(wishes, "daily_quota", MOST_A_DAY)
    _require_number(wishes, "break_minutes", LONGEST_STRETCH)
    row, _made = DeskPreference.objects.update_or_create(person=person, defaults=wishes)
    shared_cache.forget(_key(person.user_id))
    return _read(row)


def is_harsh(row: Revision, found: Iterable[Finding]) -> bool:
    """Say whether a text may well be removed for what it says: by its risk, or by what a scorer found."""
    scores = [finding.score or 0.0 for finding in found if finding.code == "score" and finding.rule != "spam"]
    return max([row.risk, *scores]) >= HARSH


def _require_number(wishes: dict[str, Any], name: str, most: int) -> None:
    given = wishes.get(name, 0)
    if type(given) is not int or not 0 <= given <= most:
        raise Refused(
            "bad_number", _("Write a whole number from 0 to %(most)d.") % {"most": most}, field=name, maximum=most
        )


def _read(row: DeskPreference) -> Preferences:
    return Preferences(**{name: getattr(row, name) for name in Preferences.__dataclass_fields__})


def _key(user_id: int | None) -> str:
    return f"comments:preferences:{user_id}"


def enough(user: Any) -> str:
    """
    Return a calm sentence when ``user`` has reached their own limit today, or has gone on long without a pause; or "".

    Nothing is ever blocked. One query, and none for those who set no limit.
    """
    wishes = of(user)
    if not wishes.daily_quota and not wishes.break_minutes:
        return ""
    now = timezone.now()
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    made = Decision.objects.filter(
        made_by__user=user.pk, decider=Decider.EDITOR, bulk=None, reverses=None, created_at__gte=midnight
    )
    times = list(made.order_by("-id").values_list("created_at", flat=True)[:MOST_A_DAY])
    if wishes.daily_quota and len(times) >= wishes.daily_quota:
        said = ngettext(
            "You have decided %(count)d comment today; your own limit is %(limit)d. Somebody else can go on.",
            "You have decided %(count)d comments today; your own limit is %(limit)d. Somebody else can go on.",
            len(times),
        )
        return said % {"count": len(times), "limit": wishes.daily_quota}
    minutes = _stretch(times, now)
    if wishes.break_minutes and minutes >= wishes.break_minutes:
        said = ngettext(
            "You have been deciding for %(count)d minute without a pause. A few minutes away help.",
            "You have been deciding for %(count)d minutes without a pause. A few minutes away help.",
            minutes,
        )
        return said % {"count": minutes}
    return ""


def _stretch(times: list[Any], now: Any) -> int:
    """Return for how many minutes decisions have followed each other until now, without a pause between them."""
    last = begun = now
    for at in times:
        if last - at >= PAUSE:
            break
        last = begun = at
    return int((now - begun).total_seconds() // 60)
