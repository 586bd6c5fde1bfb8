"""The audit log on the desk: who did what, when, and what it was before; searched, paged and taken along as CSV."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from comments import audit
from comments.desk import frame, words
from comments.desk.forms import BIGGEST
from comments.desk.frame import for_those_who
from comments.exceptions import Refused

PAGE = "admin:comments_desk_audit"


class AskedForm(forms.Form):
    """What is looked for in the log. All of it may be missing."""

    kind = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Kind"),
        choices=[("", gettext_lazy("Everything")), *audit.KINDS.items()],
    )
    who = forms.CharField(required=False, max_length=80, label=gettext_lazy("Who did it"))
    q = forms.CharField(required=False, max_length=200, label=gettext_lazy("Words"))
    comment = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=BIGGEST,
        label=gettext_lazy("Comment #"),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "size": 9}),
    )
    since = forms.DateField(
        required=False, label=gettext_lazy("From"), widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    until = forms.DateField(
        required=False, label=gettext_lazy("To"), widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        since, until = given.get("since"), given.get("until")
        if since and until and since > until:
            raise forms.ValidationError(_("The first day is after the last one."), code="no_days")
        return given

    def asked(self) -> audit.Asked:
        """Return it as the log takes it; what could not be read is left out."""
        given = self.cleaned_data
        return audit.Asked(
            kind=given.get("kind") or "",
            who=given.get("who") or "",
            since=given.get("since"),
            until=given.get("until"),
            words=given.get("q") or "",
            comment=given.get("comment"),
        )

    def query(self, **more: str) -> str:
        """Return what was asked as a query string, with more beside it."""
        asked = {name: str(self.data.get(name, "")) for name in self.fields}
        return urlencode({name: value for name, value in (asked | more).items() if value})


@require_GET
@for_those_who("see_audit")
def page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show one page of what is found, newest first."""
    form = AskedForm(request.GET)
    valid = form.is_valid()
    found, alert = audit.Page([], ""), ""
    try:
        if valid:
            found = audit.page(form.asked(), request.GET.get("cursor", ""))
    except Refused as refused:
        alert = refused.detail
    here, export = reverse(PAGE), reverse("admin:comments_desk_audit_export")
    context = frame.context(request, site, tab="audit", title=_("Audit")) | {
        "form": form,
        "entries": [(one, words.subject(one.kind, one.what)) for one in found.entries],
        "asked": form.query(),
        "alert": alert,
        "first_page": f"{here}?{form.query()}" if request.GET.get("cursor") else "",
        "next_page": f"{here}?{form.query(cursor=found.next_cursor)}" if found.next_cursor else "",
        "export": f"{export}?{form.query()}",
    }
    return TemplateResponse(request, "comments/desk/audit.html", context, status=200 if valid and not alert else 400)


@require_GET
@for_those_who("see_audit")
def export(request: HttpRequest, site: AdminSite) -> HttpResponseBase:
    """Send everything that is found as CSV, while it is read."""
    form = AskedForm(request.GET)
    if not form.is_valid():
        return page(request, site=site)
    return as_csv(form.asked())


def as_csv(asked: audit.Asked) -> StreamingHttpResponse:
    response = StreamingHttpResponse(audit.as_csv(asked), content_type="text/csv; charset=utf-8")
    name = f"audit-{timezone.localdate().isoformat()}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


ADDRESSES = [
    ("audit/", page, "audit"),
    ("audit/export/", export, "audit_export"),
]
