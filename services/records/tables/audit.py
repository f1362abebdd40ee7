"""What was done, by whom, from where; and the end of the chain that the events form."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from services.records.columns import SHA256, TABLE_OPTIONS, UtcTime, words


class Outcome(StrEnum):
    """How an audited action ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class AuditEvent(SQLModel, table=True):
    """Who did what to which object, from where, and how it ended; rows are only ever added, by audit.record.

    ``id`` is the event's number: 1, 2, 3 and so on without a gap. ``user_id`` is None where nobody was signed in;
    ``who`` is the user name at that time, ``address`` the network address that was asked from, where it is known.
    ``form`` says which bytes ``hash`` is of, and ``previous`` is the hash of the event before (see chain.py).
    """

    __tablename__ = "audit_event"
    __table_args__ = (
        # Each filter of the trail, newest first; see trail.py.
        Index(None, "who", "at"),
        Index(None, "action", "at"),
        Index(None, "object", "at"),
        Index(None, "outcome", "at"),
        TABLE_OPTIONS,
    )

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcTime(), index=True)
    user_id: int | None = Field(default=None, foreign_key="user.id", index=True)
    who: str = Field(max_length=64)
    address: str = Field(max_length=64)
    action: str = Field(max_length=40)
    object: str = Field(max_length=100)
    outcome: Outcome = Field(sa_type=words(Outcome))
    form: int
    previous: str = Field(sa_type=SHA256)
    hash: str = Field(sa_type=SHA256)


class AuditHead(SQLModel, table=True):
    """The one row that says how many events there are and the hash of the last; who adds one holds its lock."""

    __tablename__ = "audit_head"
    __table_args__ = (TABLE_OPTIONS,)

    id: int | None = Field(default=None, primary_key=True)
    count: int
    hash: str = Field(sa_type=SHA256)
