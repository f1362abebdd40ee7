"""Rows that name the vault's files."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from pydantic import field_validator
from sqlalchemy import BigInteger, UniqueConstraint
from sqlmodel import Field, SQLModel

from services.records.columns import SHA256, TABLE_OPTIONS, Checked, UtcTime, now
from services.records.text import printable_name

WHOLE = 0


class FileBase(SQLModel):
    """A file that a study owns; ``kind`` says what it is to the study, ``name`` what its owner called it."""

    kind: str = Field(max_length=32, title="kind of file")
    media_type: str = Field(max_length=100, title="media type")
    name: str = Field(min_length=1, max_length=255, title="file name")


class FileCreate(Checked, FileBase):
    """A file to be stored; only the last part of ``name`` is kept, and it never becomes a path."""

    @field_validator("name", mode="before")
    @classmethod
    def _last_part(cls, value: Any) -> Any:
        return printable_name(value) if isinstance(value, str) else value

    @field_validator("kind")
    @classmethod
    def _a_word(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", value, re.ASCII):
            raise ValueError("must be a lower-case word; use upload, heat_map or report")
        return value

    @field_validator("media_type")
    @classmethod
    def _two_parts(cls, value: str) -> str:
        if not re.fullmatch(r"[\w.+-]+/[\w.+-]+", value, re.ASCII):
            raise ValueError("must look like image/png; pass the file's own")
        return value


class FilePublic(FileBase):
    """What a person who may see the study sees of its file; ``size`` in bytes, ``sha256`` as hex digits.

    ``image`` is the number of the image that it belongs to, WHOLE for the study as a whole.
    """

    model_config = {"frozen": True}

    image: int
    version: int
    sha256: str
    size: int
    created: datetime


class StudyFile(FileBase, table=True):
    """A row that names a file of the vault by its content; the highest ``version`` of a kind is in force.

    ``image`` is the number of the image that the file belongs to, WHOLE for what belongs to the study as a whole.
    """

    __tablename__ = "file"
    __table_args__ = (UniqueConstraint("study_id", "image", "kind", "version"), TABLE_OPTIONS)

    id: int | None = Field(default=None, primary_key=True)
    study_id: int = Field(foreign_key="study.id")
    image: int = Field(default=WHOLE, ge=0)
    version: int = Field(default=1, ge=1)
    sha256: str = Field(sa_type=SHA256, index=True)
    size: int = Field(sa_type=BigInteger)
    created: datetime = Field(default_factory=now, sa_type=UtcTime())
