"""What the newspaper's own templates say in words."""

from __future__ import annotations

from django import template
from django.utils.formats import number_format
from django.utils.translation import ngettext

register = template.Library()


@register.filter
def in_comments(count: int) -> str:
    """Return "1,234 comments", grouped as the language groups numbers."""
    said = ngettext("%(counter)s comment", "%(counter)s comments", count)
    return said % {"counter": number_format(count, force_grouping=True)}
