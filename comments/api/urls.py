"""
``path("api/v1/", include("comments.api.urls"))``.

A key may have any character, "/" too, so an address is read from its end: ``…/comments/``, ``…/events/`` and
``…/follow/`` first, then the discussion itself. WSGI decodes ``%2F`` before Django sees it; a key that itself ends in
one of them therefore has comments but no summary of its own.
"""

from __future__ import annotations

from django.apps import apps
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path, register_converter
from django.views.decorators.csrf import csrf_exempt

from comments.api import (
    appeals,
    audit,
    bulk,
    deciding,
    desk,
    documentation,
    furnishing,
    issue_desk,
    jobs,
    learning,
    me,
    notices,
    numbers,
    people,
    policy,
    problems,
    reading,
    reports,
    rules,
    saved_queues,
    sessions,
    together,
    writing,
)

app_name = "comments_api"


class Id:
    """A number that a 64-bit column can hold."""

    regex = "[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


class Key:
    """Any text, "/" and line ends too."""

    regex = r"[\s\S]+"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(Id, "comments_id")
register_converter(Key, "comments_key")


@csrf_exempt
def nowhere(request: HttpRequest) -> HttpResponse:
    return problems.nothing_here()


urlpatterns: list[URLPattern] = [
    path("schema/", documentation.SchemaView.as_view(), name="schema"),
    path("guests/sum/", reading.SumView.as_view(), name="guest_sum"),
    path("counts/", reading.CountsView.as_view(), name="counts"),
    path("discussions/<comments_key:key>/follow/", notices.FollowStoryView.as_view(), name="follow_discussion"),
    path("discussions/<comments_key:key>/comments/", reading.CommentsView.as_view(), name="comments"),
    path("discussions/<comments_key:key>/events/", reading.EventsView.as_view(), name="events"),
    path("discussions/<comments_key:key>/", reading.DiscussionView.as_view(), name="discussion"),
    path("comments/<comments_id:comment_id>/", writing.CommentView.as_view(), name="comment"),
    path("comments/<comments_id:comment_id>/replies/", reading.RepliesView.as_view(), name="replies"),
    path("comments/<comments_id:comment_id>/reaction/", writing.ReactionView.as_view(), name="reaction"),
    path("comments/<comments_id:comment_id>/flags/", writing.FlagsView.as_view(), name="flags"),
    path("comments/<comments_id:comment_id>/appeal/", appeals.AppealView.as_view(), name="appeal"),
    path("me/sanctions/<uuid:public_id>/appeal/", appeals.SanctionAppealView.as_view(), name="appeal_sanction"),
    path("moderation/appeals/", appeals.AppealsView.as_view(), name="moderation_appeals"),
    path("moderation/appeals/<comments_id:appeal_id>/", appeals.DeskAppealView.as_view(), name="moderation_appeal"),
    path("moderation/appeals/<comments_id:appeal_id>/ruling/", appeals.RulingView.as_view(), name="rule_on_appeal"),
    path("sessions/", sessions.SessionsView.as_view(), name="sessions"),
    path("me/", me.MeView.as_view(), name="me"),
    path("me/comments/", me.MyCommentsView.as_view(), name="my_comments"),
    path("me/deletion/", me.DeletionView.as_view(), name="my_deletion"),
    path("me/export/", me.ExportView.as_view(), name="my_export"),
    path("me/export/file/", me.ExportFileView.as_view(), name="my_export_file"),
    path("me/mutes/", writing.MutesView.as_view(), name="mutes"),
    path("me/mutes/<comments_id:person_id>/", writing.MuteView.as_view(), name="mute"),
    path("me/guidelines/", furnishing.MyGuidelinesView.as_view(), name="my_guidelines"),
    path("people/<comments_id:person_id>/flags/", furnishing.PersonFlagsView.as_view(), name="flag_person"),
    path("moderation/guidelines/", furnishing.GuidelinesView.as_view(), name="moderation_guidelines"),
    path(
        "moderation/discussions/<comments_key:key>/experts/<comments_id:person_id>/",
        furnishing.ExpertView.as_view(),
        name="expert",
    ),
    path("moderation/discussions/<comments_key:key>/experts/", furnishing.ExpertsView.as_view(), name="experts"),
    path(
        "moderation/discussions/<comments_key:key>/",
        furnishing.ModeratedDiscussionView.as_view(),
        name="moderation_discussion",
    ),
    path(
        "moderation/people/<comments_id:person_id>/flags/",
        furnishing.DeskPersonFlagsView.as_view(),
        name="person_flags",
    ),
    path("comments/<comments_id:comment_id>/follow/", notices.FollowView.as_view(), name="follow"),
    path("me/notifications/", notices.NoticesView.as_view(), name="notifications"),
    path("me/notifications/read/", notices.ReadView.as_view(), name="read_notifications"),
    path("me/notifications/preferences/", notices.WishesView.as_view(), name="notification_preferences"),
    path("me/follows/", notices.FollowsView.as_view(), name="follows"),
    path("me/warnings/<uuid:public_id>/acknowledge/", writing.AcknowledgeView.as_view(), name="acknowledge"),
    path("me/discussions/<comments_key:key>/", writing.MyDiscussionView.as_view(), name="my_discussion"),
    path("preview/", writing.PreviewView.as_view(), name="preview"),
    path("issues/", reports.IssuesView.as_view(), name="issues"),
    path("issues/diagnosis/", reports.DiagnosisView.as_view(), name="diagnosis"),
    path("issues/<slug:token>/", reports.IssueView.as_view(), name="issue"),
    path("issues/<slug:token>/messages/", reports.IssueMessagesView.as_view(), name="issue_messages"),
    path("issues/<slug:token>/pictures/", reports.IssuePicturesView.as_view(), name="issue_pictures"),
    path("issues/<slug:token>/pictures/<comments_id:number>/", reports.PictureView.as_view(), name="issue_picture"),
    path("moderation/issues/", issue_desk.DeskIssuesView.as_view(), name="moderation_issues"),
    path("moderation/issues/templates/", issue_desk.TemplatesView.as_view(), name="issue_templates"),
    path("moderation/issues/numbers/", issue_desk.IssueNumbersView.as_view(), name="issue_numbers"),
    path("moderation/issues/incidents/", issue_desk.IncidentsView.as_view(), name="moderation_incidents"),
    path(
        "moderation/issues/incidents/<comments_id:pk>/", issue_desk.IncidentView.as_view(), name="moderation_incident"
    ),
    path(
        "moderation/issues/groups/<comments_id:pk>/",
        issue_desk.DeskIssueGroupView.as_view(),
        name="moderation_issue_group",
    ),
    path(
        "moderation/issues/groups/<comments_id:pk>/actions/",
        issue_desk.DeskIssueGroupActionsView.as_view(),
        name="act_on_issue_group",
    ),
    path(
        "moderation/issues/<comments_id:pk>/pictures/<comments_id:number>/",
        issue_desk.DeskIssuePictureView.as_view(),
        name="moderation_issue_picture",
    ),
    path("moderation/issues/<comments_id:pk>/", issue_desk.DeskIssueView.as_view(), name="moderation_issue"),
    path(
        "moderation/issues/<comments_id:pk>/actions/",
        issue_desk.DeskIssueActionsView.as_view(),
        name="act_on_issue",
    ),
    path("moderation/queues/", deciding.QueuesView.as_view(), name="moderation_queues"),
    path("moderation/comments/", deciding.CardsView.as_view(), name="moderation_comments"),
    path("moderation/comments/<comments_id:comment_id>/", deciding.CardView.as_view(), name="moderation_comment"),
    path("moderation/comments/<comments_id:comment_id>/decisions/", deciding.DecisionsView.as_view(), name="decisions"),
    path("moderation/comments/<comments_id:comment_id>/notes/", together.NotesView.as_view(), name="notes"),
    path(
        "moderation/comments/<comments_id:comment_id>/assignment/", together.AssignmentView.as_view(), name="assignment"
    ),
    path("moderation/notes/<comments_id:note_id>/", together.NoteView.as_view(), name="note"),
    path("moderation/assignees/", together.AssigneesView.as_view(), name="assignees"),
    path("moderation/preferences/", together.PreferencesView.as_view(), name="preferences"),
    path("moderation/comments/<comments_id:comment_id>/decisions/undo/", desk.UndoView.as_view(), name="undo_decision"),
    path("moderation/comments/<comments_id:comment_id>/claim/", desk.ClaimView.as_view(), name="claim_comment"),
    path("moderation/comments/<comments_id:comment_id>/feature/", desk.FeatureView.as_view(), name="feature_comment"),
    path("moderation/comments/<comments_id:comment_id>/pin/", desk.PinView.as_view(), name="pin_comment"),
    path("moderation/bulk/", bulk.BulksView.as_view(), name="bulks"),
    path("moderation/bulk/<comments_id:bulk_id>/", bulk.BulkView.as_view(), name="bulk"),
    path("moderation/bulk/<comments_id:bulk_id>/undo/", bulk.UndoBulkView.as_view(), name="undo_bulk"),
    path("moderation/bulk/<comments_id:bulk_id>/pause/", bulk.PauseBulkView.as_view(), name="pause_bulk"),
    path("moderation/bulk/<comments_id:bulk_id>/resume/", bulk.ResumeBulkView.as_view(), name="resume_bulk"),
    path("moderation/bulk/<comments_id:bulk_id>/stop/", bulk.StopBulkView.as_view(), name="stop_bulk"),
    path("moderation/saved-queues/", saved_queues.SavedQueuesView.as_view(), name="saved_queues"),
    path("moderation/saved-queues/<comments_id:queue_id>/", saved_queues.SavedQueueView.as_view(), name="saved_queue"),
    path("moderation/numbers/", numbers.NumbersView.as_view(), name="moderation_numbers"),
    path("moderation/models/", learning.ModelsView.as_view(), name="scoring_models"),
    path("moderation/models/refit/", learning.RefitView.as_view(), name="refit_scoring_model"),
    path("moderation/models/<comments_id:number>/use/", learning.UseModelView.as_view(), name="use_scoring_model"),
    path("moderation/auto-approval/<comments_key:section>/", learning.AutoApprovalView.as_view(), name="auto_approval"),
    path("moderation/phrases/", deciding.PhrasesView.as_view(), name="phrases"),
    path("moderation/phrases/try/", deciding.TryPhrasesView.as_view(), name="try_phrases"),
    path("moderation/phrases/import/", deciding.ImportPhrasesView.as_view(), name="import_phrases"),
    path("moderation/phrases/export/", deciding.ExportPhrasesView.as_view(), name="export_phrases"),
    path("moderation/phrases/<comments_id:phrase_id>/", deciding.PhraseView.as_view(), name="phrase"),
    path("moderation/settings/", policy.SettingsView.as_view(), name="moderation_settings"),
    path("moderation/settings/<str:name>/", policy.SettingView.as_view(), name="moderation_setting"),
    path("moderation/changes/", policy.ChangesView.as_view(), name="moderation_changes"),
    path("moderation/changes/<comments_id:change_id>/revert/", policy.RevertView.as_view(), name="revert_change"),
    path("moderation/audit/", audit.AuditView.as_view(), name="audit"),
    path("moderation/audit/export/", audit.AuditExportView.as_view(), name="export_audit"),
    path("moderation/roles/", audit.RolesView.as_view(), name="roles"),
    path("moderation/roles/<comments_id:user_id>/", audit.RoleView.as_view(), name="role"),
    path("moderation/rules/", rules.RulesView.as_view(), name="rules"),
    path("moderation/rules/trial/", rules.UnsavedTrialView.as_view(), name="unsaved_trial"),
    path("moderation/rules/<comments_id:rule_id>/", rules.RuleView.as_view(), name="rule"),
    path("moderation/rules/<comments_id:rule_id>/state/", rules.RuleStateView.as_view(), name="rule_state"),
    path("moderation/rules/<comments_id:rule_id>/versions/", rules.RuleVersionsView.as_view(), name="rule_versions"),
    path("moderation/rules/<comments_id:rule_id>/trial/", rules.RuleTrialView.as_view(), name="rule_trial"),
    path("moderation/people/", people.PeopleView.as_view(), name="moderation_people"),
    path("moderation/people/<comments_id:person_id>/", people.PersonView.as_view(), name="moderation_person"),
    path("moderation/people/<comments_id:person_id>/sanctions/", people.SanctionsView.as_view(), name="sanctions"),
    path("moderation/sanctions/", people.PlacesView.as_view(), name="moderation_places"),
    path("moderation/sanctions/<uuid:public_id>/lift/", people.LiftView.as_view(), name="lift_sanction"),
    path("moderation/jobs/<comments_id:job_id>/", jobs.JobView.as_view(), name="job"),
    path("moderation/jobs/<comments_id:job_id>/cancel/", jobs.CancelView.as_view(), name="cancel_job"),
    path("moderation/jobs/<comments_id:job_id>/pause/", jobs.PauseView.as_view(), name="pause_job"),
    path("moderation/jobs/<comments_id:job_id>/resume/", jobs.ResumeView.as_view(), name="resume_job"),
]
if apps.is_installed("drf_spectacular"):
    urlpatterns.append(path("docs/", documentation.DocsView.as_view(), name="docs"))
urlpatterns.append(re_path(r"", nowhere))
