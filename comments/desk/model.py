"""The page about what the newsroom teaches: how far it is, how well it does, which model is used, what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from comments import access, tasks
from comments.desk import frame
from comments.desk.forms import BIGGEST, ApprovalForm
from comments.desk.frame import for_those_who
from comments.exceptions import Refused
from comments.learning import auto_approval, refit, state, versions
from comments.learning.why import percent
from comments.models import AutoApproval, Commenter, ScoringModel

PAGE = "admin:comments_desk_model"


@dataclass(frozen=True, slots=True)
class Step:
    """One model on the curve: after so many decisions, of two texts the worse one first in so many of a hundred."""

    decisions: int
    auc: float
    x: float
    y: float
    label: str


@require_GET
@for_those_who("change_policy")
def page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show it."""
    found = state.read()
    steps = curve(found["models"])
    context = frame.context(request, site, tab="model", title=_("Model")) | {
        "learning": found["learning"],
        "is_learning": found["learning"]["decisions"] < found["learning"]["needed"],
        "own_share": percent(found["learning"]["share_of_own"]),
        "health": found["health"],
        "shipped": found["shipped"],
        "active": found["active"],
        "figures": figures(found["active"]),
        "models": [(model, figures(model)) for model in found["models"]],
        "steps": steps,
        "way": "M" + "L".join(f"{step.x:.1f} {step.y:.1f}" for step in steps) if len(steps) > 1 else "",
        "refit": found["refit"],
        "watched": _watched(),
        "approvals": [
            (each | {"limit_percent": f"{each['limit'] * 100:g}"}, percent(each["upper_bound"]))
            for each in state.approvals()
        ],
        "messages_here": list(messages.get_messages(request)),
    }
    return TemplateResponse(request, "comments/desk/model.html", context)


def _watched() -> dict[str, Any]:
    watched = state.watched()
    return watched | {
        "outliers": [
            (each.person, each.decisions, percent(each.rate), percent(each.usual)) for each in watched["outliers"]
        ],
        "drift": None if watched["drift"] is None else f"{watched['drift']:.2f}",
    }


def figures(model: dict[str, Any] | None) -> dict[str, str]:
    """Return what was measured of a model as people read it; a dash where nothing was."""
    measured = (model["metrics"].get("candidate") or {}) if model else {}
    names = ("auc", "queue_precision", "calibration_error", "groups_high")
    return {name: "-" if measured.get(name) is None else percent(measured[name]) for name in names}


def curve(models: list[dict[str, Any]]) -> list[Step]:
    """Return the refits as points of a chart of 420 by 170, AUC from .5 at the bottom to 1 at the top."""
    measured = sorted(
        (model["metrics"].get("decisions", model["decisions"]), model["metrics"]["candidate"]["auc"])
        for model in models
        if (model["metrics"].get("candidate") or {}).get("auc") is not None
    )
    most = max((decisions for decisions, _auc in measured), default=1)
    return [
        Step(decisions, auc, 420 * decisions / most, 170 * (1 - (max(auc, 0.5) - 0.5) / 0.5), percent(auc))
        for decisions, auc in measured
    ]


@require_POST
@for_those_who("change_policy")
def act(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Refit, use a model, forget everything, or set approval by score; then back to the page with a sentence."""
    editor = access.person(request.user)
    asked, _dash, number = request.POST.get("do", "").partition("-")
    try:
        said = _do(request, asked, number, editor)
    except Refused as refused:
        messages.error(request, refused.detail)
    else:
        messages.success(request, said)
    response = HttpResponseRedirect(reverse(PAGE))
    response.status_code = 303
    return response


def _do(request: HttpRequest, asked: str, number: str, editor: Commenter) -> str:
    match asked:
        case "refit":
            job = refit.begin(editor)
            tasks.run_job.delay_on_commit(job.pk)
            return _("The refit has begun. This page shows how far it is.")
        case "use" if number.isascii() and number.isdecimal() and int(number) <= BIGGEST:
            model = ScoringModel.objects.defer("weights").filter(number=int(number)).first()
            if model is None:
                raise Http404
            versions.use(model, editor)
            return _("Model %(number)s is in use.") % {"number": number}
        case "forget":
            versions.forget_all(editor)
            return _("What was learnt is forgotten. Earlier models can be used again.")
        case "approval":
            form = ApprovalForm(request.POST)
            if not form.is_valid():
                raise Refused("bad_form", _("Choose off, shadow or on, and a limit from 0.1 to 20 percent."))
            row = auto_approval.set_state(
                form.cleaned_data["section"],
                form.cleaned_data["state"],
                made_by=editor,
                limit=float(form.cleaned_data["limit"]) / 100,
            )
            return _("%(section)s: %(state)s.") % {
                "section": row.section,
                "state": AutoApproval.State(row.state).label,
            }
    raise Http404


ADDRESSES = [
    ("model/", page, "model"),
    ("model/do/", act, "model_act"),
]
