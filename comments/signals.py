"""
Sent after the transaction has committed, never inside it.

Each carries ``comment`` (a :class:`comments.models.Comment`) and is sent robustly: a listener that fails is logged
and stops nobody else.
"""

from django.dispatch import Signal

comment_received = Signal()
"""Someone posted or edited; the text waits for screening."""

comment_decided = Signal()
"""``decision`` was written: the comment was published, held, rejected or withdrawn."""

discussion_changed = Signal()
"""``discussion`` was opened, closed or configured."""
