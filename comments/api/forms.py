"""What may be sent, call by call. A field that is not listed is refused, so nothing else can ever be set."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from comments.api.bodies import Choice, Facts, Given, Line, Number, Words
from comments.models import Discussion, HouseRule, IssueReport, Phrase

Form = serializers.Serializer[Any]


class GuidelinesForm(Form):
    text = Words(help_text="Plain text and a little Markdown.")
    note = Line(required=False, allow_blank=True, max_length=500, help_text="What is new, for other editors.")
    seen = Number(required=False, min_value=0, help_text="The version you began with; 0: none. If it moved on: 409.")


class AcceptForm(Form):
    version = Number(help_text="Of the guidelines that were shown; another one than the published: 409.")


class DiscussionForm(Form):
    form = Choice(required=False, choices=Discussion.Form.choices)
    question = Line(required=False, allow_blank=True, max_length=300, help_text="The question of the day.")
    mode = Choice(required=False, choices=Discussion.Mode.choices)
    closed_reason = Line(required=False, allow_blank=True, max_length=300, help_text="Why, for readers.")
    opens_at = serializers.DateTimeField(required=False, allow_null=True)
    closes_at = serializers.DateTimeField(required=False, allow_null=True)


class ExpertForm(Form):
    person = Number(help_text="`id` of the author.")
    role = Line(required=False, allow_blank=True, max_length=80, help_text="Beside the name: `Epidemiologist`.")


class SettleForm(Form):
    state = Choice(choices=["upheld", "dismissed"])
    seen = Number(required=False, help_text="The latest report you looked at; later ones stay open.")
    note = Line(required=False, allow_blank=True, max_length=500, help_text="For the record.")


class GuestForm(Form):
    name = Line(required=False, allow_blank=True, max_length=200, help_text="Shown with the comment. Not needed again.")
    email = Line(
        required=False, allow_blank=True, max_length=254, help_text="For the editors; never shown, proves nothing."
    )
    sum = Line(
        required=False,
        max_length=2000,
        help_text="What `GET guests/sum/` asked for, done: base64 of its JSON without `maxnumber` and with `number`. "
        "Good for one comment.",
    )


class PostForm(Form):
    text = Words(help_text="As typed: plain text, a little Markdown or pasted HTML.")
    parent = Number(  # type: ignore[assignment]  # the field has the name of a property
        required=False, allow_null=True, help_text="The published comment this answers."
    )
    guidelines = Number(required=False, help_text="The version of the guidelines that is accepted with this.")
    guest = GuestForm(
        required=False, help_text="Who writes, without an account. Where that is not allowed: 403 `guests_not_allowed`."
    )


class SessionForm(Form):
    sso = Line(
        max_length=8_000,
        help_text="A JWT by one of the keys in `SSO_KEYS`, with `sub`, `jti`, `iat`, `exp`, `iss` and `aud`; "
        "`name`, `email` and `email_verified` if you like.",
    )


class EditForm(Form):
    text = Words(help_text="The new text, as typed.")


class ReactionForm(Form):
    kind = Line(max_length=12, help_text="`like`, or another that `reactions` in the discussion lists.")


class FlagForm(Form):
    reason = Line(max_length=40, help_text="`spam`, `hate`, …: a reason the newsroom uses.")
    note = Line(required=False, allow_blank=True, max_length=500, help_text="For the editor. The author never sees it.")


class ReadForm(Form):
    ids = serializers.ListField(child=Number(), required=False, max_length=500, help_text="These notices.")
    up_to = Number(required=False, help_text="All up to this one. With neither: all there are.")


class WishesForm(Form):
    mail = Line(required=False, max_length=8, help_text="`instant`, `hourly`, `daily` or `never`.")
    off = serializers.ListField(child=Line(max_length=40), required=False, max_length=20)
    mailed_kinds = serializers.ListField(child=Line(max_length=40), required=False, max_length=20)
    follows_own = serializers.BooleanField(required=False)


class AppealForm(Form):
    text = Words(help_text="What is wrong with the decision; up to 2,000 characters.")


class RulingForm(Form):
    ruling = Choice(choices=["uphold", "overturn"])
    text = Line(max_length=2000, help_text="To the author, who is told it with the outcome.")
    note = Line(required=False, allow_blank=True, max_length=2000, help_text="To other editors.")
    version = Number(required=False, help_text="The comment's version you looked at. If it has moved on: 409.")


class PreviewForm(Form):
    text = Words(help_text="As typed.")
    discussion = Line(required=False, max_length=200, help_text="Key of the discussion it is meant for.")


class IssueForm(Form):
    sum = Line(
        required=False,
        allow_blank=True,
        help_text="The `sum` of the diagnosis, done as for a comment by a guest. A wrong one refuses nothing.",
    )
    kind = Choice(choices=IssueReport.Kind.choices)
    text = Line(required=False, allow_blank=True, max_length=2000, help_text="What happened; the kind alone is enough.")
    email = Line(required=False, allow_blank=True, max_length=254, help_text="For an answer; kept as typed.")
    discussion = Line(required=False, allow_blank=True, max_length=200, help_text="Key of the discussion.")
    comment = Number(required=False, allow_null=True)
    context = Facts(  # type: ignore[assignment]  # so has this
        required=False, help_text="What the reader agreed to send along: browser, language, …"
    )
    code = Line(required=False, allow_blank=True, max_length=40, help_text="Of the problem that was met.")
    request = Line(required=False, allow_blank=True, max_length=36, help_text="Its `request_id`.")
    elsewhere = Choice(
        required=False,
        allow_blank=True,
        choices=["works", "fails", "untried"],
        help_text="In another browser or device.",
    )
    found = Line(required=False, allow_blank=True, max_length=40, help_text="The answer that did not settle it.")
    tell_when_over = serializers.BooleanField(required=False, help_text="When an incident is known: mail at its end.")


class IssueChangeForm(Form):
    state = Choice(required=False, choices=["solved", "open"], help_text="`open`: it is still wrong.")
    email = Line(required=False, allow_blank=True, max_length=254, help_text="Empty takes the address out.")


class SettledForm(Form):
    answer = Line(max_length=40, help_text="`code` of the answer.")


class IssueMessageForm(Form):
    text = Line(max_length=2000)


class DecisionForm(Form):
    verdict = Choice(choices=["publish", "hold", "reject"])
    version = Number(help_text="The comment's version you looked at. If it has moved on, the answer is 409.")
    reason = Line(required=False, allow_blank=True, max_length=40, help_text="Needed to reject: `off_topic`, …")
    note = Line(required=False, allow_blank=True, max_length=2000, help_text="To other editors.")
    explanation = Line(required=False, allow_blank=True, max_length=2000, help_text="To the author.")
    ground = Choice(required=False, choices=["house", "illegal"], help_text="Without it, the reason's own.")
    legal_ground = Line(
        required=False, allow_blank=True, max_length=500, help_text="The law, where the ground is `illegal`."
    )


class ClaimForm(Form):
    take_over = serializers.BooleanField(required=False, help_text="Take it, whoever has it.")


class MarkForm(Form):
    version = Number(help_text="The comment's version you looked at. If it has moved on, the answer is 409.")


class UndoForm(MarkForm):
    decision = serializers.UUIDField(help_text="`id` of the decision.")


class BulkForm(Form):
    q = Line(allow_blank=True, max_length=500, help_text="A search, as on the desk: `status:held section:sport`.")
    score_min = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=1)
    score_max = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=1)
    verdict = Choice(choices=["publish", "hold", "reject"])
    reason = Line(required=False, allow_blank=True, max_length=40, help_text="Needed to reject: `off_topic`, …")
    explanation = Line(required=False, allow_blank=True, max_length=2000, help_text="To every author.")
    note = Line(required=False, allow_blank=True, max_length=2000, help_text="To other editors.")
    dry_run = serializers.BooleanField(required=False, help_text="Change nothing: numbers and ten samples.")


class MeForm(Form):
    name = Line(required=False, max_length=200, help_text="Shown above everything I wrote.")
    preferred_language = Line(
        required=False, allow_blank=True, max_length=12, help_text="Of mails and notices; empty: the site's."
    )


class LeaveForm(Form):
    confirm = Line(max_length=256, help_text="My password, or my name as it stands above my comments, typed again.")
    comments = Choice(
        choices=["keep", "remove"], required=False, help_text="`keep`: they stay, without my name, as without this."
    )


class NothingForm(Form):
    """An empty object: the address says it all."""


class AutoApprovalForm(Form):
    state = Choice(choices=["off", "shadow", "armed"])
    limit = serializers.FloatField(
        required=False,
        min_value=0.001,
        max_value=0.2,
        help_text="Largest share of wrong approvals accepted, 0.001 to 0.2.",
    )


class SavedQueueForm(Form):
    name = Line(max_length=60)
    q = Line(max_length=500, help_text="A search, as `moderation/comments/` takes it.")
    order = Choice(required=False, choices=["age", "newest", "priority", "flags", "score"])
    is_shared = serializers.BooleanField(required=False, help_text="On every editor's desk.")


class ChangedQueueForm(SavedQueueForm):
    """What is left out stays as it is."""

    name = Line(required=False, max_length=60)
    q = Line(required=False, max_length=500, help_text="A search, as `moderation/comments/` takes it.")


class PhraseForm(Form):
    phrase = Line(
        max_length=200, trim_whitespace=True, help_text="`*` beside letters stands for any letters of the same word."
    )
    kind = Choice(choices=Phrase.Kind.choices)
    language = Line(required=False, allow_blank=True, max_length=12, help_text="A code; empty for every language.")
    note = Line(required=False, allow_blank=True, max_length=300)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, help_text="`null`: never.")


class TryPhrasesForm(Form):
    text = Line(max_length=10_000, allow_blank=True, help_text="Nothing of it is kept.")


class ImportPhrasesForm(Form):
    text = Line(max_length=250_000, help_text="CSV, or one phrase on each line.")
    format = Choice(choices=["csv", "lines"])
    kind = Choice(required=False, choices=Phrase.Kind.choices, help_text="For lines that say none: else `suspect`.")
    language = Line(required=False, allow_blank=True, max_length=12, help_text="For lines that say none.")


class RolesForm(Form):
    roles = serializers.ListField(
        child=Line(max_length=150), max_length=50, help_text="Names of roles; those left out are taken away."
    )
    sections = serializers.ListField(
        child=Line(max_length=80), max_length=200, help_text="Sections that a section moderator decides in."
    )
    note = Line(required=False, allow_blank=True, max_length=500, help_text="Why, for the record.")


class SettingForm(Form):
    value = serializers.JSONField(
        allow_null=True, help_text="Of the kind the setting has; `null` takes the value of the level above."
    )
    discussion = Line(
        required=False, allow_blank=True, max_length=200, help_text="Key of the discussion to set it for."
    )
    section = Line(required=False, allow_blank=True, max_length=80, help_text="The section to set it for.")
    note = Line(required=False, allow_blank=True, max_length=500, help_text="Why, for the record.")


class RuleForm(Form):
    name = Line(max_length=120)
    definition = Given(help_text="`when`, `unless`, `then`: see `language` of `moderation/rules/`.")
    note = Line(required=False, allow_blank=True, max_length=500, help_text="Why, for the record.")


class ChangedRuleForm(RuleForm):
    name = Line(required=False, max_length=120)
    number = Number(required=False, help_text="The version you looked at. If it has moved on, the answer is 409.")


class RuleStateForm(Form):
    state = Choice(choices=HouseRule.State.choices)
    note = Line(required=False, allow_blank=True, max_length=500, help_text="Why, for the record.")


class TrialForm(Form):
    days = Number(required=False, default=30, max_value=365, help_text="How far back, in days.")


class UnsavedTrialForm(TrialForm):
    definition = Given(help_text="As for a new rule.")


class NoteForm(Form):
    text = Line(max_length=2000)


class AssignmentForm(Form):
    to = Line(max_length=40, help_text="`user:7` or `role:3`: see `moderation/assignees/`.")
    note = Line(required=False, allow_blank=True, max_length=2000, help_text="What they should know.")


class PreferencesForm(Form):
    blur_harsh = serializers.BooleanField(required=False, help_text="Harsh texts are blurred until pointed at.")
    grey_pictures = serializers.BooleanField(required=False, help_text="Pictures are shown without colour.")
    daily_quota = Number(
        required=False, min_value=0, max_value=2000, help_text="Decisions a day after which the desk says so; 0: never."
    )
    break_minutes = Number(
        required=False, min_value=0, max_value=720, help_text="Minutes until a pause is suggested; 0: never."
    )
    mail_decisions = serializers.BooleanField(required=False, help_text="What waits is mailed, with links to decide.")


class SanctionForm(Form):
    kind = Choice(choices=["warn", "premoderate", "suspend", "ban"])
    target = Choice(required=False, choices=["person", "domain", "network"], help_text="`person` without it.")
    reason = Line(required=False, allow_blank=True, max_length=40, help_text="`spam`, …; the person is told it.")
    explanation = Line(required=False, allow_blank=True, max_length=2000, help_text="To the person.")
    note = Line(required=False, allow_blank=True, max_length=2000, help_text="To other editors.")
    legal_ground = Line(required=False, allow_blank=True, max_length=500, help_text="The law, where the reason is one.")
    days = Number(required=False, max_value=3650, help_text="For how long; a suspension needs it.")
    comment = Number(required=False, allow_null=True, help_text="The comment that led to it.")
    seen = Number(required=False, min_value=0, help_text="`seen` of the person you looked at.")


class LiftForm(Form):
    explanation = Line(required=False, allow_blank=True, max_length=2000, help_text="To the person.")
    note = Line(required=False, allow_blank=True, max_length=2000, help_text="To other editors.")
