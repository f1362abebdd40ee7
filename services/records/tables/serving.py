"""Which model versions the trail was last told to serve."""

from __future__ import annotations

from sqlalchemy import Text
from sqlmodel import Field, SQLModel

from services.records.columns import TABLE_OPTIONS


class ServingNoted(SQLModel, table=True):
    """The one row with live.json, as text, up to which the trail has an event of each change.

    Who notes a change holds its lock from before live.json is read until the commit.
    """

    __tablename__ = "serving_noted"
    __table_args__ = (TABLE_OPTIONS,)

    id: int | None = Field(default=None, primary_key=True)
    live: str = Field(sa_type=Text)
