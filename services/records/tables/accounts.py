"""Accounts, their signed-in browsers, and failed sign-ins."""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import field_validator
from sqlmodel import Field, SQLModel

from services.records.columns import PUBLIC_ID, REAL, SHA256, TABLE_OPTIONS, Checked, UtcTime, new_public_id, now, words
from services.records.text import clean_line, same


class Role(StrEnum):
    """What a person is here; see services/records/rights.py for what each may do."""

    ADMIN = "admin"
    DOCTOR = "doctor"
    PATIENT = "patient"
    RESEARCHER = "researcher"


class UserBase(SQLModel):
    """What an account is called and may do."""

    username: str = Field(max_length=64, title="user name", unique=True)
    full_name: str = Field(min_length=1, max_length=200, title="full name")
    role: Role = Field(sa_type=words(Role))


class UserCreate(Checked, UserBase):
    """A new account. ``username`` becomes lower case; it is 2 to 64 letters, digits and . _ - + @."""

    @field_validator("username", mode="before")
    @classmethod
    def _same_username(cls, value: Any) -> Any:
        return same(clean_line(value)) if isinstance(value, str) else value

    @field_validator("username")
    @classmethod
    def _plain_username(cls, value: str) -> str:
        if not re.fullmatch(r"[\w.@+-]{2,}", value):
            raise ValueError("must be at least two letters, digits or the signs . _ - + @; choose another")
        return value

    _clean = field_validator("full_name", mode="before")(clean_line)


class User(UserBase, table=True):
    """An account; ``password_hash`` is Argon2id's own text with its costs and salt."""

    __tablename__ = "user"
    __table_args__ = (TABLE_OPTIONS,)

    id: int | None = Field(default=None, primary_key=True)
    public_id: uuid.UUID = Field(default_factory=new_public_id, sa_type=PUBLIC_ID, unique=True)
    password_hash: str = Field(max_length=255, repr=False)
    active: bool = True
    demo: bool = False
    created: datetime = Field(default_factory=now, sa_type=UtcTime())


class UserPublic(UserBase):
    """What an administrator sees of an account."""

    model_config = {"frozen": True}

    public_id: uuid.UUID
    active: bool
    demo: bool
    created: datetime


class SignInSession(SQLModel, table=True):
    """One signed-in browser; only SHA-256 of its token is kept, so a copy of the table opens nothing."""

    __tablename__ = "sign_in_session"
    __table_args__ = (TABLE_OPTIONS,)

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    token_hash: str = Field(sa_type=SHA256, unique=True, repr=False)
    created: datetime = Field(sa_type=UtcTime())
    last_seen: datetime = Field(sa_type=UtcTime())
    expires: datetime = Field(sa_type=UtcTime(), index=True)
    revoked: datetime | None = Field(default=None, sa_type=UtcTime())


class SignInThrottle(SQLModel, table=True):
    """Recent failed sign-ins for one user name, known or not; ``score`` halves with time (see throttle.py)."""

    __tablename__ = "sign_in_throttle"
    __table_args__ = (TABLE_OPTIONS,)

    name_hash: str = Field(sa_type=SHA256, primary_key=True)
    score: float = Field(sa_type=REAL)
    updated: datetime = Field(sa_type=UtcTime(), index=True)
