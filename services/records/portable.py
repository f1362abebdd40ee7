"""Rows as JSON that any database of Falx takes back unchanged: times, days and keys as text, the rest as it is."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Column, Date, Enum, Float, Integer, LargeBinary, String, Table, Uuid
from sqlmodel.sql.sqltypes import AutoString

from services.errors import InvalidRecord
from services.records.columns import AsJson, UtcTime


class _Form(NamedTuple):
    to_json: Callable[[Any], Any]
    from_json: Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _form(column: Column[Any]) -> _Form:
    """How the values of a column are written and read."""
    match column.type:
        case UtcTime():
            return _Form(datetime.isoformat, datetime.fromisoformat)
        case AsJson():
            return _Form(_same, _tuples)
        case Date():
            return _Form(date.isoformat, date.fromisoformat)
        case Uuid():
            return _Form(lambda value: value.hex, uuid.UUID)
        case Enum(enum_class=choices) if choices is not None:
            return _Form(lambda value: value.value, choices)
        case LargeBinary():
            return _Form(lambda value: base64.b64encode(value).decode(), base64.b64decode)
        case Boolean() | Integer() | Float() | String() | AutoString():
            return _Form(_same, _same)
    raise NotImplementedError(f"{column.table.name}.{column.name}: say in portable.py how {column.type!r} is written.")


def write_line(table: Table, row: Mapping[str, Any]) -> str:
    """One row as a line of JSON, its fields by the names of the columns."""
    forms = {column.name: _form(column) for column in table.columns}
    values = {name: None if row[name] is None else form.to_json(row[name]) for name, form in forms.items()}
    return json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read_line(table: Table, line: str) -> dict[str, Any]:
    """The row of a line that ``write_line`` made. Raises InvalidRecord for any other."""
    try:
        found = json.loads(line)
        if found.keys() != {column.name for column in table.columns}:
            raise ValueError("other columns")
        return {
            column.name: None if found[column.name] is None else _form(column).from_json(found[column.name])
            for column in table.columns
        }
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise InvalidRecord(f"A row of the table {table.name} in this backup cannot be read. Take another.") from error
