"""The nouns. What a comment is stands in :mod:`comments.models.comments`."""

from comments.models.comments import Comment, Fingerprint, Reaction, Revision, Status
from comments.models.decisions import Decider, Decision, DecisionWords, Desk, Finding, Flag, Trigger
from comments.models.discussions import Discussion
from comments.models.integrations import Token
from comments.models.issues import IssueMessage, IssueReport
from comments.models.jobs import Job
from comments.models.learning import Audit, AutoApproval, Lesson, ScoringModel
from comments.models.people import Commenter
from comments.models.policy import HouseRule, HouseRuleVersion, Phrase, PolicyChange, PolicyVersion, Reason, Setting

__all__ = [
    "Audit",
    "AutoApproval",
    "Comment",
    "Commenter",
    "Decider",
    "Decision",
    "DecisionWords",
    "Desk",
    "Discussion",
    "Finding",
    "Fingerprint",
    "Flag",
    "HouseRule",
    "HouseRuleVersion",
    "IssueMessage",
    "IssueReport",
    "Job",
    "Lesson",
    "Phrase",
    "PolicyChange",
    "PolicyVersion",
    "Reaction",
    "Reason",
    "Revision",
    "ScoringModel",
    "Setting",
    "Status",
    "Token",
    "Trigger",
]
