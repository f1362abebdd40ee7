"""People who are examined."""

from __future__ import annotations

import re
import uuid
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from pydantic import field_validator
from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from services.records.columns import PUBLIC_ID, TABLE_OPTIONS, Checked, UtcTime, new_public_id, now, past_day, words
from services.records.text import clean_line, clean_text, fold, same

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


class PatientRecord(PatientBase):
    """Identity, and how the patient is reached."""

    phone: str = Field(default="", max_length=40)
    mail: str = Field(default="", max_length=254, title="mail address")
    address: str = Field(default="", max_length=300)
    notes: str = Field(default="", max_length=4000, sa_type=Text)


class PatientCreate(Checked, PatientRecord):
    """A patient as typed; saving a study finds the stored one with the same identifier, or makes a new one."""

    _clean = field_validator("name", "identifier", "phone", "mail", "address", mode="before")(clean_line)
    _text = field_validator("notes", mode="before")(clean_text)

    @field_validator("identifier")
    @classmethod
    def _none_if_empty(cls, value: str | None) -> str | None:
        return value or None

    @field_validator("birth_date")
    @classmethod
    def _born(cls, value: date | None) -> date | None:
        return past_day(value, EARLIEST_BIRTH)

    @field_validator("mail")
    @classmethod
    def _addressed(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
            raise ValueError("must look like name@example.org; check it")
        return value


class Patient(PatientRecord, table=True):
    """A patient; ``identifier_key`` and ``search_key`` are folded copies for finding (see text.py).

    ``account_id`` is the account with which they see their own released results, None where they have none. ``version``
    counts the changes, so that nobody writes over what somebody else has just changed.
    """

    __tablename__ = "patient"
    # All patients, and those whom one doctor entered, newest first.
    __table_args__ = (Index(None, "created"), Index(None, "created_by_id", "created"), TABLE_OPTIONS)

    id: int | None = Field(default=None, primary_key=True)
    public_id: uuid.UUID = Field(default_factory=new_public_id, sa_type=PUBLIC_ID, unique=True)
    # Case folding makes a text up to three times as long.
    identifier_key: str | None = Field(default=None, max_length=192, unique=True)
    search_key: str = Field(max_length=SEARCH_LENGTH)
    created_by_id: int = Field(foreign_key="user.id")
    account_id: int | None = Field(default=None, foreign_key="user.id", unique=True)
    created: datetime = Field(default_factory=now, sa_type=UtcTime())
    version: int = Field(default=1)

    @classmethod
    def made_from(cls, new: PatientCreate, created_by_id: int) -> Patient:
        """The row of a checked patient."""
        return cls(**new.model_dump(), **cls._keys(new), created_by_id=created_by_id)

    def change(self, new: PatientCreate) -> None:
        """Take over what was typed, checked."""
        for name, value in (new.model_dump() | self._keys(new)).items():
            setattr(self, name, value)
        self.version += 1

    @staticmethod
    def _keys(new: PatientCreate) -> dict[str, Any]:
        return {
            "identifier_key": same(new.identifier) if new.identifier else None,
            "search_key": fold(f"{new.identifier or ''} {new.name}")[:SEARCH_LENGTH],
        }


class PatientDoctor(SQLModel, table=True):
    """A doctor who sees all studies of a patient, whoever read them.

    A row is there for every doctor who was assigned. For the one who entered the patient it is made when somebody else
    first saves a study of that patient: until then they see all there is as its reader.
    """

    __tablename__ = "patient_doctor"
    __table_args__ = (Index(None, "patient_id"), TABLE_OPTIONS)

    doctor_id: int = Field(foreign_key="user.id", primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", primary_key=True)
    created: datetime = Field(default_factory=now, sa_type=UtcTime())


class PatientPublic(PatientBase):
    """What a person who may see the patient sees."""

    model_config = {"frozen": True}

    public_id: uuid.UUID
