"""The nouns. What a comment is stands in :mod:`comments.models.comments`."""

from comments.models.comments import Comment, Reaction, Revision, Status
from comments.models.decisions import Decider, Decision, DecisionWords, Desk, Finding, Trigger
from comments.models.discussions import Discussion
from comments.models.integrations import Token
from comments.models.issues import IssueMessage, IssueReport
from comments.models.people import Commenter
from comments.models.policy import Phrase, Reason

__all__ = [
    "Comment",
    "Commenter",
    "Decider",
    "Decision",
    "DecisionWords",
    "Desk",
    "Discussion",
    "Finding",
    "IssueMessage",
    "IssueReport",
    "Phrase",
    "Reaction",
    "Reason",
    "Revision",
    "Status",
    "Token",
    "Trigger",
]
