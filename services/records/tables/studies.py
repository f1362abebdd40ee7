"""Examinations and the models' answers to them."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from enum import StrEnum
from typing import Self

from pydantic import field_validator, model_validator
from sqlalchemy import ForeignKeyConstraint, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from services.inference.prediction import Verdict
from services.records.columns import (
    PUBLIC_ID,
    REAL,
    TABLE_OPTIONS,
    AsJson,
    Checked,
    UtcTime,
    new_public_id,
    now,
    past_day,
    words,
)
from services.records.text import clean_line, clean_text

EARLIEST_STUDY = date(1895, 1, 1)


class State(StrEnum):
    """How far a study has come: it awaits a doctor's review, was reviewed, or was released to the patient."""

    AWAITING = "awaiting"
    REVIEWED = "reviewed"
    RELEASED = "released"


class StudyBase(SQLModel):
    """One examination of a patient: what was asked of it and when it was."""

    task: str = Field(max_length=64)
    study_date: date = Field(title="study date")
    description: str = Field(default="", max_length=200)
    notes: str = Field(default="", max_length=4000, sa_type=Text)


class StudyCreate(Checked, StudyBase):
    """Study details as the upload and the form give them."""

    _line = field_validator("task", "description", mode="before")(clean_line)
    _text = field_validator("notes", mode="before")(clean_text)

    @field_validator("study_date")
    @classmethod
    def _taken(cls, value: date) -> date | None:
        return past_day(value, EARLIEST_STUDY)


class Study(StudyBase, table=True):
    """A stored study; ``reader_id`` is the user who made it and sees it, ``leading_image`` the number of one image.

    That image's own answer is the study's, by the rule of services.inference.leading.

    A study with a moment in ``deleted`` is seen by nobody until it is restored, or purged with all that belongs to it.
    """

    __tablename__ = "study"
    __table_args__ = (
        # The history of one reader, newest first, the same by day, and what awaits them.
        Index(None, "reader_id", "created", "public_id"),
        Index(None, "reader_id", "study_date", "public_id"),
        Index(None, "reader_id", "state", "created", "public_id"),
        Index(None, "patient_id", "reader_id"),
        Index(None, "reader_id", "task", "created", "public_id"),
        Index(None, "reader_id", "task", "study_date", "public_id"),
        # All studies, newest first, and by day.
        Index(None, "created", "public_id"),
        Index(None, "study_date", "public_id"),
        Index(None, "task", "study_date", "public_id"),
        TABLE_OPTIONS,
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: uuid.UUID = Field(default_factory=new_public_id, sa_type=PUBLIC_ID, unique=True)
    patient_id: int = Field(foreign_key="patient.id")
    reader_id: int = Field(foreign_key="user.id")
    created: datetime = Field(default_factory=now, sa_type=UtcTime())
    leading_image: int = Field(default=1, ge=1)
    state: State = Field(default=State.AWAITING, sa_type=words(State))
    deleted: datetime | None = Field(default=None, sa_type=UtcTime())
    deleted_by_id: int | None = Field(default=None, foreign_key="user.id", index=True)
    deletion_reason: str = Field(default="", max_length=500)


class PredictionBase(SQLModel):
    """A model's answer to an image, as services.inference.prediction.Prediction has it, and how it was explained.

    ``second_opinion`` is (task, network, version, label, confidence, 1 or 0 for whether it agrees), if one was given.
    """

    task: str = Field(max_length=64)
    network: str = Field(max_length=64)
    version: str = Field(max_length=32)
    label: str = Field(max_length=64)
    confidence: float = Field(ge=0, le=1, sa_type=REAL)
    threshold: float = Field(ge=0, le=1, sa_type=REAL)
    verdict: Verdict = Field(sa_type=words(Verdict))
    probabilities: tuple[tuple[str, float], ...] = Field(sa_type=AsJson())
    milliseconds: float = Field(ge=0, le=1e9, sa_type=REAL)
    heat_map_method: str = Field(default="", max_length=64, title="heat map's method")
    heat_map_layer: str = Field(default="", max_length=128, title="heat map's layer")
    second_opinion: tuple[str | float, ...] | None = Field(
        default=None, sa_type=AsJson(), nullable=True, title="second opinion"
    )


class PredictionCreate(Checked, PredictionBase):
    """An answer to be stored; contradictions in it are refused, since nobody can mend them later."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        shares = dict(self.probabilities)
        if len(shares) != len(self.probabilities) or not all(0 <= share <= 1 for share in shares.values()):
            raise ValueError("the probabilities must be one number from 0 to 1 a class; run the model again")
        if abs(sum(shares.values()) - 1) > 1e-3:
            raise ValueError("the probabilities do not add up to 1; run the model again")
        if shares.get(self.label) != self.confidence:
            raise ValueError("the confidence is not that of the predicted class; run the model again")
        if self.verdict is Verdict.REFUSED:
            raise ValueError("a refused slice has no prediction; store it without one")
        if (self.verdict is Verdict.ANSWERED) is not (self.confidence >= self.threshold):
            raise ValueError("the verdict contradicts the threshold; run the model again")
        return self


class PredictionRow(PredictionBase, table=True):
    """A stored answer. ``position`` 1 is the image's own; those of other models, asked later, follow it.

    It names its image by study and number, so that the study's own answer is one look into an index.
    """

    __tablename__ = "prediction"
    __table_args__ = (
        ForeignKeyConstraint(["study_id", "image"], ["image.study_id", "image.number"]),
        UniqueConstraint("study_id", "image", "position"),
        UniqueConstraint("study_id", "image", "network", "version"),
        Index(None, "label", "verdict"),
        # Whether a network or a confidence is rare; see filters.py.
        Index(None, "network", "study_id"),
        Index(None, "confidence", "study_id"),
        TABLE_OPTIONS,
    )

    id: int | None = Field(default=None, primary_key=True)
    study_id: int
    image: int = Field(default=1, ge=1)
    position: int = Field(default=1, ge=1)
    created: datetime = Field(default_factory=now, sa_type=UtcTime())
