"""The images of a study: which frame of which file, and what the gate said of it."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import field_validator, model_validator
from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from services.imaging.slice import Format
from services.records.columns import TABLE_OPTIONS, AsJson, Checked, UtcTime, now
from services.records.text import clean_line

# More than a doctor flips through, and a report that still can be read.
MOST_IMAGES = 12


class ImageBase(SQLModel):
    """One examined slice, a frame of an uploaded file.

    ``frame`` counts from 0 and is below ``frames``. ``gate_reasons`` are the gate's sentences where it did not accept;
    with an ``overrule_reason`` a doctor had the slice answered all the same.
    """

    format: str = Field(max_length=16)
    frame: int = Field(default=0, ge=0)
    frames: int = Field(default=1, ge=1)
    modality: str | None = Field(default=None, max_length=16)
    gate_accepted: bool = Field(default=True)
    gate_reasons: tuple[str, ...] = Field(default=(), sa_type=AsJson())
    overrule_reason: str = Field(default="", max_length=500, title="reason for overruling")


class ImageCreate(Checked, ImageBase):
    """An image as the upload gives it and the gate judged it."""

    format: Format

    _line = field_validator("modality", "overrule_reason", mode="before")(clean_line)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.frame >= self.frames:
            raise ValueError(f"frame {self.frame + 1} was chosen of a file with {self.frames}; choose another")
        if self.gate_accepted and (self.gate_reasons or self.overrule_reason):
            raise ValueError("an accepted slice has no reasons against it; store it as accepted or as refused")
        if not self.gate_accepted and not self.gate_reasons:
            raise ValueError("a refused slice needs the gate's reasons; store them along")
        if len(self.gate_reasons) > 20 or any(len(reason) > 500 for reason in self.gate_reasons):
            raise ValueError("the gate's reasons are too many or too long; shorten them")
        return self


class StudyImage(ImageBase, table=True):
    """A stored image. ``number`` counts from 1 within its study, in the order in which the images came, and stays."""

    __tablename__ = "image"
    __table_args__ = (
        UniqueConstraint("study_id", "number"),
        # Those that were refused; see filters.py.
        Index(None, "gate_accepted", "study_id"),
        TABLE_OPTIONS,
    )

    id: int | None = Field(default=None, primary_key=True)
    study_id: int = Field(foreign_key="study.id")
    number: int = Field(default=1, ge=1)
    added_by_id: int = Field(foreign_key="user.id", index=True)
    created: datetime = Field(default_factory=now, sa_type=UtcTime())
