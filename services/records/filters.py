"""What a study must be like to be found, and the same as SQL conditions."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, and_, func, or_
from sqlmodel import Session, col, select

from services.inference.prediction import Verdict
from services.records.columns import now
from services.records.patients import found_by, rare_by
from services.records.rare import if_few
from services.records.tables import Patient, PredictionRow, State, Study, StudyImage, User
from services.tasks import TASKS

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class StudyFilters:
    """What a study must be like; empty fields ask for nothing.

    ``patient`` is words of the identifier or name, ``patient_public_id`` one patient, whoever else has that name;
    ``first`` and ``last`` are study dates, both included, and ``this_week`` asks for what was saved in the last seven
    days. ``verdict`` REFUSED asks for studies without an answer, ``positive`` for a class that its task calls positive.
    ``least`` and ``most`` bound the confidence, in 0..1, both included; ``network`` asks for an answer of that network,
    also of another image or one asked later; ``reader`` is the public id of who saved it.
    """

    patient: str = ""
    patient_public_id: uuid.UUID | None = None
    first: date | None = None
    last: date | None = None
    this_week: bool = False
    label: str | None = None
    positive: bool = False
    verdict: Verdict | None = None
    task: str | None = None
    state: State | None = None
    network: str | None = None
    least: float = 0.0
    most: float = 1.0
    reader: uuid.UUID | None = None

    @property
    def names_somebody(self) -> bool:
        """They ask for one person: a patient or who read the study."""
        return bool(self.patient or self.patient_public_id or self.reader)


def own_answer() -> ColumnElement[bool]:
    """A condition on Study and PredictionRow: this is the study's own answer, no other image's and no later model's."""
    return and_(
        col(PredictionRow.study_id) == col(Study.id),
        col(PredictionRow.image) == col(Study.leading_image),
        col(PredictionRow.position) == 1,
    )


def recent() -> ColumnElement[bool]:
    """A condition on Study: it was saved in the last seven days."""
    return col(Study.created) >= now() - WEEK


def positive() -> ColumnElement[bool]:
    """A condition on PredictionRow: the label is one that its task calls positive."""
    return or_(
        *(
            and_(
                col(PredictionRow.task) == task.key,
                col(PredictionRow.label).in_([c.key for c in task.classes if c.positive]),
            )
            for task in TASKS.values()
        )
    )


def conditions(filters: StudyFilters, *, along: bool = True, by_day: bool = True) -> list[ColumnElement[bool]]:
    """SQL conditions on Study alone; what other tables know is asked in subqueries.

    With ``along`` the task may be the beginning of an index, with ``by_day`` the study date the end of one; otherwise
    another condition, or the order, has the better one.
    """
    asked: list[ColumnElement[bool]] = []
    day = col(Study.study_date) if by_day else func.coalesce(Study.study_date, Study.study_date)
    asked += found_by(filters.patient, Study.patient_id)
    if filters.patient_public_id is not None:
        asked.append(
            col(Study.patient_id).in_(select(Patient.id).where(Patient.public_id == filters.patient_public_id))
        )
    if filters.this_week:
        asked.append(recent())
    if filters.first is not None:
        asked.append(day >= filters.first)
    if filters.last is not None:
        asked.append(day <= filters.last)
    if filters.task is not None:
        # A text joined to nothing is the same, and no database looks for it in an index.
        asked.append((col(Study.task) if along else col(Study.task) + "") == filters.task)
    if filters.state is not None:
        asked.append(col(Study.state) == filters.state)
    if filters.reader is not None:
        asked.append(col(Study.reader_id).in_(select(User.id).where(User.public_id == filters.reader)))
    if filters.network is not None:
        by = select(PredictionRow.id).where(PredictionRow.study_id == Study.id)
        asked.append(by.where(PredictionRow.network == filters.network).exists())
    answer = select(PredictionRow.id).where(own_answer())
    if (filters.least, filters.most) != (0.0, 1.0):
        asked.append(answer.where(col(PredictionRow.confidence).between(filters.least, filters.most)).exists())
    if filters.label is not None:
        asked.append(answer.where(PredictionRow.label == filters.label).exists())
    if filters.positive:
        asked.append(answer.where(positive()).exists())
    if filters.verdict is Verdict.REFUSED:
        asked.append(~answer.exists())
    elif filters.verdict is not None:
        asked.append(answer.where(PredictionRow.verdict == filters.verdict).exists())
    return asked


def narrowed(session: Session, filters: StudyFilters) -> list[ColumnElement[bool]]:
    """Conditions that say no more than ``conditions``, but name what is rare by its keys.

    A list is read along its order until a page is full. Where hardly anything fits, that would be to its end: whatever
    an index finds few of is looked up from there instead.
    """
    answers, asked = select(PredictionRow.study_id), []
    if (filters.least, filters.most) != (0.0, 1.0):
        asked.append(answers.where(col(PredictionRow.confidence).between(filters.least, filters.most)))
    if filters.network is not None:
        asked.append(answers.where(PredictionRow.network == filters.network))
    if filters.label is not None:
        asked.append(answers.where(PredictionRow.label == filters.label))
    if filters.positive:
        asked.append(answers.where(positive()))
    if filters.verdict is Verdict.REFUSED:
        asked.append(select(StudyImage.study_id).where(col(StudyImage.gate_accepted).is_(False)))
    days = conditions(StudyFilters(first=filters.first, last=filters.last))
    dated = [select(Study.id).where(*days)] if days else []
    rare = [if_few(session, col(Study.id), query) for query in (*asked, *dated)]
    return [few for few in rare if few is not None] + rare_by(session, filters.patient, Study.patient_id)
