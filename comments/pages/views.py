"""The readers' door. Each view turns a request into arguments of one verb, and the answer into a page or a fragment."""

from __future__ import annotations

from functools import wraps
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.template.loader import select_template
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from comments import (
    access,
    discussions,
    guests,
    guidelines,
    http,
    moderation,
    muting,
    people,
    personal,
    posting,
    proof,
    reactions,
    threads,
)
from comments.exceptions import Refused
from comments.issues import failures
from comments.models import Comment, Commenter, Decider, Decision, Discussion, Reason, Status
from comments.pages import editing, folding, own, section, share, shown, visitor
from comments.pages.origin import View, ours
from comments.screening import Draft, Verdict

PRIVATE = "private, no-store"
BIGGEST = 2**63 - 1


def answers_refusals(view: View) -> View:
    """Answer ``Refused``, from whichever verb, with its status and a page that says its sentence."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Refused as refused:
            return _refused(request, refused)

    return cast(View, answered)


def _refused(request: HttpRequest, refused: Refused) -> HttpResponse:
    failures.note(request, refused)
    notice = own.refusal(refused)
    if refused.status == 401:
        notice["sign_in"] = shown.sign_in_url(request.get_full_path())
    context = shown.context(n=notice)
    if _by_script(request):
        response = _private(render(request, "comments/_notice.html", context, status=refused.status))
    else:
        response = _private(_page(request, "comments/error.html", context, status=refused.status))
    if "retry_after" in refused.params:
        response["Retry-After"] = str(refused.params["retry_after"])
    return response


def _by_script(request: HttpRequest) -> bool:
    """Say whether our own script asks, which takes a fragment where a form takes a page."""
    return request.headers.get("X-Requested-With") == "comments"


def _page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render a whole page, inside the site's own when it has one by the usual name."""
    site = select_template(["base.html", "comments/base.html"])
    return render(request, template, context | {"site": site} | shown.incidents_in_force(), status=status)


def _private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = PRIVATE
    return response


def open_page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render a whole page that says nothing of whoever reads it; the site's own frame around it may."""
    return _page(request, template, context, status=status)


def private_page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render a whole page that is one reader's own, and that no cache keeps."""
    return _private(_page(request, template, context, status=status))


def _see(url: str) -> HttpResponse:
    """Redirect with 303: what was sent is done, look there."""
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return _private(response)


def _comment(pk: int) -> Comment:
    found = Comment.objects.select_related("discussion", "author").filter(pk=pk).first() if pk <= BIGGEST else None
    if found is None:
        raise _unknown()
    return found


def _unknown() -> Refused:
    return Refused("unknown_comment", _("There is no such comment."), status=404)


def _own(request: HttpRequest, pk: int) -> tuple[Commenter, Comment]:
    person = visitor.require_person(request)
    comment = _comment(pk)
    access.require_author(person, comment)
    return person, comment


def _place(comment: Comment) -> str:
    """Return the address of ``comment`` under its story, or its own page when the story has no address."""
    url = comment.discussion.url
    return shown.with_query(url, "", f"comment-{comment.pk}") if url else comment.get_absolute_url()


# --- Posting ---------------------------------------------------------------------------------------------------------


def ask_again(request: HttpRequest) -> HttpResponse:
    """Give the text back in a form with a token: nothing vouched for this one, and nothing was posted."""
    said = _("Nothing was posted yet: your browser did not say where this came from. Press the button again.")
    refused = Refused("stale_form", said, status=403)
    token = get_token(request)
    try:
        discussion = discussions.get(request.POST.get("discussion", ""))
    except Refused as unknown:
        return _refused(request, unknown)
    response = _again(request, discussion, section.answered(discussion, request.POST.get("parent", "")), refused)
    if _by_script(request):
        # For the page that is open, which carries no token that holds: no other site's script can read this.
        response["X-CSRFToken"] = token
    return response


@require_http_methods(["GET", "POST"])
@ours(otherwise=ask_again)
@answers_refusals
def post(request: HttpRequest) -> HttpResponse:
    """
    Post what is in the box, or show how it would look. A refusal gives the text back.

    A text that would wait is not posted at once: its author is told why, and decides. Once: ``nudged`` says that they
    were.
    """
    if request.method == "GET":
        raise Refused("nothing_sent", _("Comments are written in the box under an article."), status=405)
    discussion = discussions.get(request.POST.get("discussion", ""))
    number = request.POST.get("parent", "")
    parent = section.answered(discussion, number)
    try:
        person = _who_writes(request, discussion)
        words = request.POST.get("text", "")
        if "preview" in request.POST:
            return _preview(request, discussion, person, parent)
        if not request.POST.get("nudged"):
            advice = posting.nudge(
                words, person, discussion, attempt=request.POST.get("key", ""), network_key=http.network_key(request)
            )
            if advice:
                return _nudge(request, discussion, person, parent, words, advice)
        comment, secret = _posted(request, discussion, person, number)
    except Refused as refused:
        return _again(request, discussion, parent, refused)
    visitor.forget_typed(request)
    if _by_script(request):
        response = _mine(request, discussion, comment.author, status=202 if comment.status == Status.RECEIVED else 201)
        response["Content-Location"] = _place(comment)
    else:
        response = _see(_place(comment))
    if secret:
        visitor.remember(request, response, secret)
    return response


def _who_writes(request: HttpRequest, discussion: Discussion) -> Commenter | None:
    """Return who is signed in, or the guest; ``None`` for a new guest. The form of a guest asks for a name."""
    person = visitor.reader(request)
    if person is None and "name" in request.POST and guests.are_welcome(discussion):
        return visitor.guest(request)
    return person or visitor.require_account(request)


def _posted(request: HttpRequest, discussion: Discussion, person: Commenter | None, number: str) -> tuple[Comment, str]:
    """Post, as who is signed in or as a guest; return the comment, and the secret that a guest is known by."""
    given = request.POST
    facts: dict[str, Any] = {
        "parent": _parent(number),
        "idempotency_key": given.get("key", ""),
        "network_key": http.network_key(request),
        "accepts": _accepts(request),
    }
    if person is not None and person.user_id is not None:
        return posting.post_comment(person, discussion, given.get("text", ""), **facts), ""
    done = guests.post_as_guest(
        discussion,
        given.get("text", ""),
        name=given.get("name", ""),
        email=given.get("email", ""),
        secret=visitor.secret_of(request),
        sum_done=given.get("sum", ""),
        ticket=given.get("ticket", ""),
        **facts,
    )
    return done.comment, done.secret


def _accepts(request: HttpRequest) -> int | None:
    """Return the version of the guidelines whose box was ticked; with two boxes on the page, the latest."""
    numbers = [guidelines.number_typed(value) for value in request.POST.getlist("guidelines")]
    return max((number for number in numbers if number is not None), default=None)


def _parent(number: str) -> Comment | None:
    if not number:
        return None
    found = None
    if number.isascii() and number.isdecimal() and int(number) <= BIGGEST:
        found = Comment.objects.filter(pk=int(number)).first()
    if found is None:
        raise Refused("parent_gone", _("The comment you are answering is no longer there."), status=409)
    return found


def _preview(
    request: HttpRequest, discussion: Discussion, person: Commenter | None, parent: Comment | None
) -> HttpResponse:
    rendered, drafts = posting.preview(
        request.POST.get("text"), person, discussion, network_key=http.network_key(request)
    )
    preview = {"html": rendered.html, "advice": own.advice(drafts)}
    if _by_script(request):
        return _private(render(request, "comments/_preview.html", shown.context(preview=preview)))
    return _form(request, discussion, person, parent, status=200, preview=preview)


def _nudge(
    request: HttpRequest,
    discussion: Discussion,
    person: Commenter | None,
    parent: Comment | None,
    words: str,
    advice: list[Draft],
) -> HttpResponse:
    """Show what in the text would make it wait, and let its author decide. Nothing was posted."""
    nudge = own.nudge(words, advice)
    if _by_script(request):
        return _private(render(request, "comments/_nudge.html", shown.context(nudge=nudge)))
    return _form(request, discussion, person, parent, status=200, nudge=nudge)


def _again(request: HttpRequest, discussion: Discussion, parent: Comment | None, refused: Refused) -> HttpResponse:
    """Show the form with what was typed in it, and above it why nothing was posted."""
    failures.note(request, refused)
    person = visitor.person(request)
    notice = own.refusal(refused, discussion)
    if refused.status == 401:
        notice |= {"title": _("You have been signed out."), "sign_in": shown.sign_in_url(discussion.url)}
        visitor.keep_typed(request, discussion)
    if refused.code == "proof_needed":
        notice |= {"tone": "wait", "icon": "clock"}
    if _by_script(request):
        response = _private(render(request, "comments/_notice.html", shown.context(n=notice), status=refused.status))
    else:
        response = _form(request, discussion, person, parent, status=refused.status, refused=notice)
    if "retry_after" in refused.params:
        response["Retry-After"] = str(refused.params["retry_after"])
    return response


def _form(
    request: HttpRequest,
    discussion: Discussion,
    person: Commenter | None,
    parent: Comment | None,
    *,
    status: int,
    preview: dict[str, Any] | None = None,
    refused: dict[str, Any] | None = None,
    nudge: dict[str, Any] | None = None,
) -> HttpResponse:
    given = request.POST
    guest = None
    if (person is None or person.user_id is None) and "name" in given and guests.are_welcome(discussion):
        # What stands in for a sum, for a browser that does none: it has to wait for a moment.
        waits = refused is not None and refused["code"] in (
            "proof_needed",
            "proof_expired",
            "proof_wrong",
            "proof_spent",
        )
        ticket = proof.ticket() if waits else given.get("ticket", "")
        guest = own.guest(
            discussion, person, name=given.get("name", ""), email=given.get("email", ""), ticket=ticket[:2000]
        )
    composer = own.composer(
        discussion,
        person,
        text=given.get("text", ""),
        parent=parent,
        attempt=given.get("key", ""),
        refused=refused,
        guest=guest,
    )
    context = shown.context(discussion=discussion, composer=composer, preview=preview, nudge=nudge)
    context["nudged"] = bool(given.get("nudged"))
    return _private(_page(request, "comments/write.html", context, status=status))


@require_POST
@ours()
@answers_refusals
def forget_guest(request: HttpRequest) -> HttpResponse:
    """Let this browser forget who wrote as a guest here; what they wrote stays."""
    discussion = discussions.get(request.POST.get("discussion", ""))
    response = _see(shown.with_query(discussion.url, "", "comment-form") if discussion.url else "/")
    visitor.forget(response)
    return response


# --- Reading ---------------------------------------------------------------------------------------------------------


@require_safe
@answers_refusals
def permalink(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one comment with those above it and its first replies; an unpublished one to its author alone."""
    comment = _comment(pk)
    person = visitor.person(request)
    is_mine = person is not None and person.pk == comment.author_id
    if not (comment.is_shown or is_mine):
        raise _unknown()
    discussions.follow(comment.discussion, comment.discussion.story)
    context = shown.context(discussion=comment.discussion, comment=comment, place=_place(comment))
    if comment.is_shown:
        context |= section.around(comment)
    if person is not None and is_mine:
        mine = personal.state_of(Comment.objects.filter(pk=comment.pk).select_related("discussion"), person)
        context |= {"mine": [own.show(one) for one in mine if one.status != Status.PUBLISHED], "own": own.slip(mine[0])}
    context |= {"card": share.card(request, comment), "share": share.addresses(request, comment)}
    if person is not None:
        context = folding.folded_in(context, ("root", "replies"), muting.ids(person))
    response = _page(request, "comments/permalink.html", context)
    return _private(response) if person is not None else response


@require_safe
@answers_refusals
def replies(request: HttpRequest, pk: int) -> HttpResponse:
    """Show more replies of one conversation, from where the page stopped."""
    comment = _comment(pk)
    if not comment.is_shown:
        raise _unknown()
    cursor = request.GET.get("cursor", "")
    if _by_script(request):
        return _vary(http.public_response(request, section.replies(comment, cursor), "text/html; charset=utf-8"))
    context = section.more_replies(comment, cursor) | {"place": _place(comment)}
    person = visitor.reader(request)
    if person is not None:
        context = folding.folded_in(context, ("c", "replies"), muting.ids(person))
        return _private(_page(request, "comments/replies.html", context))
    return _page(request, "comments/replies.html", context)


def _vary(response: HttpResponse) -> HttpResponse:
    """The same address answers our script with a fragment: a cache has to tell the two apart."""
    response["Vary"] = f"{response['Vary']}, X-Requested-With"
    return response


@require_safe
@answers_refusals
def stream(request: HttpRequest) -> HttpResponse:
    """Return a page of conversations as a fragment: the same bytes for everyone, 304 when nothing has moved."""
    key, seen = request.GET.get("key", ""), request.GET.get("seen", "")
    if seen.isascii() and seen.isdecimal() and len(seen) < 19:
        threads.pages.not_before(key, int(seen))
    kept = section.stream(key, section.asked(request))
    return http.public_response(request, kept, "text/html; charset=utf-8")


@require_GET
@answers_refusals
def mine(request: HttpRequest) -> HttpResponse:
    """Return what only this reader sees of a discussion, for our script."""
    person = visitor.require_person(request)
    return _mine(request, discussions.get(request.GET.get("key", "")), person)


def _mine(request: HttpRequest, discussion: Discussion, person: Commenter, *, status: int = 200) -> HttpResponse:
    return _private(
        render(
            request, "comments/_mine.html", section.pieces(discussion, person, http.network_key(request)), status=status
        )
    )


@require_http_methods(["GET", "POST"])
@ours()
@answers_refusals
def acknowledge(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Write down that this reader has read a warning; then back to where they read it."""
    person = visitor.require_person(request)
    if request.method == "GET":
        return _see(f"{shown.prefix()}me/")
    if "read" not in request.POST:
        raise Refused("not_ticked", _("Tick that you have read it, then go on."))
    people.acknowledge(person, public_id)
    back = request.POST.get("next", "")
    ours_too = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return _see(back if ours_too else f"{shown.prefix()}me/")


# --- Changing one's own ----------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@ours()
@answers_refusals
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Let an author rewrite their comment; what is published stays until the new words are decided."""
    person, comment = _own(request, pk)
    access.require_may_edit(person, comment)
    refused = None
    if request.method == "GET":
        access.require_good_standing(person, http.network_key(request))
    words = comment.revisions.latest("number").text
    if request.method == "POST":
        words = request.POST.get("text", "")
        try:
            posting.edit_comment(person, comment, words, network_key=http.network_key(request))
        except Refused as error:
            refused = error
        else:
            return _see(_place(comment))
    composer = own.editor(comment, text=words, refused=refused)
    context = shown.context(discussion=comment.discussion, composer=composer, title=_("Edit your comment"))
    return _private(_page(request, "comments/write.html", context, status=refused.status if refused else 200))


@require_http_methods(["GET", "POST"])
@ours()
@answers_refusals
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then take a comment back at its author's wish."""
    person, comment = _own(request, pk)
    if request.method == "POST":
        posting.withdraw_comment(person, comment)
        return _see(_place(comment))
    [mine] = personal.state_of(Comment.objects.filter(pk=comment.pk).select_related("discussion"), person)
    context = shown.context(discussion=comment.discussion, c=own.show(mine), place=_place(comment))
    return _private(_page(request, "comments/withdraw.html", context))


@answers_refusals
def ask_to_react(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether to like a comment, with a token; change nothing."""
    person = visitor.require_account(request)
    comment = _comment(pk)
    if comment.status != Status.PUBLISHED:
        raise _unknown()
    mine = reactions.of(person, comment)
    [row] = threads.around(comment.discussion_id, comment.path)[-1:]
    say = shown.words()
    kinds = [(kind, say[kind], row.reactions.get(kind, 0)) for kind in reactions.offered(comment) if kind != mine]
    likes_only = [kind for kind, _word, _count in kinds] == ["like"]
    context = shown.context(
        discussion=comment.discussion,
        row=row,
        mine=say.get(mine, ""),
        kinds=kinds,
        likes_only=likes_only,
        place=_place(comment),
    )
    return _private(_page(request, "comments/react.html", context))


@require_http_methods(["GET", "POST"])
@ours(otherwise=ask_to_react)
@answers_refusals
def react(request: HttpRequest, pk: int) -> HttpResponse:
    """React to a comment or, with ``undo``, take the reaction back; our script is told every count."""
    if request.method == "GET":
        return ask_to_react(request, pk)
    person = visitor.require_account(request)
    comment = _comment(pk)
    if "undo" in request.POST:
        reactions.unreact(person, comment)
    else:
        reactions.react(person, comment, request.POST.get("kind", "like"), network_key=http.network_key(request))
    if _by_script(request):
        return _private(JsonResponse(reactions.counts(comment)))
    return _see(_place(comment))


# --- Muting ----------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@ours()
@answers_refusals
def mute(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then fold whoever wrote this comment for this reader alone; with ``undo``, show them again."""
    person = visitor.require_account(request)
    comment = _comment(pk)
    if comment.status != Status.PUBLISHED:
        raise _unknown()
    if request.method == "POST":
        if "undo" in request.POST:
            muting.unmute(person, comment.author)
        else:
            muting.mute(person, comment.author)
        return _see(_place(comment))
    facts = {"is_me": comment.author_id == person.pk, "is_muted": muting.is_muted(person, comment.author)}
    context = shown.context(discussion=comment.discussion, other=comment.author, place=_place(comment), **facts)
    return _private(_page(request, "comments/mute.html", context))


@require_http_methods(["GET", "POST"])
@ours()
@answers_refusals
def unmute(request: HttpRequest) -> HttpResponse:
    """Show somebody's comments to this reader again; then back to the list of who is muted."""
    person = visitor.require_account(request)
    number = request.POST.get("person", "")
    if number.isascii() and number.isdecimal() and int(number) <= BIGGEST:
        other = Commenter.objects.filter(pk=int(number)).first()
        if other is not None:
            muting.unmute(person, other)
    return _see(f"{shown.prefix()}me/#muted")


# --- Flagging --------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@ours()
@answers_refusals
def flag(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask what is wrong with a comment and report it to the editors; to who has reported it, say what came of it."""
    comment = _comment(pk)
    person = Commenter.objects.for_user(request.user) if request.user.is_authenticated else None
    if person is None:
        if comment.status != Status.PUBLISHED:
            raise _unknown()
        return _flag_page(request, comment, {"sign_in": shown.sign_in_url(request.path, "main")}, status=401)
    if comment.author_id == person.pk and comment.status == Status.PUBLISHED:
        withdraw = f"{shown.prefix()}{comment.pk}/withdraw/"
        return _flag_page(request, comment, {"withdraw_url": withdraw}, status=403)
    if request.method == "GET":
        made = moderation.flag_of(person, comment)
        if made is None:
            moderation.require_may_flag(person, comment)
        return _flag_page(request, comment, own.report(made) if made else {})
    try:
        moderation.flag(person, comment, request.POST.get("reason", ""), request.POST.get("note", "").strip())
    except Refused as refused:
        if refused.status in (404, 409):
            raise
        title = _("Choose what is wrong with it.") if refused.code == "unknown_reason" else refused.detail
        response = _flag_page(request, comment, {"refused": refused, "title": title}, status=refused.status)
        if "retry_after" in refused.params:
            response["Retry-After"] = str(refused.params["retry_after"])
        return response
    return _see(request.path)


def _flag_page(request: HttpRequest, comment: Comment, more: dict[str, Any], *, status: int = 200) -> HttpResponse:
    asks = comment.status == Status.PUBLISHED and not more.keys() & {"state", "sign_in", "withdraw_url"}
    row = threads.around(comment.discussion_id, comment.path)[-1] if comment.status == Status.PUBLISHED else None
    chosen = request.POST.get("reason", "")
    reasons = [(r.code, str(r), r.code == chosen) for r in Reason.objects.filter(is_active=True)] if asks else []
    facts = {"row": row, "reasons": reasons, "note": request.POST.get("note", ""), "place": _place(comment)}
    problem = shown.problem_url(comment.discussion.key, comment=comment.pk)
    context = shown.context(discussion=comment.discussion, comment=comment, problem_url=problem, **facts, **more)
    return _private(_page(request, "comments/flag.html", context, status=status))


# --- In the article, for editors -------------------------------------------------------------------------------------


def _moderator(request: HttpRequest, pk: int) -> Comment:
    """Return the comment that this editor may decide about. Who may not learns nothing of it, not even that it is."""
    access.require_signed_in(request.user)
    access.require_moderator(request.user)
    comment = _comment(pk)
    access.require_moderator(request.user, comment.discussion)
    return comment


@require_GET
@answers_refusals
def stream_for_editor(request: HttpRequest) -> HttpResponse:
    """Return a page of conversations with what readers do not see, for our script."""
    access.require_signed_in(request.user)
    discussion = discussions.get(request.GET.get("key", ""))
    access.require_moderator(request.user, discussion)
    found, _around = section.for_editor(request, discussion, section.asked(request))
    return _private(HttpResponse(found))


@require_GET
@answers_refusals
def replies_for_editor(request: HttpRequest, pk: int) -> HttpResponse:
    """Show more replies of one conversation with what readers do not see."""
    comment = _moderator(request, pk)
    context = section.replies_for_editor(request, comment, request.GET.get("cursor", ""))
    if _by_script(request):
        return _private(render(request, "comments/_more.html", context))
    context |= {"discussion": comment.discussion, "place": _place(comment), "c": section.alone(request, comment)}
    return _private(_page(request, "comments/replies.html", context | {"for_editor": True}))


@require_http_methods(["GET", "POST"])
@ours()
@answers_refusals
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Let an editor decide where a comment stands, or take that back; say what was done, or why nothing was."""
    comment = _moderator(request, pk)
    if request.method == "GET":
        said = editing.said_of(request, comment.discussion).get(comment.pk)
        return _decided(request, comment, said)
    form = editing.DecideForm(request.POST)
    if not form.is_valid():
        why = [str(error) for errors in form.errors.values() for error in errors]
        return _decided(request, comment, editing.Said(why[0], "stop"), status=400)
    given = form.cleaned_data
    # What the editor looked at, not what it is now: the verb compares the two.
    comment.version = given["version"]
    editor = Commenter.objects.for_user(request.user)
    try:
        if given["undo"]:
            decision = moderation.take_back(comment, given["undo"], editor)
        else:
            decision = moderation.decide(
                comment,
                Verdict(given["decision"], reason=given["reason"] if given["decision"] == "reject" else ""),
                decider=Decider.EDITOR,
                trigger=moderation.first_cause(comment),
                made_by=editor,
            )
    except Refused as refused:
        return _decided(request, _comment(pk), editing.Said(refused.detail, "stop"), status=refused.status)
    if _by_script(request):
        return _decided(request, comment, editing.said(decision))
    return _see(_place_for_editor(comment, decision, given))


def _place_for_editor(comment: Comment, decision: Decision, given: dict[str, Any]) -> str:
    """Return where the editor came from, told what to say there."""
    if given["alone"] or not comment.discussion.url:
        return f"{shown.prefix()}{comment.pk}/decide/?decided={decision.pk}"
    facts = {"sort": given["sort"], "cursor": given["cursor"], "decided": str(decision.pk)}
    query = urlencode({name: value for name, value in facts.items() if value})
    return shown.with_query(comment.discussion.url, query, f"comment-{comment.pk}")


def _decided(request: HttpRequest, comment: Comment, said: editing.Said | None, *, status: int = 200) -> HttpResponse:
    """Show the comment as it is now, with what is to be said of it: to our script by itself, else as a page."""
    by_script = _by_script(request)
    place: dict[str, Any] = {"alone": True}
    if by_script:
        place = {name: request.POST.get(name, "")[:500] for name in ("sort", "cursor")}
    article = section.alone(request, comment, said, **place)
    if by_script:
        return _private(HttpResponse(article, status=status))
    context = shown.context(discussion=comment.discussion, article=article, place=_place(comment))
    return _private(_page(request, "comments/decide.html", context, status=status))
