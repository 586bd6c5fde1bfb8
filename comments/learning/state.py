"""How the model of this newsroom is doing, for people and programs: the figures as they are, nothing made up."""

from __future__ import annotations

from typing import Any

from comments import screening, thresholds
from comments.learning import auto_approval, drift, lessons, outliers, versions
from comments.learning.why import sentence
from comments.models import AutoApproval, Discussion, Job, ScoringModel
from comments.screening.scorers import Health, site

NEEDED = 1_000
"""Decisions after which what it does is worth calling a figure."""

SHOWN = 20


def read() -> dict[str, Any]:
    """Return everything about models, as plain values: see ``GET moderation/models/``."""
    models = list(ScoringModel.objects.defer("weights", "parameters").order_by("-number")[:SHOWN])
    active = next((model for model in models if model.status == ScoringModel.Status.ACTIVE), None)
    active = active or ScoringModel.objects.defer("weights").filter(status=ScoringModel.Status.ACTIVE).first()
    decisions, removals = (active.decision_count, active.removal_count) if active else (0, 0)
    thresholds.in_force(exact=True)
    health = _health()
    return {
        "learning": {
            "decisions": decisions,
            "needed": NEEDED,
            "removals": removals,
            "share_of_own": round(site.ramp(removals), 2),
            "shows_percentages": decisions >= site.CALIBRATED_AFTER,
        },
        "health": {"ok": health.ok, "detail": health.detail},
        "shipped": versions.warm_version(),
        "active": described(active) if active else None,
        "models": [described(model) for model in models],
        "refit": _refit(),
    }


def _health() -> Health:
    for watched in screening.health():
        if watched.name == lessons.SCORER:
            return watched.health
    return site.health()


def _refit() -> dict[str, Any] | None:
    job = Job.objects.filter(kind="refit").order_by("-id").first()
    return job_described(job) if job else None


def job_described(job: Job) -> dict[str, Any]:
    return {
        "id": job.pk,
        "kind": job.kind,
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "error": job.error,
        "result": job.result,
    }


def described(model: ScoringModel) -> dict[str, Any]:
    return {
        "number": model.number,
        "version": f"site-{model.number}",
        "status": model.status,
        "decisions": model.decision_count,
        "removals": model.removal_count,
        "metrics": {name: value for name, value in model.metrics.items() if name != "thresholds"},
        "why": [sentence(each) for each in model.why],
        "can_be_used": bool(model.checksum) and model.status != ScoringModel.Status.ACTIVE,
        "created_at": model.created_at.isoformat(),
        "activated_at": model.activated_at.isoformat() if model.activated_at else None,
    }


def approvals() -> list[dict[str, Any]]:
    """Return approval by score for every section there is, each with what stands against arming it."""
    sections = set(Discussion.objects.exclude(section="").order_by().values_list("section", flat=True).distinct()[:200])
    sections |= set(AutoApproval.objects.values_list("section", flat=True))
    return [approval(section) for section in sorted(sections)]


def approval(section: str) -> dict[str, Any]:
    row = auto_approval.row_of(section)
    active = ScoringModel.objects.filter(status=ScoringModel.Status.ACTIVE).defer("weights").first()
    known = auto_approval.proof(row)
    missing = [] if row.state == AutoApproval.State.ARMED else auto_approval.refusals(row, active)
    return {
        "section": section,
        "state": row.state,
        "limit": row.limit,
        "threshold": row.threshold,
        "model": row.model_version,
        "since": row.since.isoformat() if row.since else None,
        "reviewed": known.reviewed,
        "harmful": known.harmful,
        "upper_bound": round(known.bound, 5) if known.reviewed else None,
        "missing": [sentence(each) for each in missing],
        "why": [sentence(each) for each in row.why],
    }


def watched() -> dict[str, Any]:
    """Return moderators who decide unlike the others, and whether the scores have moved."""
    index = drift.stability()
    return {
        "outliers": outliers.report(),
        "drift": index,
        "drifted": index is not None and index > drift.MOVED,
        "moved": drift.MOVED,
    }
