"""What can go wrong, in words for the person it happens to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from comments.models import Comment


class Refused(Exception):
    """
    Nothing was saved, and ``detail`` says why in a sentence a reader can act on.

    ``code`` is a slug that stays the same for ever, in Python, in the API and in issue reports. ``status`` is the
    HTTP status a door answers with. ``params`` carries facts for machines, such as ``retry_after`` in seconds.
    """

    def __init__(self, code: str, detail: Any, *, status: int = 400, **params: Any) -> None:
        self.code = code
        self.detail = str(detail)
        self.status = status
        self.params = params
        super().__init__(f"{code}: {self.detail}")


class CommentChanged(Refused):
    """The comment is no longer the version the caller looked at; ``comment`` is what it is now."""

    def __init__(self, comment: Comment, detail: Any) -> None:
        super().__init__("comment_changed", detail, status=409)
        self.comment = comment
