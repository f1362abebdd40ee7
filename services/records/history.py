"""Finding studies again: pages of the history, newest first, and the numbers of the home page."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_
from sqlalchemy import select as select_numbers
from sqlmodel import col, select

from services.inference.prediction import Verdict
from services.records.columns import now
from services.records.database import reading
from services.records.patients import contains_words
from services.records.rights import Action, Actor, confirm, require, visible_studies
from services.records.store import Store
from services.records.tables import Patient, PredictionRow, Study, User
from services.tasks import TASKS

LARGEST_PAGE = 200
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class StudyFilters:
    """What a study must be like; empty fields ask for nothing.

    ``patient`` is words of the identifier or name, ``patient_public_id`` one patient, whoever else has that name;
    ``first`` and ``last`` are study dates, both included, and ``this_week`` asks for what was saved in the last seven
    days. ``verdict`` REFUSED asks for studies without an answer, ``positive`` for a class that its task calls positive.
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


@dataclass(frozen=True)
class PageKey:
    """The last study of a page; the next page begins after it, also when new studies have come meanwhile."""

    created: datetime
    public_id: uuid.UUID


@dataclass(frozen=True)
class StudySummary:
    """A line of the history; ``label`` and ``confidence`` are None where the slice was refused."""

    public_id: uuid.UUID
    created: datetime
    reader: str
    patient_public_id: uuid.UUID
    patient_name: str
    patient_identifier: str | None
    task: str
    study_date: date
    description: str
    verdict: Verdict
    label: str | None
    confidence: float | None


@dataclass(frozen=True)
class StudyPage:
    """Part of the history, newest first; ``after`` is the key of the next page, None at the end."""

    studies: tuple[StudySummary, ...]
    after: PageKey | None


@dataclass(frozen=True)
class Counts:
    """Numbers for the home page, over the studies that the actor may count.

    ``positive`` studies are answered with a class that the task calls positive (a tumour); a week is the last seven
    days.
    """

    studies: int
    studies_this_week: int
    patients: int
    positive: int
    uncertain_this_week: int
    refused_this_week: int


def find_studies(
    store: Store, actor: Actor, filters: StudyFilters | None = None, after: PageKey | None = None, limit: int = 25
) -> StudyPage:
    """A page of at most ``limit`` (1 to 200) studies that the actor may see. Raises NotAllowed."""
    require(actor, Action.STUDY_FIND)
    size = min(max(limit, 1), LARGEST_PAGE)
    newest = (col(Study.created).desc(), col(Study.public_id).desc())
    # The page is chosen from the studies alone, along their index; joined first, MariaDB may sort all of them instead.
    chosen = select(Study.id).where(visible_studies(actor, Action.STUDY_FIND), *conditions(filters or StudyFilters()))
    if after is not None:
        older = col(Study.created) < after.created
        tie = and_(col(Study.created) == after.created, col(Study.public_id) < after.public_id)
        # The first condition is implied by the second; alone it lets the index start at the right place.
        chosen = chosen.where(col(Study.created) <= after.created, or_(older, tie))
    page = chosen.order_by(*newest).limit(size + 1).subquery()
    query = (
        select(Study, Patient, User.full_name, PredictionRow)
        .join(page, page.c.id == col(Study.id))
        .join(Patient, col(Patient.id) == col(Study.patient_id))
        .join(User, col(User.id) == col(Study.reader_id))
        .outerjoin(PredictionRow, col(PredictionRow.study_id) == col(Study.id))
        .order_by(*newest)
    )
    with reading(store.engine) as session:
        confirm(session, actor)
        found = session.exec(query).all()
        studies = tuple(_summary(*row) for row in found[:size])
    last = studies[-1] if len(found) > size else None
    return StudyPage(studies, PageKey(last.created, last.public_id) if last else None)


def counts(store: Store, actor: Actor) -> Counts:
    """The numbers of the home page. Raises NotAllowed."""
    require(actor, Action.STUDY_COUNT)
    recent = _recent()
    answered = col(PredictionRow.verdict) == Verdict.ANSWERED
    query = (
        select_numbers(
            func.count(),
            _number(recent),
            func.count(func.distinct(Study.patient_id)),
            _number(and_(answered, positive())),
            _number(and_(recent, col(PredictionRow.verdict) == Verdict.UNCERTAIN)),
            _number(and_(recent, col(PredictionRow.id).is_(None))),
        )
        .select_from(Study)
        .outerjoin(PredictionRow, col(PredictionRow.study_id) == col(Study.id))
        .where(visible_studies(actor, Action.STUDY_COUNT))
    )
    with reading(store.engine) as session:
        confirm(session, actor)
        return Counts(*(int(number or 0) for number in session.connection().execute(query).one()))


def _number(condition: ColumnElement[bool]) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _recent() -> ColumnElement[bool]:
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


def conditions(filters: StudyFilters) -> list[ColumnElement[bool]]:
    """SQL conditions on Study alone; what other tables know is asked in subqueries."""
    asked: list[ColumnElement[bool]] = []
    words = contains_words(filters.patient)
    if words:
        asked.append(col(Study.patient_id).in_(select(Patient.id).where(*words)))
    if filters.patient_public_id is not None:
        asked.append(
            col(Study.patient_id).in_(select(Patient.id).where(Patient.public_id == filters.patient_public_id))
        )
    if filters.this_week:
        asked.append(_recent())
    if filters.first is not None:
        asked.append(col(Study.study_date) >= filters.first)
    if filters.last is not None:
        asked.append(col(Study.study_date) <= filters.last)
    if filters.task is not None:
        asked.append(col(Study.task) == filters.task)
    answer = select(PredictionRow.id).where(PredictionRow.study_id == Study.id)
    if filters.label is not None:
        asked.append(answer.where(PredictionRow.label == filters.label).exists())
    if filters.positive:
        asked.append(answer.where(positive()).exists())
    if filters.verdict is Verdict.REFUSED:
        asked.append(~answer.exists())
    elif filters.verdict is not None:
        asked.append(answer.where(PredictionRow.verdict == filters.verdict).exists())
    return asked


def _summary(study: Study, patient: Patient, reader: str, answer: PredictionRow | None) -> StudySummary:
    return StudySummary(
        public_id=study.public_id,
        created=study.created,
        reader=reader,
        patient_public_id=patient.public_id,
        patient_name=patient.name,
        patient_identifier=patient.identifier,
        task=study.task,
        study_date=study.study_date,
        description=study.description,
        verdict=answer.verdict if answer else Verdict.REFUSED,
        label=answer.label if answer else None,
        confidence=answer.confidence if answer else None,
    )
