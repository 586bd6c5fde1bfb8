"""
Rows that travel to PostgreSQL as one JSON document.

Bound one by one, or as an array for each column, each of their values is quoted by itself, in Python: for some hundred
rows that takes longer than what PostgreSQL does with them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.functional import Promise


def written(rows: Iterable[Mapping[str, Any]]) -> str:
    """
    Return ``rows`` as a document: days, moments, UUIDs, decimals and translated sentences as PostgreSQL reads them.

    Raise ``TypeError`` for anything else that is not JSON.
    """
    return json.dumps([*rows], default=_told)


def _told(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID | Decimal | Promise):
        return str(value)
    raise TypeError(f"A {type(value).__name__} has no place in a row.")


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
