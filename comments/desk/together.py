"""The desk's forms for working together: a note written or deleted, a comment handed on or given back."""

from __future__ import annotations

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from comments import access, assignments, notes
from comments.desk import views
from comments.desk.forms import BIGGEST, PlaceForm
from comments.desk.frame import for_moderators
from comments.exceptions import Refused
from comments.models import Comment, Commenter


class WorkForm(PlaceForm):
    comment = forms.IntegerField(min_value=1, max_value=BIGGEST)
    words = forms.CharField(required=False, max_length=20_000, strip=False)
    to = forms.CharField(required=False, max_length=40)
    """``user:7`` or ``role:3``; ``person`` when it is chosen in the list beside."""
    person = forms.CharField(required=False, max_length=40)
    delete = forms.IntegerField(required=False, min_value=1, max_value=BIGGEST)


@require_POST
@for_moderators
def note(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Write a note on a comment, or ``delete`` one's own."""

    def act(comment: Comment, form: WorkForm, editor: Commenter) -> str:
        if form.cleaned_data.get("delete"):
            notes.delete(form.cleaned_data["delete"], made_by=editor)
            return _("Your note is deleted.")
        notes.write(comment, form.cleaned_data["words"], made_by=editor)
        return _("Your note stands on #%(id)d.") % {"id": comment.pk}

    return _acted(request, site, act)


@require_POST
@for_moderators
def assign(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Hand a comment to somebody or to a role; go on with the next one."""

    def act(comment: Comment, form: WorkForm, editor: Commenter) -> str:
        given = form.cleaned_data
        to = given["person"] if given["to"] == "person" else given["to"]
        handed = assignments.assign(comment, to, given["words"], made_by=editor)
        whom = handed.to_group or handed.to_person
        return _("#%(id)d is handed to %(whom)s.") % {"id": comment.pk, "whom": whom}

    return _acted(request, site, act, go_on=True)


@require_POST
@for_moderators
def give_back(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Make a comment everybody's again."""

    def act(comment: Comment, form: WorkForm, editor: Commenter) -> str:
        assignments.give_back(comment, made_by=editor)
        return _("#%(id)d is everybody's again.") % {"id": comment.pk}

    return _acted(request, site, act)


def _acted(
    request: HttpRequest, site: AdminSite, act: Callable[[Comment, WorkForm, Commenter], str], *, go_on: bool = False
) -> HttpResponse:
    form = WorkForm(request.POST)
    valid = form.is_valid()
    pk = form.cleaned_data.get("comment")
    comment = Comment.objects.select_related("discussion").filter(pk=pk).first() if pk else None
    if comment is None:
        raise Http404
    place = views.Place.of(form)
    try:
        if not valid:
            raise Refused("not_understood", _("That was not understood. Nothing was changed; please try again."))
        said = act(comment, form, access.person(request.user))
    except Refused as refused:
        return views._again(request, site, place, comment.pk, views._nothing_done(refused.detail), refused.status)
    if views._by_script(request):
        return HttpResponse(views._card(request, place, comment.pk))
    messages.success(request, said)
    response = HttpResponseRedirect(place.url((go_on and form.cleaned_data.get("next")) or comment.pk))
    response.status_code = 303
    return response


ADDRESSES = [
    ("note/", note, "note"),
    ("assign/", assign, "assign"),
    ("give-back/", give_back, "give_back"),
]
