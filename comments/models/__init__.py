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
from comments.models.discussions import Discussion
from comments.models.integrations import Delivery, Token
from comments.models.issues import IssueMessage, IssueReport
from comments.models.jobs import Job
from comments.models.learning import Audit, AutoApproval, Lesson, ScoringModel
from comments.models.notifications import Follow, Notification, NotificationPreference, Told
from comments.models.people import Commenter
from comments.models.policy import HouseRule, HouseRuleVersion, Phrase, PolicyChange, PolicyVersion, Reason, Setting
from comments.models.sanctions import Acknowledgement, Appeal, Sanction, SanctionWords

__all__ = [
    "Acknowledgement",
    "Appeal",
    "Assignment",
    "Audit",
    "AuditEntry",
    "AutoApproval",
    "BulkAction",
    "Claim",
    "Comment",
    "Commenter",
    "Decider",
    "Decision",
    "DecisionWords",
    "Delivery",
    "Desk",
    "DeskPreference",
    "Discussion",
    "Finding",
    "Fingerprint",
    "Flag",
    "Follow",
    "HouseRule",
    "HouseRuleVersion",
    "IssueMessage",
    "IssueReport",
    "Job",
    "Lesson",
    "Note",
    "Notification",
    "NotificationPreference",
    "Phrase",
    "PolicyChange",
    "PolicyVersion",
    "Reaction",
    "Reason",
    "Revision",
    "Sanction",
    "SanctionWords",
    "SavedQueue",
    "ScoringModel",
    "SectionAccess",
    "Setting",
    "Status",
    "Token",
    "Told",
    "Trigger",
]
