"""The readers' door to what they are told, what they wish to be told of, and what they follow."""

from __future__ import annotations

import logging

from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from comments import access, discussions, threads
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Notification
from comments.notifications import choices, following, reading
from comments.pages import shown, told, views
from comments.pages.origin import ours

logger = logging.getLogger(__name__)


def _reader(request: HttpRequest) -> Commenter:
    access.require_signed_in(request.user)
    return Commenter.objects.for_user(request.user)


def _see(url: str) -> HttpResponse:
    response = HttpResponseRedirect(url, headers={"Cache-Control": views.PRIVATE})
    response.status_code = 303
    return response


def _number(given: str) -> int | None:
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 19 else None


# --- What I was told --------------------------------------------------------------------------------------------------


@require_GET
@views.answers_refusals
def notices(request: HttpRequest) -> HttpResponse:
    """List what this reader was told, and what they wish to be told of."""
    return _page(request, _reader(request), is_saved="saved" in request.GET)


def _page(
    request: HttpRequest, person: Commenter, *, is_saved: bool = False, refused: Refused | None = None
) -> HttpResponse:
    context = shown.context(
        person=person,
        notices=told.notices(person, before=_number(request.GET.get("before", ""))),
        wishes=told.wishes(person, is_saved=is_saved, refused=refused),
    )
    return views.private_page(request, "comments/notices.html", context, status=refused.status if refused else 200)


@require_http_methods(["GET", "POST"])
@ours()
@views.answers_refusals
def read(request: HttpRequest) -> HttpResponse:
    """Mark as read one notice, or everything up to the newest that the reader was shown."""
    person = _reader(request)
    if request.method == "POST":
        one, up_to = _number(request.POST.get("one", "")), _number(request.POST.get("up_to", ""))
        if one is None and up_to is None:
            raise Refused("nothing_named", _("Say which notices you have read."))
        reading.mark_read(person, numbers=None if one is None else [one], up_to=up_to)
    return _see(f"{told.notices_url()}#notices")


@require_http_methods(["GET", "POST"])
@ours()
@views.answers_refusals
def wishes(request: HttpRequest) -> HttpResponse:
    """Write down what this reader wishes to be told of, and how."""
    person = _reader(request)
    if request.method == "GET":
        return _see(f"{told.notices_url()}#mail")
    if "none" in request.POST:
        choices.change(person, mail=choices.Mail.NEVER)
        return _see(f"{told.notices_url()}?saved=1#mail")
    on = request.POST.getlist("on")
    try:
        choices.change(
            person,
            mail=request.POST.get("mail", ""),
            off=[kind for kind in Notification.Kind.values if kind not in on],
            mailed_kinds=request.POST.getlist("by_mail"),
            follows_own="follows_own" in request.POST,
        )
    except Refused as refused:
        return _page(request, person, refused=refused)
    return _see(f"{told.notices_url()}?saved=1#mail")


# --- What I follow ----------------------------------------------------------------------------------------------------


def ask_to_follow(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether to follow the conversation of a comment, with a token; change nothing."""
    person = _reader(request)
    comment = _shown_comment(pk)
    [row] = threads.around(comment.discussion_id, comment.path)[-1:]
    context = shown.context(
        discussion=comment.discussion,
        row=row,
        follows=following.follows(person, comment),
        place=_place(comment),
        settings_url=f"{told.notices_url()}#mail",
    )
    return views.private_page(request, "comments/follow.html", context)


@require_http_methods(["GET", "POST"])
@ours(otherwise=views.answers_refusals(ask_to_follow))
@views.answers_refusals
def follow(request: HttpRequest, pk: int) -> HttpResponse:
    """Follow the conversation of a comment or, with ``undo``, stop."""
    if request.method == "GET":
        return ask_to_follow(request, pk)
    person = _reader(request)
    if "undo" not in request.POST:
        following.follow(person, _shown_comment(pk))
        return _see(request.path)
    # Also what is no longer shown; and what never was is answered alike.
    comment = Comment.objects.filter(pk=min(pk, views.BIGGEST)).first()
    if comment is not None:
        following.unfollow(person, comment)
    return _see(request.path if comment is not None and comment.is_shown else told.notices_url())


def _place(comment: Comment) -> str:
    url = comment.discussion.url
    return shown.with_query(url, "", f"comment-{comment.pk}") if url else comment.get_absolute_url()


def _shown_comment(pk: int) -> Comment:
    found = Comment.objects.select_related("discussion").filter(pk=min(pk, views.BIGGEST), is_shown=True).first()
    if found is None:
        raise Refused("unknown_comment", _("There is no such comment."), status=404)
    return found


@require_http_methods(["GET", "POST"])
@ours()
@views.answers_refusals
def follow_story(request: HttpRequest) -> HttpResponse:
    """Follow everything under a story or, with ``undo``, stop; then back to it."""
    person = _reader(request)
    if request.method == "GET":
        return _see(f"{told.notices_url()}#follows")
    discussion = discussions.get(request.POST.get("discussion", ""))
    if "undo" in request.POST:
        following.unfollow(person, discussion)
    else:
        following.follow(person, discussion)
    return _see(reading.address_of(discussion) or told.notices_url())


@require_http_methods(["GET", "POST"])
@ours()
@views.answers_refusals
def unfollow(request: HttpRequest) -> HttpResponse:
    """Stop following one thing of the reader's list."""
    person = _reader(request)
    if request.method == "POST":
        number = _number(request.POST.get("follow", ""))
        if number is None:
            raise Refused("nothing_named", _("Say what you no longer wish to follow."))
        following.unfollow_by_number(person, number)
    return _see(f"{told.notices_url()}#follows")


# --- No more mail -----------------------------------------------------------------------------------------------------


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """
    Stop the mail to whom the link was sent: a POST does it, a GET only asks (RFC 8058).

    Needs no cookie, no session, no cache and no broker. While the database does not answer it says so with 503, and
    whoever sent the POST tries again.
    """
    context = shown.context(done=False, unknown="", later=False)
    status = 200
    try:
        if request.method == "POST":
            choices.unsubscribe(token)
            context["done"] = True
        else:
            choices.require_known(token)
    except Refused as refused:
        context["unknown"], status = refused.detail, refused.status
    except Error:
        logger.exception("unsubscribing failed")
        context["later"], status = True, 503
    response = render(request, "comments/unsubscribe.html", context, status=status)
    response["Cache-Control"] = views.PRIVATE
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    if status == 503:
        response["Retry-After"] = "300"
    return response
