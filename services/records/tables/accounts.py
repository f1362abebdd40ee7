"""Accounts, their signed-in browsers, one-time links and second factors, and failed sign-ins."""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import field_validator
from sqlalchemy import BigInteger, Connection, event
from sqlalchemy.orm import Mapper
from sqlmodel import Field, SQLModel

from services.records.columns import PUBLIC_ID, REAL, SHA256, TABLE_OPTIONS, Checked, UtcTime, new_public_id, now, words
from services.records.text import clean_line, fold, same

SEARCH_LENGTH = 700
ADDRESS = re.compile(r"""[^@\s,;:<>"()\[\]\\]+@[^@\s,;:<>"()\[\]\\]+\.[^@\s,;:<>"()\[\]\\]+""")


class Role(StrEnum):
    """What a person is here; see services/records/rights.py for what each may do."""

    ADMIN = "admin"
    DOCTOR = "doctor"
    PATIENT = "patient"
    RESEARCHER = "researcher"


class Purpose(StrEnum):
    """What a one-time link is for."""

    INVITATION = "invitation"
    RESET = "reset"


def _one_address(value: str | None) -> str | None:
    # One address and nothing around it; whether it exists, only a mail can tell.
    if value and not ADDRESS.fullmatch(value):
        raise ValueError("must be one address such as name@hospital.org; check it")
    return value or None


class UserBase(SQLModel):
    """What an account is called and may do; ``email`` is None where mail cannot reach the person."""

    username: str = Field(max_length=64, title="user name", unique=True)
    full_name: str = Field(min_length=1, max_length=200, title="full name")
    role: Role = Field(sa_type=words(Role))
    email: str | None = Field(default=None, max_length=254, title="e-mail address")


class Profile(Checked, SQLModel):
    """What people may change about themselves."""

    full_name: str = Field(min_length=1, max_length=200, title="full name")
    email: str | None = Field(default=None, max_length=254, title="e-mail address")

    _clean = field_validator("full_name", "email", mode="before")(clean_line)
    _reachable = field_validator("email")(_one_address)


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

    _clean = field_validator("full_name", "email", mode="before")(clean_line)
    _reachable = field_validator("email")(_one_address)


class User(UserBase, table=True):
    """An account; ``password_hash`` is Argon2id's own text with its costs and salt, "" before an invitation is taken.

    ``search_key`` is a folded copy of both names for finding (see text.py), written with every change. Until
    ``images_until`` an administrator may see images.
    """

    __tablename__ = "user"
    __table_args__ = (TABLE_OPTIONS,)

    id: int | None = Field(default=None, primary_key=True)
    public_id: uuid.UUID = Field(default_factory=new_public_id, sa_type=PUBLIC_ID, unique=True)
    search_key: str = Field(default="", max_length=SEARCH_LENGTH)
    password_hash: str = Field(max_length=255, repr=False)
    active: bool = True
    demo: bool = False
    created: datetime = Field(default_factory=now, sa_type=UtcTime())
    images_until: datetime | None = Field(default=None, sa_type=UtcTime())

    @property
    def sees_images(self) -> bool:
        """Whether the right to see images was given and has not ended."""
        return _to_come(self.images_until)


@event.listens_for(User, "before_insert")
@event.listens_for(User, "before_update")
def _fold_names(_mapper: Mapper[User], _connection: Connection, user: User) -> None:
    user.search_key = fold(f"{user.username} {user.full_name}")[:SEARCH_LENGTH]


class UserPublic(UserBase):
    """What an administrator sees of an account."""

    model_config = {"frozen": True}

    public_id: uuid.UUID
    active: bool
    demo: bool
    created: datetime
    images_until: datetime | None = None

    @property
    def sees_images(self) -> bool:
        """Whether the right to see images was given and has not ended."""
        return _to_come(self.images_until)


def _to_come(moment: datetime | None) -> bool:
    return moment is not None and moment > now()


class SignInSession(SQLModel, table=True):
    """One signed-in browser; only SHA-256 of its token is kept, so a copy of the table opens nothing.

    ``device`` is the browser in words, ``address`` the network address that signed in.
    """

    __tablename__ = "sign_in_session"
    __table_args__ = (TABLE_OPTIONS,)

    id: int | None = Field(default=None, primary_key=True)
    public_id: uuid.UUID = Field(default_factory=new_public_id, sa_type=PUBLIC_ID, unique=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    device: str = Field(default="", max_length=80)
    address: str = Field(default="", max_length=64)
    token_hash: str = Field(sa_type=SHA256, unique=True, repr=False)
    created: datetime = Field(sa_type=UtcTime())
    last_seen: datetime = Field(sa_type=UtcTime())
    expires: datetime = Field(sa_type=UtcTime(), index=True)
    revoked: datetime | None = Field(default=None, sa_type=UtcTime())


class SignInThrottle(SQLModel, table=True):
    """Recent failures of one kind for one name or address; ``score`` halves with time (see throttle.py)."""

    __tablename__ = "sign_in_throttle"
    __table_args__ = (TABLE_OPTIONS,)

    key_hash: str = Field(sa_type=SHA256, primary_key=True)
    score: float = Field(sa_type=REAL)
    updated: datetime = Field(sa_type=UtcTime(), index=True)


class OneTimeLink(SQLModel, table=True):
    """A link that sets an account's password once; only SHA-256 of its secret is kept.

    It opens the account only while that has the ``role`` that the link was made for.
    """

    __tablename__ = "one_time_link"
    __table_args__ = (TABLE_OPTIONS,)

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    role: Role = Field(sa_type=words(Role))
    purpose: Purpose = Field(sa_type=words(Purpose))
    secret_hash: str = Field(sa_type=SHA256, unique=True, repr=False)
    created: datetime = Field(sa_type=UtcTime())
    expires: datetime = Field(sa_type=UtcTime(), index=True)
    used: datetime | None = Field(default=None, sa_type=UtcTime())


class SecondFactor(SQLModel, table=True):
    """The secret that an account shares with a person's authenticator, sealed (see second_factor.py).

    ``last_step`` is the number of the time step whose code was taken last: it and those before it open nothing more.
    """

    __tablename__ = "second_factor"
    __table_args__ = (TABLE_OPTIONS,)

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user.id", unique=True)
    sealed_secret: str = Field(max_length=255, repr=False)
    last_step: int = Field(sa_type=BigInteger)
    since: datetime = Field(default_factory=now, sa_type=UtcTime())


class RecoveryCode(SQLModel, table=True):
    """A code that stands in once for a lost authenticator; only its SHA-256 is kept."""

    __tablename__ = "recovery_code"
    __table_args__ = (TABLE_OPTIONS,)

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    code_hash: str = Field(sa_type=SHA256, repr=False)
    used: datetime | None = Field(default=None, sa_type=UtcTime())
