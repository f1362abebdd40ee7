"""People who are examined."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from enum import StrEnum

from pydantic import field_validator
from sqlmodel import Field, SQLModel

from services.records.columns import PUBLIC_ID, TABLE_OPTIONS, Checked, UtcTime, new_public_id, now, past_day, words
from services.records.text import clean_line, fold, same

EARLIEST_BIRTH = date(1850, 1, 1)
SEARCH_LENGTH = 700


class Sex(StrEnum):
    """As DICOM (0010,0040) has it, and unknown."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


class PatientBase(SQLModel):
    """Identity; ``identifier`` is the hospital's number, None where there is none."""

    identifier: str | None = Field(default=None, max_length=64, title="hospital identifier")
    name: str = Field(min_length=1, max_length=200, title="patient's name")
    birth_date: date | None = Field(default=None, title="birth date")
    sex: Sex = Field(default=Sex.UNKNOWN, sa_type=words(Sex))


class PatientCreate(Checked, PatientBase):
    """A patient as typed; saving a study finds the stored one with the same identifier, or makes a new one."""

    _clean = field_validator("name", "identifier", mode="before")(clean_line)

    @field_validator("identifier")
    @classmethod
    def _none_if_empty(cls, value: str | None) -> str | None:
        return value or None

    @field_validator("birth_date")
    @classmethod
    def _born(cls, value: date | None) -> date | None:
        return past_day(value, EARLIEST_BIRTH)


class Patient(PatientBase, table=True):
    """A patient; ``identifier_key`` and ``search_key`` are folded copies for finding (see text.py).

    ``account_id`` is the account with which they see their own released results, None where they have none.
    """

    __tablename__ = "patient"
    __table_args__ = (TABLE_OPTIONS,)

    id: int | None = Field(default=None, primary_key=True)
    public_id: uuid.UUID = Field(default_factory=new_public_id, sa_type=PUBLIC_ID, unique=True)
    # Case folding makes a text up to three times as long.
    identifier_key: str | None = Field(default=None, max_length=192, unique=True)
    search_key: str = Field(max_length=SEARCH_LENGTH)
    created_by_id: int = Field(foreign_key="user.id", index=True)
    account_id: int | None = Field(default=None, foreign_key="user.id", unique=True)
    created: datetime = Field(default_factory=now, sa_type=UtcTime())

    @classmethod
    def made_from(cls, new: PatientCreate, created_by_id: int) -> Patient:
        """The row of a checked patient."""
        return cls(
            **new.model_dump(),
            identifier_key=same(new.identifier) if new.identifier else None,
            search_key=fold(f"{new.identifier or ''} {new.name}")[:SEARCH_LENGTH],
            created_by_id=created_by_id,
        )


class PatientPublic(PatientBase):
    """What a person who may see the patient sees."""

    model_config = {"frozen": True}

    public_id: uuid.UUID
