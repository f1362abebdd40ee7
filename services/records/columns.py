"""Column types that behave alike on SQLite and MariaDB, and the base of every model that people fill in."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import ValidationError
from sqlalchemy import ColumnElement, DateTime, Dialect, Double, String, Text, Uuid
from sqlalchemy import Enum as SqlEnum
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import SQLModel

from services.errors import InvalidRecord

# MariaDB's default character set and collation depend on the server; names of any script need these. The collation
# compares code points, as SQLite does.
TABLE_OPTIONS = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
SQLModel.metadata.naming_convention = NAMES


# Behind every text that begins with another one.
LAST_LETTER = "\U0010ffff"


def begins(column: Any, beginning: str) -> ColumnElement[bool]:
    """The condition that a text begins so; an index on the column serves it, which one for LIKE need not."""
    asked: ColumnElement[bool] = column.between(beginning, beginning + LAST_LETTER)
    return asked


def now() -> datetime:
    """The present moment in UTC, to the microsecond."""
    return datetime.now(UTC)


def past_day(value: date | None, earliest: date) -> date | None:
    """``value`` if it lies between ``earliest`` and a day that has begun somewhere on earth, else ValueError."""
    if value is not None and not earliest <= value <= now().date() + timedelta(days=1):
        raise ValueError(f"must lie between {earliest:%Y} and today; check the year")
    return value


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC to the microsecond; takes aware datetimes only and gives them back aware."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """MariaDB drops fractions of a second unless asked for six digits."""
        return dialect.type_descriptor(mysql.DATETIME(fsp=6) if dialect.name == "mysql" else DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC without a zone, which is what both databases store; ValueError for a time without one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; use columns.now()")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Back to an aware datetime."""
        return None if value is None else value.replace(tzinfo=UTC)


class AsJson(TypeDecorator[tuple[Any, ...]]):
    """A tuple of words, or of (word, number) pairs, as JSON text.

    Pairs in an array keep the order of the classes, which MySQL's JSON objects lose; text, because MariaDB's JSON is
    text under another name and MySQL's is not. Python writes the shortest digits that read back as the same float.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[Any, ...] | None, dialect: Dialect) -> str | None:
        """To JSON text."""
        return None if value is None else json.dumps(value, ensure_ascii=False, allow_nan=False)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> tuple[Any, ...] | None:
        """From JSON text."""
        if value is None:
            return None
        return tuple(tuple(item) if isinstance(item, list) else item for item in json.loads(value))


def words(choices: type[StrEnum]) -> SqlEnum:
    """A column that holds one of ``choices`` as its value in plain text, so that a new choice needs no migration."""
    return SqlEnum(
        choices, native_enum=False, length=16, values_callable=lambda c: [m.value for m in c], validate_strings=True
    )


# Explicit, because a float is single precision on MariaDB and its own UUID type exists nowhere else.
REAL: Double[float] = Double()
PUBLIC_ID = Uuid(native_uuid=False)
SHA256 = String(64)


def new_public_id() -> uuid.UUID:
    """A key that may be shown: random, so that nobody can guess another."""
    return uuid.uuid4()


class Checked(SQLModel):
    """Base of the models that people fill in: what does not fit raises InvalidRecord, a sentence a field."""

    def __init__(self, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise InvalidRecord(" ".join(_sentence(self, e["loc"], e["type"], e) for e in error.errors())) from None


def _sentence(model: Checked, location: tuple[int | str, ...], kind: str, error: Any) -> str:
    key = str(location[0]) if location else ""
    known = type(model).model_fields.get(key)
    label = (known.title if known and known.title else key.replace("_", " ")) or "record"
    context = error.get("ctx", {})
    if kind == "missing" or (kind == "string_too_short" and not error["input"]):
        return f"The {label} is missing: fill it in."
    if kind == "string_too_long":
        return f"The {label} is longer than {context['max_length']} characters: shorten it."
    if kind == "value_error":
        reason = str(context["error"])
        return f"The {label} {reason}." if key else f"{reason[0].upper()}{reason[1:]}."
    return f"The {label} cannot be stored as it is: {error['msg'][0].lower()}{error['msg'][1:]}."
