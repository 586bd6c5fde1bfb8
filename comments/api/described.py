"""What each call answers, written down for programs: the shapes of the OpenAPI document. Nothing here runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, TypeVar

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from comments.api import problems
from comments.api.bodies import Choice
from comments.models import (
    Appeal,
    Decider,
    Discussion,
    Flag,
    HouseRule,
    IssueMessage,
    IssueReport,
    Job,
    Notification,
    NotificationPreference,
    PersonFlag,
    Phrase,
    PolicyChange,
    Reaction,
    Sanction,
    Status,
)

SANCTIONS = [(kind.value, kind.label) for kind in Sanction.Kind]
F = TypeVar("F", bound=Callable[..., Any])
Shape = serializers.Serializer[Any]


def call(
    operation_id: str,
    tag: str,
    summary: str,
    answers: dict[Any, Any],
    *,
    request: Any = None,
    parameters: Sequence[OpenApiParameter] = (),
    refusals: Sequence[int] = (),
    auth: list[dict[str, list[str]]] | None = None,
    scope: str = "",
) -> Callable[[F], F]:
    """Describe one call. ``refusals`` are the statuses of its problem documents, ``scope`` what its token needs."""
    responses: dict[Any, Any] = {
        status: shape if isinstance(shape, OpenApiResponse) else OpenApiResponse(shape, HTTPStatus(status).phrase)
        for status, shape in answers.items()
    }
    for status in refusals:
        responses[status, problems.CONTENT_TYPE] = OpenApiResponse(ProblemSerializer, HTTPStatus(status).phrase)
    if auth is ANYONE:
        who = "The same for everyone: no session and no token is looked at."
    elif auth is BY_WHAT_IS_SENT:
        who = "No session and no token is looked at: what is sent says who it is."
    elif auth is MAY_SIGN_IN:
        who = f"Works signed out too. A token needs the scope `{scope}`."
    elif scope:
        who = f"A token needs the scope `{scope}`."
    else:
        who = "Any token will do."
    write_down = extend_schema(
        operation_id=operation_id,
        tags=[tag],
        summary=summary,
        description=who,
        request=request,
        responses=responses,
        parameters=list(parameters),
        auth=auth,  # type: ignore[arg-type]  # what the document takes; the library's type is narrower
    )

    def describe(method: F) -> F:
        # Said outright, so that a project without DEFAULT_SCHEMA_CLASS gets the same document.
        method.schema = AutoSchema  # type: ignore[attr-defined]
        return write_down(method)

    return describe


ANYONE: list[dict[str, list[str]]] = []
"""No sign-in is looked at."""
BY_WHAT_IS_SENT: list[dict[str, list[str]]] = []
"""Nor here: the body vouches for somebody."""
MAY_SIGN_IN: list[dict[str, list[str]]] = [{"token": []}, {"session": []}, {}]

KEY = OpenApiParameter(
    "key",
    str,
    OpenApiParameter.PATH,
    description="Key of the discussion, percent-encoded: `articles.article:42`, or any text of up to 200 characters. "
    "Servers decode `%2F` before the API sees it, so a key that itself ends in `/comments`, `/events` or "
    "`/follow` can be read and written to under `…/comments/` but has no summary of its own.",
)
ID = {"type": "integer", "minimum": 1}
UUID_SHAPE = {"type": "string", "format": "uuid"}
PERSON = OpenApiParameter("person_id", ID, OpenApiParameter.PATH)
COMMENT = OpenApiParameter("comment_id", ID, OpenApiParameter.PATH)
CURSOR = OpenApiParameter("cursor", str, description="`next` of the page before. Opaque.")


def limit(most: int) -> OpenApiParameter:
    return OpenApiParameter(
        "limit", {"type": "integer", "minimum": 1, "maximum": most}, description="How many; more are cut to the most."
    )


# --- Problems ---------------------------------------------------------------------------------------------------------


class ChangedSerializer(Shape):
    """A comment as it is now, for who looked at an earlier version."""

    id = serializers.IntegerField()
    version = serializers.IntegerField()
    status = Choice(Status.choices)


class ProblemSerializer(Shape):
    """What went wrong (RFC 9457). Further facts may stand beside these."""

    type = serializers.CharField(help_text="Always `about:blank`: `code` tells problems apart.")
    title = serializers.CharField(help_text="The status in words.")
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="A sentence for the person it happened to.")
    code = serializers.SlugField(help_text="Stays the same for ever.")
    request_id = serializers.CharField(help_text="Name it when you report the problem.")
    help = serializers.CharField(help_text="Page where a reader reports this problem; empty without pages.")
    errors = serializers.DictField(  # type: ignore[assignment]  # the field has the name of a property
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="Field → sentences about it.",
    )
    retry_after = serializers.IntegerField(required=False, help_text="Seconds; the same as the header.")
    scope = serializers.CharField(required=False, help_text="The scope the token lacks.")
    comment = ChangedSerializer(required=False, help_text="With `comment_changed`: what it is now.")


# --- Reading ----------------------------------------------------------------------------------------------------------


class AuthorSerializer(Shape):
    id = serializers.IntegerField()
    name = serializers.CharField()
    badges = serializers.ListField(child=serializers.CharField())


class TombstoneSerializer(Shape):
    """Why a comment is not shown."""

    code = serializers.CharField()
    text = serializers.CharField()


class ReactionsSerializer(Shape):
    like = serializers.IntegerField()
    dislike = serializers.IntegerField(required=False, help_text="This and the others: where somebody reacted so.")
    insightful = serializers.IntegerField(required=False)
    thanks = serializers.IntegerField(required=False)
    funny = serializers.IntegerField(required=False)


class CommentSerializer(Shape):
    """A comment as everyone may see it. On a tombstone there is no author, no html and no text."""

    id = serializers.IntegerField()
    parent = serializers.IntegerField(allow_null=True)  # type: ignore[assignment]  # so has this
    depth = serializers.IntegerField()
    author = AuthorSerializer(allow_null=True)
    html = serializers.CharField(allow_blank=True, help_text="Safe HTML.")
    text = serializers.CharField(allow_blank=True)
    language = serializers.CharField(allow_null=True, help_text="Two letters (ISO 639-1), where it can be told.")
    created_at = serializers.DateTimeField()
    edited_at = serializers.DateTimeField(allow_null=True)
    status = Choice(Status.choices)
    featured = serializers.BooleanField(help_text="An editors' pick.")
    pinned = serializers.BooleanField(help_text="The newsroom points at it.")
    reactions = ReactionsSerializer()
    reply_count = serializers.IntegerField(help_text="Published replies at any depth.")
    permalink = serializers.CharField()
    tombstone = TombstoneSerializer(allow_null=True)


class ThreadSerializer(CommentSerializer):
    """A first comment with its first replies, in reading order."""

    replies = CommentSerializer(many=True)
    replies_next = serializers.CharField(allow_null=True, help_text="Cursor for `comments/{comment_id}/replies/`.")


class ThreadPageSerializer(Shape):
    results = ThreadSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class CommentPageSerializer(Shape):
    results = CommentSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class WaitingEditSerializer(Shape):
    """An author's new text beside the published one."""

    status = Choice(Status.choices)
    text = serializers.CharField()


class AppealStateSerializer(Shape):
    state = Choice(Appeal.State.choices)
    filed_at = serializers.DateTimeField()
    ruled_at = serializers.DateTimeField(allow_null=True)
    ruling = serializers.CharField(allow_blank=True)


class UsualWaitSerializer(Shape):
    from_minutes = serializers.IntegerField()
    to_minutes = serializers.IntegerField()


class OwnFactsSerializer(Shape):
    version = serializers.IntegerField()
    reasons = serializers.ListField(
        child=serializers.CharField(), help_text="Why it waits, each the rest of “because …”, or why it was rejected."
    )
    explanation = serializers.CharField(allow_blank=True, help_text="The editor's own words.")
    usual_wait = UsualWaitSerializer(
        allow_null=True, help_text="For a held text: the middle half at this hour, if twenty or more tell."
    )
    can_edit = serializers.BooleanField()
    can_appeal = serializers.BooleanField(help_text="Nobody has, and there is still time.")
    appeal = AppealStateSerializer(allow_null=True, help_text="Against the decision about it.")
    edit = WaitingEditSerializer(allow_null=True, help_text="While an edit of a published comment is not published.")


class OwnCommentSerializer(CommentSerializer, OwnFactsSerializer):
    """A comment as its author sees it; before it is published, `text` is what they typed."""


class OneCommentSerializer(CommentSerializer):
    """A comment; its author also gets what only they may know."""

    version = serializers.IntegerField(required=False)
    reasons = serializers.ListField(child=serializers.CharField(), required=False)
    explanation = serializers.CharField(allow_blank=True, required=False)
    usual_wait = UsualWaitSerializer(allow_null=True, required=False)
    can_edit = serializers.BooleanField(required=False)
    can_appeal = serializers.BooleanField(required=False)
    appeal = AppealStateSerializer(allow_null=True, required=False)
    edit = WaitingEditSerializer(allow_null=True, required=False)


class NamedExpertSerializer(Shape):
    id = serializers.IntegerField()
    name = serializers.CharField()
    role = serializers.CharField(allow_blank=True)


class GuidelinesSerializer(Shape):
    version = serializers.IntegerField()
    html = serializers.CharField(help_text="Safe HTML.")
    url = serializers.CharField(help_text="The page of the guidelines.")
    published_at = serializers.DateTimeField()
    to_accept = serializers.BooleanField(help_text="Who posts has to have accepted this version.")


class AnnouncementSerializer(Shape):
    text = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)


class GuidelinesVersionSerializer(Shape):
    version = serializers.IntegerField()
    text = serializers.CharField()
    html = serializers.CharField(help_text="Safe HTML.")
    note = serializers.CharField(allow_blank=True)
    published_at = serializers.DateTimeField()
    made_by = serializers.CharField(allow_null=True)


class AcceptedSerializer(Shape):
    accepted_version = serializers.IntegerField(allow_null=True)
    accepted_at = serializers.DateTimeField(allow_null=True)
    to_accept = serializers.IntegerField(allow_null=True, help_text="The version to accept before posting.")


class ConfiguredSerializer(Shape):
    key = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    form = Choice(Discussion.Form.choices)
    question = serializers.CharField(allow_blank=True)
    mode = Choice(Discussion.Mode.choices)
    closed_reason = serializers.CharField(allow_blank=True)
    opens_at = serializers.DateTimeField(allow_null=True)
    closes_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField()


class ExpertSerializer(Shape):
    person = serializers.IntegerField()
    name = serializers.CharField()
    role = serializers.CharField(allow_blank=True)
    since = serializers.DateTimeField()


class PersonFlaggedSerializer(Shape):
    id = serializers.IntegerField()
    state = Choice(PersonFlag.State.choices, help_text="`open` until an editor has looked.")


class PersonReportSerializer(PersonFlaggedSerializer):
    reporter = serializers.IntegerField()
    reason = serializers.CharField()
    note = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)
    settled_by = serializers.CharField(allow_null=True)


class SettledSerializer(Shape):
    settled = serializers.IntegerField(help_text="How many reports.")


class DiscussionCountsSerializer(Shape):
    published = serializers.IntegerField()


class DiscussionSerializer(Shape):
    key = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    url = serializers.CharField(allow_blank=True)
    question = serializers.CharField(allow_blank=True)
    state = Choice(["open", "closed"], help_text="What holds now.")
    mode = Choice(
        [*Discussion.Mode.choices, ("qa", "Questions and answers")],
        help_text="What the newsroom set. `qa`: readers ask, experts answer; `state` says whether it is open.",
    )
    premoderated = serializers.BooleanField(help_text="Every comment waits for an editor.")
    experts = NamedExpertSerializer(many=True, help_text="Who answers questions; their replies have the badge.")
    is_open = serializers.BooleanField()
    counts = DiscussionCountsSerializer()
    guidelines_version = serializers.IntegerField(allow_null=True)
    reactions = serializers.ListField(child=Choice(Reaction.Kind.choices), help_text="How readers can react here.")
    guidelines = GuidelinesSerializer(allow_null=True)
    announcement = AnnouncementSerializer(allow_null=True)
    closed_reason = serializers.CharField(allow_blank=True, help_text="Why it is closed now, for readers.")
    closed_at = serializers.DateTimeField(allow_null=True)
    opens_at = serializers.DateTimeField(allow_null=True, help_text="When it opens next, all clocks taken together.")
    closes_at = serializers.DateTimeField(allow_null=True, help_text="While it is open: when it closes next.")
    version = serializers.IntegerField(help_text="Moves with everything readers can see.")


COUNTS = OpenApiResponse(
    {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}, "Key → published comments."
)


# --- Writing ----------------------------------------------------------------------------------------------------------


class PostedSerializer(Shape):
    id = serializers.IntegerField()
    status = Choice(Status.choices, help_text="`received`; for a repeated attempt, what it is now.")
    url = serializers.CharField(help_text="The page of the comment.")
    version = serializers.IntegerField()


class GuestSecretSerializer(Shape):
    secret = serializers.CharField(help_text="The guest is known by it from now on: `Authorization: Guest …`.")


class PostedAsGuestSerializer(PostedSerializer):
    guest = GuestSecretSerializer(required=False, help_text="After a comment by a guest.")


class SumSerializer(Shape):
    algorithm = serializers.CharField(help_text="`SHA-256`.")
    challenge = serializers.CharField(help_text="In hexadecimal.")
    maxnumber = serializers.IntegerField(help_text="The number is between 0 and this.")
    salt = serializers.CharField(help_text="Stands in front of the number, in decimal.")
    signature = serializers.CharField()


class ReactedSerializer(Shape):
    reactions = ReactionsSerializer()


class FlaggedSerializer(Shape):
    id = serializers.IntegerField()
    state = Choice(Flag.State.choices, help_text="`open` until an editor has decided.")


class ToldSerializer(Shape):
    """One sanction, as its person is told it."""

    public_id = serializers.UUIDField()
    kind = Choice(SANCTIONS)
    reason = serializers.CharField(help_text="`personal_attack`, …")
    explanation = serializers.CharField(help_text="An editor's words to the person.")
    legal_ground = serializers.CharField()
    comment = serializers.IntegerField(allow_null=True, help_text="The comment that led to it.")
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)
    to_acknowledge = serializers.BooleanField(help_text="Nothing can be posted before it is: `…/acknowledge/`.")
    appeal_url = serializers.CharField()


class StandingSerializer(Shape):
    state = Choice(["fine", "premoderated", "warned", "leaving", "suspended", "banned"])
    detail = serializers.CharField(help_text="In a sentence; empty when `fine`.")
    until = serializers.DateTimeField(allow_null=True, help_text="When it ends by itself.")
    sanctions = ToldSerializer(many=True, help_text="What has to be known, the strongest first.")


class DeletionSerializer(Shape):
    at = serializers.DateTimeField()
    comments = Choice(["keep", "remove"])


class MeSerializer(Shape):
    id = serializers.IntegerField()
    name = serializers.CharField()
    badges = serializers.ListField(child=serializers.CharField())
    is_moderator = serializers.BooleanField()
    published_count = serializers.IntegerField()
    preferred_language = serializers.CharField(allow_blank=True, help_text="Of mails and notices; empty: the site's.")
    deletion = DeletionSerializer(allow_null=True, help_text="When my account goes, if I asked for that.")
    standing = StandingSerializer()
    unread_notifications = serializers.IntegerField()


class SessionSerializer(Shape):
    """Somebody who was signed in."""

    token = serializers.CharField(help_text="For `Authorization: Bearer`. It cannot be read again.")
    expires_at = serializers.DateTimeField()
    scopes = serializers.ListField(child=serializers.CharField())
    person = AuthorSerializer()


class NoticeSerializer(Shape):
    """Something the caller was told of. Text that readers no longer see is not repeated."""

    id = serializers.IntegerField()
    kind = Choice(Notification.Kind.choices)
    detail = serializers.CharField(help_text="In a sentence.")
    quote = serializers.CharField(help_text="The beginning of the comment, as plain text; may be empty.")
    story = serializers.CharField()
    url = serializers.CharField(help_text="Where it stands; may be empty.")
    appeal_url = serializers.CharField(help_text="Where the decision can be appealed; may be empty.")
    comment = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    is_read = serializers.BooleanField()


class NoticesSerializer(Shape):
    results = NoticeSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    unread = serializers.IntegerField()


class UnreadSerializer(Shape):
    unread = serializers.IntegerField()


class WishesSerializer(Shape):
    mail = Choice(NotificationPreference.Mail.choices)
    off = serializers.ListField(child=Choice(Notification.Kind.choices), help_text="Kinds that are not told at all.")
    mailed_kinds = serializers.ListField(child=Choice(Notification.Kind.choices))
    follows_own = serializers.BooleanField(help_text="Conversations the caller writes in are followed.")


class FollowingSerializer(Shape):
    following = serializers.BooleanField()


class FollowSerializer(Shape):
    id = serializers.IntegerField()
    discussion = serializers.CharField(help_text="Its key.")
    title = serializers.CharField()
    comment = serializers.IntegerField(allow_null=True, help_text="Where the conversation begins; null: the story.")
    created_at = serializers.DateTimeField()


class FollowsSerializer(Shape):
    results = FollowSerializer(many=True)


class ExportSerializer(Shape):
    state = Choice(["none", "preparing", "ready", "failed"])
    asked_at = serializers.DateTimeField(allow_null=True)
    ready_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True, help_text="After this it is deleted.")
    size = serializers.IntegerField(help_text="Bytes.")
    url = serializers.CharField(allow_null=True, help_text="Where it is fetched, by its person alone.")


class ListedCommentSerializer(OwnCommentSerializer):
    discussion = serializers.CharField()
    title = serializers.CharField(allow_blank=True)


class MyCommentsSerializer(Shape):
    results = ListedCommentSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class UnseenSerializer(Shape):
    """A comment that readers do not see, as an editor sees it in its place."""

    id = serializers.IntegerField()
    parent = serializers.IntegerField(allow_null=True)  # type: ignore[assignment]
    status = Choice([(Status.HELD.value, ""), (Status.REJECTED.value, "")])
    version = serializers.IntegerField(help_text="Name it when you decide.")
    html = serializers.CharField(help_text="The whole comment with a way to decide, as the article page has it.")


class ForEditorSerializer(Shape):
    unseen = UnseenSerializer(many=True, help_text="Held and removed comments, newest first, at most 100.")


class MutedSerializer(Shape):
    id = serializers.IntegerField()
    name = serializers.CharField()
    since = serializers.DateTimeField()


class MutesSerializer(Shape):
    results = MutedSerializer(many=True)


class MyDiscussionSerializer(Shape):
    comments = OwnCommentSerializer(many=True, help_text="Mine that are not simply published, newest first.")
    liked = serializers.ListField(child=serializers.IntegerField(), help_text="Comments I like.")
    reactions = serializers.DictField(
        child=Choice(Reaction.Kind.choices), help_text="How I reacted, by the comment's number."
    )
    mutes = serializers.ListField(child=serializers.IntegerField(), help_text="People whose comments I do not wish.")
    editor = ForEditorSerializer(required=False, help_text="Only for who may moderate this discussion.")


SPANS: dict[str, Any] = {
    "type": "array",
    "items": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2},
    "description": "[start, end] offsets, in code points, into the text as typed.",
}


class SpansField(serializers.Field[Any, Any, Any, Any]):
    _spectacular_annotation = {"field": SPANS}


class AdviceSerializer(Shape):
    code = serializers.CharField()
    detail = serializers.CharField()
    spans = SpansField()


class PreviewSerializer(Shape):
    html = serializers.CharField(allow_blank=True)
    advice = AdviceSerializer(many=True, help_text="What would make it wait. Empty: nothing we know of.")


# --- Issue reports ----------------------------------------------------------------------------------------------------


class FiledSerializer(Shape):
    number = serializers.CharField(help_text="To say on the phone.")
    token = serializers.CharField(help_text="The secret of the receipt.")
    url = serializers.CharField(help_text="The receipt's page.")
    counted = serializers.BooleanField(
        help_text="With 202: several came within an hour, so this one was counted and not stored."
    )


class IssueMessageSerializer(Shape):
    sender = Choice(IssueMessage.Sender.choices)
    text = serializers.CharField()
    created_at = serializers.DateTimeField()
    pictures = serializers.ListField(child=serializers.CharField(), help_text="Addresses; each comes as a file.")


class IssueSerializer(Shape):
    number = serializers.CharField()
    kind = Choice(IssueReport.Kind.choices)
    state = Choice(IssueReport.State.choices)
    created_at = serializers.DateTimeField()
    answered_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    reopens_until = serializers.DateTimeField(allow_null=True)
    deleted_at = serializers.DateTimeField(allow_null=True, help_text="When what was written was deleted.")
    messages = IssueMessageSerializer(many=True)


class IssueAnswerSerializer(Shape):
    code = serializers.CharField()
    tone = serializers.CharField()
    text = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    action_label = serializers.CharField(allow_blank=True)
    action_url = serializers.CharField(allow_blank=True)
    main = serializers.BooleanField(help_text="Most likely the answer.")
    kind = serializers.CharField(allow_blank=True, help_text="The kind of report this would be.")


class DiagnosisSerializer(Shape):
    answers = IssueAnswerSerializer(many=True)
    sum = SumSerializer(
        allow_null=True,
        help_text="While many report at once: do it and send it as `sum` with the report; one without sorts last.",
    )


# --- Moderation -------------------------------------------------------------------------------------------------------


class QueuesSerializer(Shape):
    to_decide = serializers.IntegerField(help_text="Texts that wait for an editor.")
    received = serializers.IntegerField(help_text="Texts not screened yet.")
    reported = serializers.IntegerField(help_text="Published comments with readers' flags no editor has decided about.")
    unscreened = serializers.IntegerField(help_text="Texts that nothing has screened for a minute.")
    audit = serializers.IntegerField(help_text="Spot checks: published by screening, drawn by lot.")
    assigned = serializers.IntegerField(help_text="Handed to you.")
    escalated = serializers.IntegerField(help_text="Handed to a role of yours.")
    appeals = serializers.IntegerField(help_text="Appeals nobody has ruled on.")
    issues = serializers.IntegerField(help_text="Issue reports that wait for an answer.")


class SavedQueueSerializer(Shape):
    id = serializers.IntegerField()
    name = serializers.CharField()
    q = serializers.CharField(help_text="The search, as `moderation/comments/` takes it.")
    order = serializers.CharField(allow_blank=True)
    is_shared = serializers.BooleanField()
    made_by = serializers.CharField()
    created_at = serializers.DateTimeField()


class NumbersTotalsSerializer(Shape):
    received = serializers.IntegerField(help_text="Comments written in these days, by what became of them:")
    published_unread = serializers.IntegerField(help_text="Published without an editor.")
    published_by_editors = serializers.IntegerField()
    held = serializers.IntegerField(help_text="Waiting for an editor now.")
    rejected_unread = serializers.IntegerField(help_text="Rejected without an editor.")
    rejected_by_editors = serializers.IntegerField()
    withdrawn = serializers.IntegerField()
    unscreened = serializers.IntegerField()
    received_before = serializers.IntegerField(help_text="Comments written on as many days before.")
    decided = serializers.IntegerField(help_text="Editors' decisions in these days that ended a wait.")
    decision_median_seconds = serializers.IntegerField(allow_null=True, help_text="Half of them within.")
    decision_p90_seconds = serializers.IntegerField(allow_null=True, help_text="Nine in ten of them within.")
    published = serializers.IntegerField(help_text="Of those received, how many were ever published.")
    publication_median_seconds = serializers.IntegerField(allow_null=True)
    publication_p90_seconds = serializers.IntegerField(allow_null=True)
    waiting_at_the_end = serializers.IntegerField(help_text="Texts waiting at the end of the last day, or now.")
    oldest_waiting_seconds = serializers.IntegerField(allow_null=True)
    appeals_ruled = serializers.IntegerField()
    appeals_overturned = serializers.IntegerField()


class NumbersSerializer(Shape):
    to = serializers.DateField(help_text="Last day; the first is `from`.")
    time_zone = serializers.CharField(help_text="In which the days are days.")
    step = Choice([("hour", ""), ("day", ""), ("week", ""), ("month", "")])
    section = serializers.CharField(allow_blank=True)
    totals = NumbersTotalsSerializer()
    tables = serializers.DictField(
        child=serializers.ListField(child=serializers.DictField()),
        help_text="`comments`, `waits`, `queue`, `articles`, `rules`, `scorers`, `flags`, `issues`, and `editors` "
        "where that is switched on. A share is null when it would rest on fewer than 20 cases.",
    )

    def get_fields(self) -> dict[str, Any]:
        # A word of Python's: the only way to have a field of that name.
        return {"from": serializers.DateField(help_text="First day."), **super().get_fields()}


class CardAuthorSerializer(Shape):
    id = serializers.IntegerField()
    name = serializers.CharField()
    published_count = serializers.IntegerField()
    rejected_count = serializers.IntegerField()


class CardDiscussionSerializer(Shape):
    key = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    url = serializers.CharField(allow_blank=True)


class CardParentSerializer(Shape):
    id = serializers.IntegerField()
    author = serializers.CharField()
    text = serializers.CharField(allow_blank=True, help_text="The beginning of what was last published of it.")


class FindingSerializer(Shape):
    rule = serializers.CharField()
    verdict = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()
    spans = SpansField()
    score = serializers.FloatField(allow_null=True)
    version = serializers.CharField(allow_blank=True, help_text="Of the scorer or house rule that said it.")
    milliseconds = serializers.FloatField()


class CardReporterSerializer(Shape):
    """Who flagged it, and how editors decided on what they flagged before."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    upheld = serializers.IntegerField()
    dismissed = serializers.IntegerField()


class CardFlagSerializer(Shape):
    id = serializers.IntegerField()
    reason = serializers.CharField()
    note = serializers.CharField(allow_blank=True)
    weight = serializers.FloatField(help_text="What it counted for when it was made, by its reporter's record.")
    counts = serializers.BooleanField(help_text="False: an editor had let this text stand against the same reason.")
    reporter = CardReporterSerializer()
    created_at = serializers.DateTimeField()


class DecisionSerializer(Shape):
    """A row of the record."""

    id = serializers.UUIDField()
    verdict = Choice(["publish", "hold", "reject", "withdraw"])
    from_status = Choice(Status.choices)
    to_status = Choice(Status.choices)
    reason = serializers.CharField(allow_blank=True)
    decided_at = serializers.DateTimeField()


class PastDecisionSerializer(DecisionSerializer):
    decider = Choice(Decider.choices)
    made_by = serializers.CharField(allow_null=True)
    explanation = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)


class MadeDecisionSerializer(DecisionSerializer):
    version = serializers.IntegerField(help_text="The comment's version now.")


class ClaimSerializer(Shape):
    """Who has a card open."""

    comment = serializers.IntegerField()
    by = serializers.CharField()
    until = serializers.DateTimeField(help_text="Renew it before.")


class MarksSerializer(Shape):
    featured_at = serializers.DateTimeField(allow_null=True, help_text="Since when it is an editors' pick.")
    pinned_at = serializers.DateTimeField(allow_null=True)


class CardClaimSerializer(Shape):
    by = serializers.CharField()
    until = serializers.DateTimeField()


class CardSerializer(Shape):
    """A text to decide about, with all an editor needs."""

    id = serializers.IntegerField()
    version = serializers.IntegerField(help_text="Send it along with a decision.")
    status = Choice(Status.choices, help_text="Of the comment.")
    revision_number = serializers.IntegerField()
    revision_status = Choice(Status.choices, help_text="Of this text.")
    text = serializers.CharField(help_text="As typed.")
    html = serializers.CharField(allow_blank=True, help_text="Safe HTML; empty before screening.")
    author = CardAuthorSerializer()
    discussion = CardDiscussionSerializer()
    parent = CardParentSerializer(allow_null=True)
    created_at = serializers.DateTimeField(help_text="When this text was written.")
    findings = FindingSerializer(many=True)
    passed = serializers.DictField(
        child=serializers.FloatField(), help_text="Rules that had nothing to say: name → milliseconds."
    )
    flags = CardFlagSerializer(many=True, help_text="Those that wait for an editor, oldest first.")
    claim = CardClaimSerializer(allow_null=True, help_text="Who has it open now; decide about another meanwhile.")
    featured_at = serializers.DateTimeField(allow_null=True)
    pinned_at = serializers.DateTimeField(allow_null=True)
    decisions = PastDecisionSerializer(many=True, help_text="The latest ten, newest first.")


class CardPageSerializer(Shape):
    results = CardSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class PhraseSerializer(Shape):
    id = serializers.IntegerField()
    phrase = serializers.CharField()
    kind = Choice(Phrase.Kind.choices)
    language = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class AddedPhraseSerializer(PhraseSerializer):
    warning = serializers.CharField(
        allow_blank=True, help_text="When it is in over 20 % of the latest comments: what it would do to how many."
    )


class FoundPhraseSerializer(Shape):
    """A phrase in a text, whatever its disguise."""

    phrase = serializers.CharField()
    kind = Choice(Phrase.Kind.choices)
    spans = SpansField()
    folded = serializers.CharField(help_text="What the first place reads as.")
    why = serializers.CharField(help_text="A sentence for each disguise.")


class ImportedLineSerializer(Shape):
    line = serializers.IntegerField()
    phrase = serializers.CharField(allow_blank=True)
    outcome = Choice(["added", "changed", "unchanged", "refused"])
    why = serializers.CharField(allow_blank=True, help_text="The reason of a refusal, or a warning.")


class ImportedPhrasesSerializer(Shape):
    added = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    refused = serializers.IntegerField()
    lines = ImportedLineSerializer(many=True)


class PhrasePageSerializer(Shape):
    results = PhraseSerializer(many=True)
    next = serializers.CharField(allow_null=True)


# --- What the newsroom teaches ----------------------------------------------------------------------------------------


class RefitSerializer(Shape):
    id = serializers.IntegerField()
    kind = serializers.CharField()
    state = serializers.CharField(help_text="`waiting`, `running`, `paused`, `done`, `cancelled` or `failed`.")
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    error = serializers.CharField(allow_blank=True)
    result = serializers.DictField(help_text="When done: the model it made, its status, and why.")


class ScoringModelSerializer(Shape):
    number = serializers.IntegerField()
    version = serializers.CharField(help_text="As findings and decisions name it.")
    status = serializers.CharField(help_text="`candidate`, `active`, `retired` or `refused`.")
    decisions = serializers.IntegerField(help_text="It was taught by.")
    removals = serializers.IntegerField(help_text="Among them.")
    metrics = serializers.DictField(
        help_text="Held back: `candidate` is this model, `active` the one in use then, on the same `compared` texts."
    )
    why = serializers.ListField(child=serializers.CharField(), help_text="Why it is used, or not.")
    can_be_used = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    activated_at = serializers.DateTimeField(allow_null=True)


class LearningSerializer(Shape):
    decisions = serializers.IntegerField()
    needed = serializers.IntegerField(help_text="After about so many, figures are worth looking at.")
    removals = serializers.IntegerField()
    share_of_own = serializers.FloatField(help_text="How much of what was taught counts, 0 to 1.")
    shows_percentages = serializers.BooleanField(help_text="Before, a score is only low, medium or high.")


class ScorerHealthSerializer(Shape):
    ok = serializers.BooleanField()
    detail = serializers.CharField(allow_blank=True)


class ScoringModelsSerializer(Shape):
    learning = LearningSerializer()
    health = ScorerHealthSerializer()
    shipped = serializers.CharField(allow_blank=True, help_text="Version of the shipped model; empty: none to use.")
    active = ScoringModelSerializer(allow_null=True)
    models = ScoringModelSerializer(many=True)
    refit = RefitSerializer(allow_null=True, help_text="The latest.")


class AutoApprovalSerializer(Shape):
    section = serializers.CharField()
    state = serializers.CharField(help_text="`off`, `shadow`, `armed`, or `disarmed`: it switched itself off.")
    limit = serializers.FloatField(help_text="Largest share of wrong approvals accepted.")
    threshold = serializers.FloatField(allow_null=True)
    model = serializers.CharField(allow_blank=True, help_text="The threshold was found for.")
    since = serializers.DateTimeField(allow_null=True)
    reviewed = serializers.IntegerField(help_text="Texts below the threshold that editors have decided.")
    harmful = serializers.IntegerField(help_text="Of those, rejected.")
    upper_bound = serializers.FloatField(allow_null=True, help_text="Share that may be wrong, 95 % sure.")
    missing = serializers.ListField(child=serializers.CharField(), help_text="What stands against arming it.")
    why = serializers.ListField(child=serializers.CharField(), help_text="Why it switched itself off.")


# --- Settings ---------------------------------------------------------------------------------------------------------

VALUE: dict[str, Any] = {
    "oneOf": [
        {"type": "integer"},
        {"type": "boolean"},
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}},
        {"type": "null"},
    ]
}
LEVELS = ["discussion", "section", "site", "project"]


class ValueField(serializers.Field[Any, Any, Any, Any]):
    _spectacular_annotation = {"field": VALUE}


class AnythingField(serializers.Field[Any, Any, Any, Any]):
    _spectacular_annotation: ClassVar[dict[str, Any]] = {"field": {}}


class SaidSerializer(Shape):
    """What one level says of a setting."""

    level = Choice(LEVELS)
    value = ValueField()


class SettingSerializer(Shape):
    name = serializers.CharField()
    value = ValueField(help_text="The one in force.")
    level = Choice(LEVELS, help_text="Where it comes from. `project`: from the settings of the installation.")
    lowest = Choice(["site", "section", "discussion"], help_text="The lowest level at which it may be set.")
    meaning = serializers.CharField(allow_blank=True)
    chain = SaidSerializer(many=True, help_text="What each level says, the strongest first; the first is in force.")


class SettingsSerializer(Shape):
    discussion = serializers.CharField(allow_null=True)
    section = serializers.CharField(allow_blank=True)
    results = SettingSerializer(many=True)


class ChangeSerializer(Shape):
    id = serializers.IntegerField()
    kind = Choice(PolicyChange.Kind.choices)
    subject = serializers.CharField(help_text="What was changed: `links_allowed (section:Opinion)`, a phrase, a rule.")
    before = AnythingField()
    after = AnythingField()
    note = serializers.CharField(allow_blank=True)
    made_by = serializers.CharField(allow_null=True)
    made_at = serializers.DateTimeField()


class ChangePageSerializer(Shape):
    results = ChangeSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class AuditSerializer(Shape):
    kind = serializers.CharField()
    what = serializers.CharField(allow_blank=True, help_text="What it was done to, in words.")
    before = AnythingField()
    after = AnythingField()
    note = serializers.CharField(allow_blank=True)
    made_by = serializers.CharField(help_text="By name; what decides without a person by its own.")
    made_at = serializers.DateTimeField()
    comment = serializers.IntegerField(allow_null=True)
    request_id = serializers.CharField(allow_blank=True)


class AuditPageSerializer(Shape):
    results = AuditSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class RoleSerializer(Shape):
    name = serializers.CharField()
    may = serializers.ListField(child=serializers.CharField(), help_text="What it allows, in words.")
    in_sections = serializers.BooleanField(help_text="It allows nothing until sections are given with it.")


class PersonWithRolesSerializer(Shape):
    id = serializers.IntegerField()
    username = serializers.CharField()
    is_staff = serializers.BooleanField()
    is_superuser = serializers.BooleanField()
    roles = serializers.ListField(child=serializers.CharField())
    sections = serializers.ListField(child=serializers.CharField())


class RolesSerializer(Shape):
    roles = RoleSerializer(many=True)
    sections = serializers.ListField(child=serializers.CharField())
    results = PersonWithRolesSerializer(many=True)


# --- Jobs -------------------------------------------------------------------------------------------------------------


class JobSerializer(Shape):
    """Long work in the background."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    subject = serializers.CharField(allow_blank=True, help_text="What it is about: `house_rule:12`.")
    state = Choice(Job.State.choices)
    done = serializers.IntegerField(help_text="Steps done, of `total`.")
    total = serializers.IntegerField()
    result = serializers.DictField(help_text="What came of it, once it is done; depends on the kind.")
    error = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class LeftAloneSerializer(Shape):
    why = serializers.CharField(help_text="In words that follow the number.")
    count = serializers.IntegerField()
    comments = serializers.ListField(child=serializers.IntegerField(), help_text="Ids of some of them.")


class BulkSerializer(Shape):
    """One decision about many comments, or the undoing of it."""

    id = serializers.IntegerField()
    q = serializers.CharField(allow_blank=True)
    verdict = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    made_by = serializers.CharField()
    state = Choice(Job.State.choices, help_text="Of the undoing, once there is one.")
    undoing = serializers.BooleanField()
    done = serializers.IntegerField(help_text="Comments gone through, of `total`.")
    total = serializers.IntegerField()
    decided = serializers.IntegerField()
    taken_back = serializers.IntegerField()
    left_alone = LeftAloneSerializer(many=True)
    error = serializers.CharField(allow_blank=True)
    may = serializers.ListField(child=serializers.CharField(), help_text="`pause`, `resume`, `stop`, `undo`.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class BulkSampleSerializer(Shape):
    id = serializers.IntegerField()
    text = serializers.CharField()
    author = serializers.CharField()
    score = serializers.FloatField()


class BulkPreviewSerializer(Shape):
    """What a bulk action would be about."""

    total = serializers.IntegerField()
    most = serializers.IntegerField(help_text="More than this are refused.")
    statuses = serializers.DictField(child=serializers.IntegerField())
    sections = serializers.DictField(child=serializers.IntegerField())
    authors = serializers.IntegerField()
    discussions = serializers.IntegerField()
    oldest = serializers.DateTimeField(allow_null=True)
    scores = serializers.ListField(
        child=serializers.IntegerField(), help_text="How many the search finds in each twentieth of the scores."
    )
    samples = BulkSampleSerializer(many=True)


# --- House rules ------------------------------------------------------------------------------------------------------


class RuleRecordSerializer(Shape):
    """Of its hits in the last 90 days, what editors made."""

    hits = serializers.IntegerField()
    rejected = serializers.IntegerField()
    published = serializers.IntegerField()
    precision = serializers.FloatField(allow_null=True, help_text="Rejected share of what editors decided, 0 to 1.")


class HouseRuleSerializer(Shape):
    id = serializers.IntegerField()
    name = serializers.CharField()
    state = Choice(HouseRule.State.choices)
    number = serializers.IntegerField(help_text="Of the version in force.")
    definition = serializers.DictField()
    sentence = serializers.CharField(help_text="The same in words.")
    record = RuleRecordSerializer()
    hint = serializers.CharField(allow_blank=True, help_text="In the shadow: whether it is ready to be switched on.")
    shadow_since = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


class SavedHouseRuleSerializer(HouseRuleSerializer):
    warnings = serializers.ListField(child=serializers.CharField(), help_text="It is saved all the same.")


class HouseRulesSerializer(Shape):
    results = HouseRuleSerializer(many=True)
    language = serializers.DictField(help_text="Fields, ways of asking, actions and limits.")


class HouseRuleVersionSerializer(Shape):
    number = serializers.IntegerField()
    definition = serializers.DictField()
    sentence = serializers.CharField()
    note = serializers.CharField(allow_blank=True)
    made_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class HouseRuleVersionsSerializer(Shape):
    results = HouseRuleVersionSerializer(many=True)


class TrialSerializer(JobSerializer):
    """A job whose `result` will have `hits`, `alone`, `outcomes`, `days`, `samples` (comments' ids) and `sentence`."""


class EditorSerializer(Shape):
    """An editor, as a person who comments."""

    id = serializers.IntegerField()
    name = serializers.CharField()


class NoteSerializer(Shape):
    """What an editor wrote to the others."""

    id = serializers.IntegerField()
    text = serializers.CharField()
    made_by = EditorSerializer()
    created_at = serializers.DateTimeField()


class NotesSerializer(Shape):
    results = NoteSerializer(many=True)


class AssignmentSerializer(Shape):
    """Whose a comment is to decide."""

    to = serializers.CharField(help_text="`user:7` or `role:3`.")
    name = serializers.CharField()
    note = serializers.CharField()
    made_by = EditorSerializer()
    created_at = serializers.DateTimeField()


class AssigneeSerializer(Shape):
    """Somebody, or a role, that a comment can be handed to."""

    to = serializers.CharField(help_text="`user:7` or `role:3`.")
    name = serializers.CharField()


class AssigneesSerializer(Shape):
    results = AssigneeSerializer(many=True)


class PreferencesSerializer(Shape):
    """How an editor wants to work."""

    blur_harsh = serializers.BooleanField()
    grey_pictures = serializers.BooleanField()
    daily_quota = serializers.IntegerField()
    break_minutes = serializers.IntegerField()
    mail_decisions = serializers.BooleanField()


# --- People -----------------------------------------------------------------------------------------------------------


class SanctionSerializer(Shape):
    id = serializers.IntegerField(help_text="The latest one's is `seen` when you sanction.")
    public_id = serializers.UUIDField()
    kind = Choice(SANCTIONS)
    person = serializers.IntegerField(allow_null=True)
    email_domain = serializers.CharField()
    network = serializers.BooleanField(help_text="It holds for a network, whose key is not told.")
    reason = serializers.CharField()
    explanation = serializers.CharField()
    private_note = serializers.CharField()
    comment = serializers.IntegerField(allow_null=True)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)
    lifts = serializers.UUIDField(allow_null=True)
    made_by = serializers.CharField(allow_null=True)
    made_at = serializers.DateTimeField()


class ListedPersonSerializer(Shape):
    id = serializers.IntegerField()
    name = serializers.CharField()
    badge = serializers.CharField()
    published_count = serializers.IntegerField()
    rejected_count = serializers.IntegerField()
    rejected_lately = serializers.IntegerField()
    in_force = serializers.ListField(child=Choice(SANCTIONS), help_text="What holds now; read warnings left out.")
    created_at = serializers.DateTimeField()


class PeoplePageSerializer(Shape):
    results = ListedPersonSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class StrikeSerializer(Shape):
    at = serializers.DateTimeField()
    what = Choice(["rejection", "warning"])
    reason = serializers.CharField()
    comment = serializers.IntegerField(allow_null=True)
    weight = serializers.FloatField(help_text="1 when it was new; halves every `STRIKE_DAYS`.")


class StrikesSerializer(Shape):
    total = serializers.FloatField()
    suggestion = serializers.CharField(help_text="What is usual from here; nothing follows by itself.")
    parts = StrikeSerializer(many=True)


class HappenedSerializer(Shape):
    kind = Choice(["comment", "decision", "sanction", "appeal", "note"])
    at = serializers.DateTimeField()
    id = serializers.IntegerField()
    comment = serializers.IntegerField(allow_null=True)
    said = serializers.CharField(help_text="In words.")
    words = serializers.CharField(help_text="What was written: the comment, the note, the explanation.")
    made_by = serializers.CharField(allow_null=True)


class PersonSerializer(Shape):
    id = serializers.IntegerField()
    name = serializers.CharField()
    badge = serializers.CharField()
    created_at = serializers.DateTimeField()
    counts = serializers.DictField(child=serializers.IntegerField())
    standing = StandingSerializer()
    strikes = StrikesSerializer()
    seen = serializers.IntegerField(help_text="Send it back when you sanction: 409 if somebody was first.")
    reach = serializers.DictField(
        child=serializers.IntegerField(), help_text="How many others a `domain` or `network` sanction would hold for."
    )
    history = HappenedSerializer(many=True, help_text="The latest first.")
    next = serializers.CharField(allow_null=True)


# --- Appeals ----------------------------------------------------------------------------------------------------------


class StatementSerializer(Shape):
    """A decision or a sanction as the law asks for it: what, why, by whom in kind, where, until when, and redress."""

    number = serializers.UUIDField()
    what = serializers.CharField()
    decided_at = serializers.DateTimeField()
    noticed_by = serializers.CharField()
    decided_by = serializers.CharField()
    automated = Choice(["fully", "partly", "not"])
    ground = Choice(["house", "illegal"])
    reason = serializers.CharField(allow_blank=True)
    facts = serializers.ListField(child=serializers.CharField())
    explanation = serializers.CharField(allow_blank=True)
    legal_ground = serializers.CharField(allow_blank=True)
    where = serializers.CharField()
    until = serializers.CharField()
    redress = serializers.CharField()
    appeal_until = serializers.DateTimeField(allow_null=True)


class OwnAppealSerializer(Shape):
    id = serializers.UUIDField()
    state = Choice(Appeal.State.choices)
    text = serializers.CharField()
    filed_at = serializers.DateTimeField()
    ruled_at = serializers.DateTimeField(allow_null=True)
    ruling = serializers.CharField(allow_blank=True, help_text="In the words of who ruled.")


class CaseSerializer(Shape):
    statement = StatementSerializer(allow_null=True)
    text = serializers.CharField(allow_blank=True, help_text="The words that were judged.")
    can_appeal = serializers.BooleanField()
    why_not = serializers.CharField(allow_blank=True)
    appeal = OwnAppealSerializer(allow_null=True)


class AppellantSerializer(Shape):
    id = serializers.IntegerField()
    name = serializers.CharField()


class DeskAppealSerializer(Shape):
    id = serializers.IntegerField()
    state = Choice(Appeal.State.choices)
    comment = serializers.IntegerField(allow_null=True)
    sanction = serializers.UUIDField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    author = AppellantSerializer()
    text = serializers.CharField()
    filed_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    is_late = serializers.BooleanField()
    ruled_by = serializers.CharField(allow_null=True)
    ruled_at = serializers.DateTimeField(allow_null=True)
    ruling = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True, help_text="To editors.")


class DeskAppealDetailSerializer(DeskAppealSerializer):
    statement = StatementSerializer()
    judged_text = serializers.CharField(allow_blank=True)
    version = serializers.IntegerField(allow_null=True, help_text="Of the comment, for the ruling.")
    decided_by = serializers.CharField(allow_null=True)
    would_publish = serializers.BooleanField(help_text="Overturning would bring the comment back.")


class AppealPageSerializer(Shape):
    results = DeskAppealSerializer(many=True)
    next = serializers.CharField(allow_null=True)
