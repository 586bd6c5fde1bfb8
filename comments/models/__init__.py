"""The nouns. What a comment is stands in :mod:`comments.models.comments`."""

from comments.models.comments import Comment, Fingerprint, Reaction, Revision, Status
from comments.models.decisions import Decider, Decision, DecisionWords, Desk, Finding, Flag, Trigger
from comments.models.desk import (
    Assignment,
    AuditEntry,
    BulkAction,
    Claim,
    DeskPreference,
    Note,
    SavedQueue,
    SectionAccess,
)
from comments.models.discussions import Discussion, Expert
from comments.models.guests import Guest, SpentProof
from comments.models.integrations import Delivery, PublisherAccount, Token
from comments.models.issues import (
    AnswerTemplate,
    DiagnosisCount,
    Failure,
    Incident,
    IncidentUpdate,
    IssueGroup,
    IssueMessage,
    IssueNote,
    IssuePicture,
    IssueReport,
    IssueSplit,
)
from comments.models.jobs import Job
from comments.models.learning import Audit, AutoApproval, Lesson, ScoringModel
from comments.models.notifications import Follow, Notification, NotificationPreference, Told
from comments.models.people import Commenter, Mute, PersonFlag
from comments.models.policy import (
    Guidelines,
    HouseRule,
    HouseRuleVersion,
    Phrase,
    PolicyChange,
    PolicyVersion,
    Reason,
    Setting,
)
from comments.models.privacy import DataExport, DataExportPart, FormerAddress
from comments.models.sanctions import Acknowledgement, Appeal, Sanction, SanctionWords

__all__ = [
    "Acknowledgement",
    "AnswerTemplate",
    "Appeal",
    "Assignment",
    "Audit",
    "AuditEntry",
    "AutoApproval",
    "BulkAction",
    "Claim",
    "Comment",
    "Commenter",
    "DataExport",
    "DataExportPart",
    "Decider",
    "Decision",
    "DecisionWords",
    "Delivery",
    "Desk",
    "DeskPreference",
    "DiagnosisCount",
    "Discussion",
    "Expert",
    "Failure",
    "Finding",
    "Fingerprint",
    "Flag",
    "Follow",
    "FormerAddress",
    "Guest",
    "Guidelines",
    "HouseRule",
    "HouseRuleVersion",
    "Incident",
    "IncidentUpdate",
    "IssueGroup",
    "IssueMessage",
    "IssueNote",
    "IssuePicture",
    "IssueReport",
    "IssueSplit",
    "Job",
    "Lesson",
    "Mute",
    "Note",
    "Notification",
    "NotificationPreference",
    "PersonFlag",
    "Phrase",
    "PolicyChange",
    "PolicyVersion",
    "PublisherAccount",
    "Reaction",
    "Reason",
    "Revision",
    "Sanction",
    "SanctionWords",
    "SavedQueue",
    "ScoringModel",
    "SectionAccess",
    "Setting",
    "SpentProof",
    "Status",
    "Token",
    "Told",
    "Trigger",
]
