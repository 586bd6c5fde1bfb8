"""Why a model is not used, or approval by score is not on: one sentence for each code. Codes and numbers are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _


def sentence(why: Sequence[Any]) -> str:
    """Return the sentence for ``[code, number, …]``; numbers that are missing stand as "?"."""
    code, *numbers = why or [""]
    said = [*numbers, "?", "?", "?", "?"]
    match code:
        case "better":
            return _("Better than the model before: %(points)s points, at least %(bound)s (%(count)s texts).") % {
                "points": _points(said[0]),
                "bound": _points(said[1]),
                "count": said[2],
            }
        case "few_decisions":
            return _("%(have)s of about %(needed)s decisions so far.") % {"have": said[0], "needed": said[1]}
        case "few_removals":
            return _("%(have)s removals so far; %(needed)s are needed.") % {"have": said[0], "needed": said[1]}
        case "not_comparable":
            return _("It cannot be compared: the last decisions were all alike.")
        case "not_better":
            return _("It does not order texts better than the model in use (%(points)s points).") % {
                "points": _points(said[0])
            }
        case "not_sure":
            return _("It may be worse: %(points)s points, but at worst %(bound)s.") % {
                "points": _points(said[0]),
                "bound": _points(said[1]),
            }
        case "top_worse":
            return _("Fewer removals among the tenth it puts first: %(ours)s instead of %(theirs)s.") % {
                "ours": percent(said[0]),
                "theirs": percent(said[1]),
            }
        case "groups":
            return _(
                "It scores harmless sentences about groups of people high more often: %(ours)s instead of %(theirs)s."
            ) % {"ours": percent(said[0]), "theirs": percent(said[1])}
        case "outlier":
            return _("A moderator removes far more, or far less, than the others. Look at that first.")
        case "forgotten":
            return _("Everything that was learnt was forgotten; it begins again.")
        case "no_threshold":
            return _(
                "No score is low enough: %(needed)s decided texts of this section below it have to show, at 95 %% "
                "confidence, at most %(limit)s wrong."
            ) % {"needed": said[0], "limit": percent(said[1])}
        case "no_shadow":
            return _("Let it run in the shadow first.")
        case "limit_changed":
            return _("Another limit begins with a new shadow run.")
        case "few_reviewed":
            return _("Editors have decided %(have)s texts it would approve; %(needed)s are needed.") % {
                "have": said[0],
                "needed": said[1],
            }
        case "over_limit":
            return _(
                "%(harmful)s of %(reviewed)s were removed: at 95 %% confidence up to %(bound)s are wrong, over the "
                "limit of %(limit)s."
            ) % {
                "harmful": said[0],
                "reviewed": said[1],
                "bound": percent(said[2]),
                "limit": percent(said[3]),
            }
        case "model_changed":
            return _("Another model is in use, for which no threshold was found.")
        case "drift":
            return _("What is written here has changed: the scores moved by %(index)s, over %(limit)s.") % {
                "index": said[0],
                "limit": said[1],
            }
        case "scorer":
            return _("The scorer does not work: %(why)s") % {"why": said[0]}
        case _other:
            return str(code).replace("_", " ")


def percent(share: Any) -> str:
    """Return a share as people read it: "4.2 %"."""
    if not isinstance(share, int | float):
        return "?"
    value = f"{share * 100:.1f}".rstrip("0").rstrip(".")
    return _("%(value)s %%") % {"value": value}


def _points(share: Any) -> str:
    return f"{share * 100:+.1f}" if isinstance(share, int | float) else "?"
