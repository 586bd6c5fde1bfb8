"""The newsroom's phrases on the desk: the list, its import and export, and what a text would hit."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.messages import get_messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from comments import access, phrases
from comments.desk import cards, frame
from comments.desk.forms import BIGGEST, complaint
from comments.desk.frame import for_those_who
from comments.exceptions import Refused
from comments.models import Phrase

PAGE = "admin:comments_desk_phrases"
ROWS = 100
MOST_TOLD = 200
"""Lines of an import that are shown one by one; the refused ones first."""
LARGEST_FILE = 2_000_000


class ChoiceForm(forms.Form):
    """Which phrases are shown. What is wrong is left out."""

    q = forms.CharField(required=False, max_length=200)
    kind = forms.ChoiceField(required=False, choices=[("", ""), *Phrase.Kind.choices])
    language = forms.CharField(required=False, max_length=12)
    page = forms.IntegerField(required=False, min_value=1, max_value=100_000)


class AddForm(forms.Form):
    phrase = forms.CharField(max_length=phrases.LONGEST, label=gettext_lazy("Phrase"))
    kind = forms.ChoiceField(choices=Phrase.Kind.choices, label=gettext_lazy("Kind"))
    language = forms.CharField(required=False, max_length=12, label=gettext_lazy("Language"))
    note = forms.CharField(required=False, max_length=300, label=gettext_lazy("Note"))
    expires_on = forms.CharField(required=False, max_length=40, label=gettext_lazy("Expires on"))


class RemoveForm(forms.Form):
    phrase = forms.IntegerField(min_value=1, max_value=BIGGEST)


class ImportForm(forms.Form):
    text = forms.CharField(required=False, max_length=LARGEST_FILE, strip=False, label=gettext_lazy("Phrases"))
    file = forms.FileField(required=False, label=gettext_lazy("File"))
    form = forms.ChoiceField(choices=[("lines", ""), ("csv", "")], label=gettext_lazy("Format"))
    kind = forms.ChoiceField(choices=Phrase.Kind.choices, label=gettext_lazy("Kind"))
    language = forms.CharField(required=False, max_length=12, label=gettext_lazy("Language"))

    def words(self) -> str:
        """Return what was sent, from the file if there is one; raise ``Refused`` when it cannot be read."""
        file = self.cleaned_data["file"]
        if file is None:
            return str(self.cleaned_data["text"])
        if file.size > LARGEST_FILE:
            raise Refused("import_large", _("The file is larger than two megabytes. Send it in parts."))
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise Refused(
                "import_encoding", _("The file is not in UTF-8. Save it as “CSV UTF-8” and send that.")
            ) from None


@dataclass(slots=True)
class Shown:
    """What the page shows beside the list."""

    alert: str = ""
    alert_title: str = ""
    typed: dict[str, str] = field(default_factory=dict)
    tried: str = ""
    marked: SafeString | None = None
    found: list[phrases.Explained] = field(default_factory=list)
    report: phrases.Imported | None = None


@require_http_methods(["GET", "HEAD", "POST"])
@for_those_who("change_policy")
def phrase_list(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show the list; a ``text`` that is posted is shown with what it would hit."""
    shown = Shown()
    if request.method == "POST":
        text = request.POST.get("text", "")[:10_000].replace("\r\n", "\n")
        found = phrases.explain(text)
        shown = Shown(tried=text, found=found, marked=_marked(text, found))
    return _page(request, site, shown)


def _marked(text: str, found: list[phrases.Explained]) -> SafeString:
    return cards.marked(
        text,
        [
            cards.Objection(
                number=number,
                code="phrase",
                verdict="hold",
                rule="",
                sentence=one.why,
                chip="",
                spans=one.spans,
                quotes=[],
            )
            for number, one in enumerate(found, start=1)
        ],
    )


def _page(request: HttpRequest, site: AdminSite, shown: Shown, status: int = 200) -> HttpResponse:
    form = ChoiceForm(request.GET)
    form.is_valid()
    chosen = form.cleaned_data
    rows = Phrase.objects.select_related("added_by").order_by("phrase", "pk")
    if chosen.get("q"):
        words = chosen["q"].replace("\x00", "")
        rows = rows.filter(Q(phrase__icontains=words) | Q(note__icontains=words))
    if chosen.get("kind"):
        rows = rows.filter(kind=chosen["kind"])
    if chosen.get("language"):
        rows = rows.filter(language=chosen["language"])
    page = chosen.get("page") or 1
    total = rows.count()
    query = {name: str(chosen[name]) for name in ("q", "kind", "language") if chosen.get(name)}
    here = reverse(PAGE)
    context = frame.context(request, site, tab="phrases", title=_("Phrases")) | {
        "phrases": rows[(page - 1) * ROWS : page * ROWS],
        "now": timezone.now(),
        "total": total,
        "all_of_them": Phrase.objects.count() if query else total,
        "chosen": chosen,
        "filtered": bool(query),
        "kinds": Phrase.Kind.choices,
        "languages": list(
            Phrase.objects.exclude(language="").order_by("language").values_list("language", flat=True).distinct()
        ),
        "previous": f"{here}?{urlencode(query | {'page': str(page - 1)})}" if page > 1 else "",
        "next": f"{here}?{urlencode(query | {'page': str(page + 1)})}" if page * ROWS < total else "",
        "said": [(message.level_tag, str(message)) for message in get_messages(request)],
        "shown": shown,
        "report_lines": _told(shown.report) if shown.report else [],
        "counted": _counted(shown.report) if shown.report else "",
        "longest": phrases.LONGEST,
    }
    return TemplateResponse(request, "comments/desk/phrases.html", context, status=status)


def _told(report: phrases.Imported) -> list[phrases.Line]:
    order = {"refused": 0, "added": 2, "changed": 2, "unchanged": 3}
    lines = sorted(report.lines, key=lambda line: 1 if line.why and line.outcome != "refused" else order[line.outcome])
    return lines[:MOST_TOLD]


def _counted(report: phrases.Imported) -> str:
    return _("%(added)d added, %(changed)d changed, %(unchanged)d as they were, %(refused)d refused.") % {
        outcome: report.count(outcome) for outcome in ("added", "changed", "unchanged", "refused")
    }


# --- Changing ---------------------------------------------------------------------------------------------------------


@require_POST
@for_those_who("change_policy")
def add(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Add one phrase, or change the one that is there."""
    form = AddForm(request.POST)
    valid = form.is_valid()
    typed = {name: request.POST.get(name, "") for name in AddForm.base_fields}
    title = _("Nothing was added.")
    if not valid:
        return _page(request, site, Shown(alert=complaint(form), alert_title=title, typed=typed), 400)
    given = form.cleaned_data
    try:
        added = phrases.add_phrase(
            given["phrase"],
            made_by=access.person(request.user),
            kind=given["kind"],
            language=given["language"],
            note=given["note"],
            expires_at=phrases.moment_of(given["expires_on"]),
        )
    except Refused as refused:
        return _page(request, site, Shown(alert=refused.detail, alert_title=title, typed=typed), refused.status)
    words = {
        "added": _("“%(phrase)s” is on the list."),
        "changed": _("“%(phrase)s” was on the list and has changed."),
        "unchanged": _("“%(phrase)s” was on the list, exactly so."),
    }[added.outcome] % {"phrase": added.phrase.phrase}
    messages.success(request, words)
    if added.warning:
        messages.warning(request, _("“%(phrase)s” %(warning)s.") % {"phrase": added.phrase, "warning": added.warning})
    return _back()


@require_POST
@for_those_who("change_policy")
def remove(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Remove one phrase."""
    form = RemoveForm(request.POST)
    title = _("Nothing was removed.")
    if not form.is_valid():
        return _page(request, site, Shown(alert=complaint(form), alert_title=title), 400)
    try:
        phrases.remove_phrase(form.cleaned_data["phrase"], made_by=access.person(request.user))
    except Refused as refused:
        return _page(request, site, Shown(alert=refused.detail, alert_title=title), refused.status)
    messages.success(request, _("Removed. The next comment is judged without it."))
    return _back()


@require_POST
@for_those_who("change_policy")
def bring_in(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Import what was pasted or sent, and show what became of each line."""
    form = ImportForm(request.POST, request.FILES)
    title = _("Nothing was imported.")
    typed = {"import_text": request.POST.get("text", "")}
    if not form.is_valid():
        return _page(request, site, Shown(alert=complaint(form), alert_title=title, typed=typed), 400)
    given = form.cleaned_data
    try:
        report = phrases.import_phrases(
            form.words(),
            form=given["form"],
            kind=given["kind"],
            language=given["language"] or None,
            made_by=access.person(request.user),
        )
    except Refused as refused:
        return _page(request, site, Shown(alert=refused.detail, alert_title=title, typed=typed), refused.status)
    if not report.lines:
        return _page(request, site, Shown(alert=_("There was no phrase in it."), alert_title=title, typed=typed), 400)
    return _page(request, site, Shown(report=report))


@require_GET
@for_those_who("change_policy")
def export(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Answer with the whole list as CSV."""
    response = HttpResponse(phrases.export_phrases(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="phrases.csv"'
    return response


def _back() -> HttpResponse:
    response = HttpResponseRedirect(reverse(PAGE))
    response.status_code = 303
    return response


ADDRESSES = [
    ("phrases/", phrase_list, "phrases"),
    ("phrases/add/", add, "phrase_add"),
    ("phrases/remove/", remove, "phrase_remove"),
    ("phrases/import/", bring_in, "phrases_import"),
    ("phrases/export/", export, "phrases_export"),
]
