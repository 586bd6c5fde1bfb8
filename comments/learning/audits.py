"""Spot checks: what screening published by itself and the lot has drawn, until an editor has looked at it."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from comments.models import Audit, Decider, Decision, Revision, Status

HIDDEN = frozenset({"score", "no_score", "approved_by_score", "would_approve"})
"""Findings that an editor does not see while checking: what they say has to be their own."""


def open_ones(revisions: QuerySet[Revision]) -> QuerySet[Revision]:
    """
    Return those of ``revisions`` that wait to be checked: still published, still the latest text, not decided since.

    A decision counts at once, also before its lesson is written.
    """
    newer = Revision.objects.filter(comment=OuterRef("comment"), number__gt=OuterRef("number"))
    decided = Decision.objects.filter(revision=OuterRef("pk"), decider=Decider.EDITOR)
    drawn = Audit.objects.filter(decided_at=None).values("revision")
    return revisions.filter(~Exists(newer), ~Exists(decided), pk__in=drawn, status=Status.PUBLISHED)
