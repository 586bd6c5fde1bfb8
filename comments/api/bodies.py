"""What a call brings along: one JSON object, with the fields we know and no others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from drf_spectacular.drainage import set_override
from drf_spectacular.utils import extend_schema_field
from rest_framework import parsers, serializers
from rest_framework.request import Request

from comments.exceptions import Refused

MOST_BYTES = 256 * 1024
"""Largest body read: the longest comment with every character written as ``\\ud83d\\ude00`` fits twice."""
LARGEST_ID = 2**63 - 1


class JSONObject(parsers.BaseParser):
    """
    One JSON object in UTF-8, as RFC 8259 has it and no more.

    Refused: ``NaN`` and ``Infinity``, a field named twice (two readers could read it differently), nesting or numbers
    beyond what Python takes, and anything around the object.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        raw = stream.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise Refused(
                "too_large",
                _("The body is larger than %(maximum)d bytes.") % {"maximum": MOST_BYTES},
                status=413,
                maximum=MOST_BYTES,
            )
        try:
            said = json.loads(raw.decode(), parse_constant=_no_constant, object_pairs_hook=_once_each)
        except (ValueError, RecursionError):
            raise Refused("malformed", _("The body is not JSON.")) from None
        if not isinstance(said, dict):
            raise Refused("malformed", _("The body has to be a JSON object."))
        return said


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is named twice")
    return found


def read(request: Request, form: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """Return the body as ``form`` reads it. Raise ``Refused`` or a ``ValidationError`` for anything else in it."""
    body = form(data=request.data)
    unknown = sorted(set(request.data) - set(body.fields))
    if unknown:
        raise Refused(
            "unknown_field",
            _("These fields are not known here: %(fields)s.") % {"fields": ", ".join(unknown)[:500]},
            errors={name[:100]: [_("There is no such field.")] for name in unknown[:20]},
        )
    body.is_valid(raise_exception=True)
    found: dict[str, Any] = body.validated_data
    return found


class Line(serializers.CharField):
    """Text that is text already, kept as it was sent."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **options})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Number(serializers.IntegerField):
    """A whole number that the database can hold: an id or a version."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": 1, "max_value": LARGEST_ID, **options})

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


def one_of(choices: Iterable[tuple[str, Any] | str]) -> dict[str, Any]:
    """Describe a text that is one of ``choices``. Written out in place: named enums of many apps collide by name."""
    pairs = [(choice, choice) if isinstance(choice, str) else choice for choice in choices]
    return {"type": "string", "oneOf": [{"enum": [value], "title": str(label)} for value, label in pairs]}


class Choice(serializers.ChoiceField):
    """One of a few words."""

    def __init__(self, choices: Any, **options: Any) -> None:
        super().__init__(choices=choices, **options)
        set_override(self, "field", one_of(choices))

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input="?")
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": 10_000})
class Words(serializers.Field[Any, Any, Any, Any]):
    """What a reader wrote, handed on untouched: the verbs say what they take, in the same words at every door."""

    def to_internal_value(self, data: Any) -> Any:
        return data


@extend_schema_field(
    {"type": "object", "additionalProperties": {"type": "string", "maxLength": 500}, "maxProperties": 20}
)
class Facts(serializers.Field[Any, Any, Any, Any]):
    """A few named lines of text."""

    default_error_messages = {"invalid": "Up to 20 named texts of at most 500 characters each."}

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if not isinstance(data, dict) or len(data) > 20:
            self.fail("invalid")
        name, line = Line(max_length=40), Line(max_length=500, allow_blank=True)
        return {name.run_validation(key): line.run_validation(value) for key, value in data.items()}


@extend_schema_field({"type": "object", "additionalProperties": True})
class Given(serializers.Field[Any, Any, Any, Any]):
    """An object that a verb reads and complains about in its own words, handed on untouched."""

    def to_internal_value(self, data: Any) -> Any:
        return data
