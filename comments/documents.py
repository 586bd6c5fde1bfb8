"""
Rows that travel to PostgreSQL as one JSON document.

Bound one by one, or as an array for each column, each of their values is quoted by itself, in Python: for some hundred
rows that takes longer than what PostgreSQL does with them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection


def written(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return ``rows`` as a document: moments, UUIDs and decimal numbers as PostgreSQL reads them."""
    return json.dumps([*rows], default=_told)


def _told(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def table(columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> tuple[str, list[Any]]:
    """
    Return the query that is a table of ``rows``, and its parameters: what stands in a ``WITH`` as ``(query)``.

    ``columns`` are their names, plain words, with PostgreSQL's types. Moments are as ``adapt_datetimefield_value`` left
    them. At least one row.
    """
    if connection.vendor == "postgresql":
        named = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        document = written(dict(zip(columns, row, strict=True)) for row in rows)
        return f"SELECT * FROM json_to_recordset(%s) AS given ({named})", [document]  # noqa: S608
    marks = f"({', '.join(['%s'] * len(columns))})"
    given = [*rows]
    return f"VALUES {', '.join([marks] * len(given))}", [value for row in given for value in row]
