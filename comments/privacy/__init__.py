"""
My data: what is kept about a person, taken along as a file, and taken away at their wish.

The verbs are about a :class:`~comments.models.Commenter`, so that they hold for guests, too. What is kept stands in one
list, :mod:`comments.privacy.kept`; what becomes of it when somebody leaves in another, :mod:`comments.privacy.erasing`.
"""

from comments.privacy.downloads import download, export, latest, pieces
from comments.privacy.erasing import due, erase
from comments.privacy.leaving import ask_to_erase, cancel, require_may_leave

__all__ = [
    "ask_to_erase",
    "cancel",
    "download",
    "due",
    "erase",
    "export",
    "latest",
    "pieces",
    "require_may_leave",
]
