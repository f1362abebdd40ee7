"""What a doctor says of a study, and what of it the patient may read."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import field_validator, model_validator
from sqlalchemy import Text
from sqlmodel import Field, SQLModel

from services.records.columns import TABLE_OPTIONS, Checked, UtcTime, now, words
from services.records.text import clean_line, clean_text


class Decision(StrEnum):
    """Whether the doctor agrees with the model's verdict or overrides it."""

    AGREE = "agree"
    OVERRIDE = "override"


class ReviewBase(SQLModel):
    """A doctor's reading. ``label`` is a class of the study's task, or task.OTHER or task.INDETERMINATE."""

    decision: Decision = Field(sa_type=words(Decision))
    label: str = Field(default="", max_length=64, title="finding")
    reason: str = Field(default="", max_length=2000, sa_type=Text)


class ReviewCreate(Checked, ReviewBase):
    """A review as given: who agrees names no finding, who overrides names one and says why."""

    _text = field_validator("reason", mode="before")(clean_text)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.decision is Decision.AGREE and self.label:
            raise ValueError("a review that agrees takes the model's finding; leave the finding out, or override")
        if self.decision is Decision.OVERRIDE and not self.label:
            raise ValueError("an override needs a finding of its own; choose one")
        if self.decision is Decision.OVERRIDE and not self.reason:
            raise ValueError("an override needs a reason; write why the finding differs")
        return self


class Review(ReviewBase, table=True):
    """A stored review; the one that is not ``superseded`` by a later one is in force."""

    __tablename__ = "review"
    __table_args__ = (TABLE_OPTIONS,)

    id: int | None = Field(default=None, primary_key=True)
    study_id: int = Field(foreign_key="study.id", index=True)
    reviewer_id: int = Field(foreign_key="user.id", index=True)
    created: datetime = Field(default_factory=now, sa_type=UtcTime())
    superseded: datetime | None = Field(default=None, sa_type=UtcTime())


class ReviewPublic(ReviewBase):
    """What a person who may see the study sees of a review; ``reviewer`` is a full name."""

    model_config = {"frozen": True}

    reviewer: str
    created: datetime
    superseded: datetime | None


class ReleaseBase(SQLModel):
    """The doctor's words to the patient."""

    note: str = Field(min_length=1, max_length=4000, sa_type=Text, title="note to the patient")


class ReleaseCreate(Checked, ReleaseBase):
    """A release as given."""

    _text = field_validator("note", mode="before")(clean_text)


class ReasonCreate(Checked):
    """Why something is taken back or deleted."""

    reason: str = Field(min_length=1, max_length=500)

    _line = field_validator("reason", mode="before")(clean_line)


class Release(ReleaseBase, table=True):
    """A stored release; the one that is not ``withdrawn`` is in force."""

    __tablename__ = "study_release"
    __table_args__ = (TABLE_OPTIONS,)

    id: int | None = Field(default=None, primary_key=True)
    study_id: int = Field(foreign_key="study.id", index=True)
    released_by_id: int = Field(foreign_key="user.id", index=True)
    created: datetime = Field(default_factory=now, sa_type=UtcTime())
    withdrawn: datetime | None = Field(default=None, sa_type=UtcTime())
    withdrawn_by_id: int | None = Field(default=None, foreign_key="user.id", index=True)
    withdrawal_reason: str = Field(default="", max_length=500)


class ReleasePublic(ReleaseBase):
    """What a person who may see the study sees of a release."""

    model_config = {"frozen": True}

    released_by: str
    created: datetime
    withdrawn: datetime | None
    withdrawal_reason: str
