"""
Sent after the transaction has committed, never inside it.

Those about comments carry ``comment`` (a :class:`comments.models.Comment`). All are sent robustly: a listener that
fails is logged and stops nobody else.
"""

from django.dispatch import Signal

comment_received = Signal()
"""Someone posted or edited; the text waits for screening."""

comment_decided = Signal()
"""``decision`` was written: the comment was published, held, rejected or withdrawn."""

comments_decided = Signal()
"""
``decisions`` were written together, in bulk, by the hundred. ``comment_decided`` is sent for each as well; who has to
ask the database about a decision leaves those with a ``bulk_id`` to this one, and asks once.
"""

discussion_changed = Signal()
"""``discussion`` was opened, closed or configured."""

delivery_written = Signal()
"""``delivery_id``: a mail or a message to another program waits to be sent."""

job_begun = Signal()
"""``job_id``: a job was written down that may begin at once."""

issue_reported = Signal()
"""``report_id``: a reader let us know of trouble, and the report is saved."""
