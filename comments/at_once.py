"""Ask for rows of several kinds in one statement, where each kind would be a way to the database of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections, models
from django.db.models import CharField, F, Func, JSONField, QuerySet, TextField, Value, Window
from django.db.models.functions import Cast, RowNumber
from django.utils import timezone

Plain = QuerySet[Any, Any]
"""A query of two columns, both text: what kind a row is, and what it says."""


class _Array(Func):
    """A row as one JSON array, nested for what it is joined with: half as many arguments as an object."""

    output_field = TextField()

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> Any:  # type: ignore[override]
        function = "json_build_array" if connection.vendor == "postgresql" else "json_array"
        return super().as_sql(compiler, connection, function=function, **extra)


class _Json(Func):
    """A JSON column as text, to be read again as Django would."""

    output_field = TextField()

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> Any:  # type: ignore[override]
        inner, params = compiler.compile(self.source_expressions[0])
        return (f"({inner})::text" if connection.vendor == "postgresql" else inner), params


class _Float(Func):
    """A float with all its digits: SQLite's own way to write one in JSON leaves the last ones out."""

    output_field = TextField()

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> Any:  # type: ignore[override]
        inner, params = compiler.compile(self.source_expressions[0])
        if connection.vendor == "postgresql":
            return inner, params
        return f"CASE WHEN {inner} IS NOT NULL THEN printf('%%!.17g', {inner}) END", [*params, *params]


class _Shape:
    """Which columns of a model are read, those that ``select_related`` joins among them."""

    def __init__(self, model: type[models.Model], mask: Mapping[Any, Any], joined: Any, via: str = "") -> None:
        self.model = model
        wanted = [field for field in model._meta.concrete_fields if not mask or field in mask]
        self.columns = [(field, f"{via}{field.attname}") for field in wanted]
        self.joined: list[tuple[Any, _Shape]] = []
        for name, deeper in (joined if isinstance(joined, dict) else {}).items():
            relation: Any = model._meta.get_field(name)
            shape = _Shape(relation.related_model, mask.get(relation, {}), deeper, f"{via}{name}__")
            self.joined.append((relation, shape))

    def expression(self) -> _Array:
        columns = [_written(field, F(path)) for field, path in self.columns]
        return _Array(*columns, *(shape.expression() for _relation, shape in self.joined))

    def read(self, row: list[Any], using: str) -> models.Model | None:
        """Return the instance in ``row``; ``None`` where nothing was joined."""
        names = [field.attname for field, _path in self.columns]
        values = [_value(field, value, using) for (field, _path), value in zip(self.columns, row, strict=False)]
        if values[names.index(self.model._meta.pk.attname)] is None:
            return None
        instance = self.model.from_db(using, names, values)
        for (relation, shape), nested in zip(self.joined, row[len(names) :], strict=True):
            other = shape.read(nested, using)
            relation.set_cached_value(instance, other)
            if other is not None and relation.remote_field and not relation.many_to_one:
                relation.remote_field.set_cached_value(other, instance)
        return instance


def _written(field: models.Field[Any, Any], column: F) -> Any:
    if isinstance(field, JSONField):
        return _Json(column)
    return _Float(column) if isinstance(field, models.FloatField) else column


def _value(field: models.Field[Any, Any], value: Any, using: str) -> Any:
    if value is None:
        return None
    if isinstance(field, JSONField):
        return json.loads(value, cls=field.decoder)
    return field.to_python(_zoned(value, using) if isinstance(field, models.DateTimeField) else value)


def _zoned(written: str, using: str) -> datetime:
    at = datetime.fromisoformat(written)
    # SQLite keeps moments without their zone.
    return at if timezone.is_aware(at) else timezone.make_aware(at, connections[using].timezone)


@dataclass(frozen=True, slots=True)
class Change:
    """A statement that writes, and returns two columns, both text, of what it wrote: its text and its parameters."""

    sql: str
    params: Sequence[Any]


def ask(
    rows: Mapping[str, QuerySet[Any]], plain: Iterable[Plain] = (), change: Change | None = None
) -> tuple[dict[str, list[Any]], list[tuple[str, str]]]:
    """
    Return the instances of each queryset in ``rows`` by its name, in its order, and every row of ``plain``. One query.

    A queryset may join by ``select_related``, ``defer``, be ordered and be sliced; annotations are not kept. Each of
    ``plain`` selects two texts. For some hundreds of rows: each travels as JSON.

    ``change`` is made on the way, and what it returns comes with ``plain``; what is read is as it was before. SQLite
    cannot write and read in one statement: there it is made first, by a query of its own.
    """
    shapes = {
        name: _Shape(found.model, found.query.get_select_mask(), found.query.select_related)
        for name, found in rows.items()
    }
    asked = [_named(name, found, shapes[name]) for name, found in rows.items()]
    first, others = asked[0], [*asked[1:], *plain]
    using = first.db
    kept: dict[str, list[tuple[int, Any]]] = {f"{name}:": [] for name in rows}
    said: list[tuple[str, str]] = []
    # A union keeps the model's own order in newer releases of Django: each row knows its place by itself.
    for kind, row in _answers(first.union(*others, all=True).order_by() if others else first, change):
        if kind in kept:
            place, *columns = json.loads(row, parse_float=str)
            kept[kind].append((place, shapes[kind[:-1]].read(columns, using)))
        else:
            said.append((kind, row))
    return {kind[:-1]: [one for _place, one in sorted(found, key=_place)] for kind, found in kept.items()}, said


def _answers(asked: Plain, change: Change | None) -> Iterable[tuple[str, str]]:
    if change is None:
        return asked
    connection = connections[asked.db]
    sql, params = asked.query.get_compiler(asked.db).as_sql()
    with connection.cursor() as db:
        if connection.vendor == "postgresql":
            together = f"WITH changed AS ({change.sql}) {sql} UNION ALL SELECT * FROM changed"  # noqa: S608
            db.execute(together, [*change.params, *params])
            return list(db.fetchall())
        db.execute(change.sql, change.params)
        return [*db.fetchall(), *asked]


def _place(one: tuple[int, Any]) -> int:
    return one[0]


def _named(name: str, found: QuerySet[Any], shape: _Shape) -> Plain:
    """Return ``found`` as two columns: its name, and each row with its place as JSON."""
    order = list(_order(found))
    if found.query.is_sliced:
        # Parts of a union are not sliced everywhere; what is chosen in them is.
        found = found.model._base_manager.filter(pk__in=found.select_related(None).values("pk"))
    place = Window(RowNumber(), order_by=order) if order else Value(0)
    row = shape.expression()
    row.set_source_expressions([place, *row.get_source_expressions()])
    two: Plain = found.select_related(None).defer(None).order_by()
    return two.values_list(Value(f"{name}:", CharField()), Cast(row, TextField()))


def _order(found: QuerySet[Any]) -> Iterator[Any]:
    """Return what ``found`` is ordered by, as a window takes it."""
    given: Iterable[Any] = found.query.order_by
    usual: Iterable[Any] = found.model._meta.ordering or ()
    yield from given or (usual if found.query.default_ordering else ())
