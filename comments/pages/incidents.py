"""What went wrong with commenting, when, and what the newsroom said: a page for everyone, the same for all."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from comments.issues import incidents
from comments.models import Incident
from comments.pages import shown
from comments.pages.views import open_page


@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """List the incidents that readers were told of, the latest first."""
    rows = [_row(one) for one in incidents.history()]
    return open_page(request, "comments/issues/incidents.html", shown.context(rows=rows))


def _row(one: Incident) -> dict[str, object]:
    said = [
        (shown.public_time(update.created_at), update.get_state_display(), update.text)
        for update in one.updates.all()
        if update.is_public
    ]
    return {
        "title": one.get_degree_display(),
        "state": one.get_state_display(),
        "is_over": one.state == Incident.State.ENDED,
        "since": shown.public_time(one.started_at),
        "until": shown.public_time(one.ended_at) if one.ended_at else "",
        "kept": one.kept,
        "said": said[::-1],
    }
