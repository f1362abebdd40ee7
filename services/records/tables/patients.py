"""People who are examined."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum

from pydantic import field_validator
from sqlalchemy import Index, Text
from sqlalchemy.orm import relationship
from sqlmodel import Field, Relationship, SQLModel

from services.records.columns import PUBLIC_ID, TABLE_OPTIONS, Checked, UtcTime, new_public_id, now, past_day, words
from services.records.text import LONGEST_WORD, clean_line, clean_text, same, search_words

EARLIEST_BIRTH = date(1850, 1, 1)


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


class PatientWord(SQLModel, table=True):
    """A word by whose beginning a patient is found, folded."""

    __tablename__ = "patient_word"
    __table_args__ = (Index(None, "word", "patient_id"), TABLE_OPTIONS)

    patient_id: int | None = Field(foreign_key="patient.id", primary_key=True)
    word: str = Field(max_length=LONGEST_WORD, primary_key=True)


class Patient(PatientRecord, table=True):
    """A patient; ``identifier_key`` is a folded copy and ``words`` are those of both for finding (see text.py).

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
    created_by_id: int = Field(foreign_key="user.id")
    account_id: int | None = Field(default=None, foreign_key="user.id", unique=True)
    created: datetime = Field(default_factory=now, sa_type=UtcTime())
    version: int = Field(default=1)
    words: list[PatientWord] = Relationship(sa_relationship=relationship("PatientWord", cascade="all, delete-orphan"))

    @classmethod
    def made_from(cls, new: PatientCreate, created_by_id: int) -> Patient:
        """The row of a checked patient."""
        patient = cls(**new.model_dump(), created_by_id=created_by_id)
        patient._write_keys({})
        return patient

    def change(self, new: PatientCreate) -> None:
        """Take over what was typed, checked."""
        # First: to read the words once something has changed would write the change before anybody has checked it.
        known = {word.word: word for word in self.words}
        for name, value in new.model_dump().items():
            setattr(self, name, value)
        self._write_keys(known)
        self.version += 1

    def _write_keys(self, known: Mapping[str, PatientWord]) -> None:
        self.identifier_key = same(self.identifier) if self.identifier else None
        words = sorted(search_words(f"{self.identifier or ''} {self.name}"))
        self.words = [known.get(word) or PatientWord(patient_id=self.id, word=word) for word in words]


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
