"""What was done, by whom."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, SQLModel

from services.records.columns import TABLE_OPTIONS, UtcTime, now, words


class Outcome(StrEnum):
    """How an audited action ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class AuditEvent(SQLModel, table=True):
    """Who did what to which object, and how it ended; rows are only ever added.

    ``user_id`` is None where nobody was signed in; ``who`` is the user name at that time.
    """

    __tablename__ = "audit_event"
    __table_args__ = (TABLE_OPTIONS,)

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(default_factory=now, sa_type=UtcTime(), index=True)
    user_id: int | None = Field(default=None, foreign_key="user.id", index=True)
    who: str = Field(max_length=64)
    action: str = Field(max_length=40)
    object: str = Field(max_length=100)
    outcome: Outcome = Field(sa_type=words(Outcome))
