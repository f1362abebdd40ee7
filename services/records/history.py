"""Finding studies again: pages of the history in four orders."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Subquery, and_, or_, union_all
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from services.inference.prediction import Verdict
from services.records import audit
from services.records.database import key_of, reading
from services.records.filters import StudyFilters, conditions, narrowed, own_answer
from services.records.patients import as_stored
from services.records.rights import Action, Actor, confirm, require, visible_parts
from services.records.store import Store
from services.records.tables import Decision, Patient, PredictionRow, Review, Sex, State, Study, StudyImage, User

LARGEST_PAGE = 200
EVERY = StudyFilters()


class Sort(StrEnum):
    """In which order studies are listed: by when they were saved, or by the day of the study."""

    NEWEST = "newest"
    OLDEST = "oldest"
    LATEST_STUDY = "latest study"
    EARLIEST_STUDY = "earliest study"


def order_of(filters: StudyFilters) -> Sort:
    """The order in which these studies are soon listed: a range of study dates may lie behind all that is newer."""
    return Sort.LATEST_STUDY if filters.first or filters.last else Sort.NEWEST


@dataclass(frozen=True)
class PageKey:
    """The last study of a page; the next page begins after it, also when new studies have come meanwhile.

    ``at`` is what the order sorts by: when it was saved, or the day of the study.
    """

    at: datetime | date
    public_id: uuid.UUID


@dataclass(frozen=True)
class ImageSummary:
    """One image of a study and its own answer; ``label``, ``confidence`` and ``model`` are None where it has none."""

    number: int
    verdict: Verdict
    label: str | None
    confidence: float | None
    model: str | None


@dataclass(frozen=True)
class StudySummary:
    """A line of the history: the answer to the leading image, and all ``images`` in the order of their numbers.

    ``label``, ``confidence`` and ``model`` are None where the leading image was refused. ``leading`` is its number.
    ``reviewed`` is the finding of the review in force, ``decision`` whether that agrees with the model.
    """

    public_id: uuid.UUID
    created: datetime
    reader: str
    patient_public_id: uuid.UUID
    patient_name: str
    patient_identifier: str | None
    patient_birth_date: date | None
    patient_sex: Sex
    task: str
    study_date: date
    description: str
    verdict: Verdict
    label: str | None
    confidence: float | None
    model: str | None
    state: State
    decision: Decision | None
    reviewed: str | None
    leading: int
    images: tuple[ImageSummary, ...]


@dataclass(frozen=True)
class Reader:
    """Somebody who saved studies, to choose by."""

    public_id: uuid.UUID
    full_name: str


@dataclass(frozen=True)
class StudyPage:
    """Part of the history in its order; ``after`` is the key of the next page, None at the end."""

    studies: tuple[StudySummary, ...]
    after: PageKey | None


def find_studies(
    store: Store,
    actor: Actor,
    filters: StudyFilters | None = None,
    after: PageKey | None = None,
    limit: int = 25,
    *,
    sort: Sort = Sort.NEWEST,
) -> StudyPage:
    """A page of at most ``limit`` (1 to 200) studies of the actor, and a note in the trail of the look.

    Raises NotAllowed, Unavailable.
    """
    return _found(store, actor, Action.STUDY_FIND, filters, after, limit, sort)


def studies_to_export(
    store: Store, actor: Actor, filters: StudyFilters | None = None, limit: int = 25, *, sort: Sort = Sort.NEWEST
) -> StudyPage:
    """The first ``limit`` studies that the actor may take away, noted likewise. Raises NotAllowed, Unavailable."""
    return _found(store, actor, Action.STUDY_EXPORT, filters, None, limit, sort)


def _found(
    store: Store,
    actor: Actor,
    action: Action,
    filters: StudyFilters | None,
    after: PageKey | None,
    limit: int,
    sort: Sort,
) -> StudyPage:
    # Which right is asked is never the caller's choice: one that only counts would show names.
    require(actor, action)
    size = min(max(limit, 1), LARGEST_PAGE)
    with reading(store.engine) as session:
        confirm(session, actor)
        page = chosen(session, actor, action, filters or StudyFilters(), after, sort, size=size + 1)
        query = (
            select(Study, Patient, User.full_name, PredictionRow)
            .join(page, page.c.id == col(Study.id))
            .join(Patient, col(Patient.id) == col(Study.patient_id))
            .join(User, col(User.id) == col(Study.reader_id))
            .outerjoin(PredictionRow, own_answer())
            .order_by(*_order(sort))
        )
        found = session.exec(query).all()
        keys = [study.id for study, *_ in found]
        in_force = select(Review).where(col(Review.study_id).in_(keys), col(Review.superseded).is_(None))
        reviews = {review.study_id: review for review in session.exec(in_force).all()}
        images = _images(session, keys)
        studies = tuple(_summary(*row, reviews.get(key_of(row[0])), images[key_of(row[0])]) for row in found[:size])
    # What was searched for may be a name, and is not noted.
    one = filters.patient_public_id if filters else None
    what = f"{len(studies)} studies" if one is None else f"patient {one} {len(studies)} studies"
    audit.note(store.engine, actor, action, what)
    last = studies[-1] if len(found) > size else None
    return StudyPage(studies, PageKey(_sorted_by(last, sort), last.public_id) if last else None)


def readers(store: Store, actor: Actor) -> tuple[Reader, ...]:
    """Who saved the studies that the actor may find, by name. Raises NotAllowed."""
    require(actor, Action.STUDY_FIND)
    first, *shared = visible_parts(actor, Action.STUDY_FIND)
    if shared:
        # The first part is what the actor read; of shared patients there are few studies, so these are gone through.
        mine = and_(col(User.id) == actor.user_id, select(Study.id).where(first).exists())
        saved = or_(mine, *(col(User.id).in_(select(Study.reader_id).where(part)) for part in shared))
    else:
        saved = select(Study.id).where(Study.reader_id == User.id, first).exists()
    with reading(store.engine) as session:
        confirm(session, actor)
        found = session.exec(select(User.public_id, User.full_name).where(saved).order_by(User.full_name)).all()
        return tuple(Reader(*row) for row in found)


def chosen(
    session: Session,
    actor: Actor,
    action: Action,
    filters: StudyFilters = EVERY,
    after: PageKey | None = None,
    sort: Sort = Sort.NEWEST,
    *,
    size: int,
) -> Subquery:
    """The keys of the first ``size`` studies from ``after`` on that ``action`` covers, in their order."""
    filters = replace(filters, patient=as_stored(session, filters.patient))
    rare = narrowed(session, filters)
    parts = [part.subquery() for part in _parts(actor, action, filters, after, sort, size, rare)]
    if len(parts) == 1:
        return parts[0]
    every = union_all(*(select(part.c.id) for part in parts)).subquery()
    return select(Study.id).join(every, every.c.id == col(Study.id)).order_by(*_order(sort)).limit(size).subquery()


def _parts(
    actor: Actor,
    action: Action,
    filters: StudyFilters,
    after: PageKey | None,
    sort: Sort,
    size: int,
    rare: Sequence[ColumnElement[bool]] = (),
) -> list[SelectOfScalar[Any]]:
    """The first ``size`` of each part of what the actor may see.

    They are chosen from the studies alone, along an index for each part; joined first, MariaDB may sort all of them
    instead.
    """
    from_here = list(rare)
    if after is not None:
        key, tie = col(Study.study_date if _by_day(sort) else Study.created), col(Study.public_id)
        if sort in (Sort.NEWEST, Sort.LATEST_STUDY):
            bound, beyond = key <= after.at, or_(key < after.at, and_(key == after.at, tie < after.public_id))
        else:
            bound, beyond = key >= after.at, or_(key > after.at, and_(key == after.at, tie > after.public_id))
        # The first condition is implied by the second; alone it lets the index start at the right place.
        from_here += [bound, beyond]
    # Only the first part is read along an index of studies; what is rare is read along none.
    return [
        select(Study.id)
        .where(
            part, *from_here, *conditions(filters, along=not rare and number == 0, by_day=not rare and _by_day(sort))
        )
        .order_by(*_order(sort))
        .limit(size)
        for number, part in enumerate(visible_parts(actor, action, along=not rare))
    ]


def _by_day(sort: Sort) -> bool:
    return sort in (Sort.LATEST_STUDY, Sort.EARLIEST_STUDY)


def _order(sort: Sort) -> tuple[ColumnElement[Any], ...]:
    columns = (col(Study.study_date if _by_day(sort) else Study.created), col(Study.public_id))
    descending = sort in (Sort.NEWEST, Sort.LATEST_STUDY)
    return tuple(column.desc() if descending else column.asc() for column in columns)


def _sorted_by(study: StudySummary, sort: Sort) -> datetime | date:
    return study.study_date if _by_day(sort) else study.created


def _summary(
    study: Study,
    patient: Patient,
    reader: str,
    answer: PredictionRow | None,
    review: Review | None,
    images: Sequence[ImageSummary],
) -> StudySummary:
    return StudySummary(
        public_id=study.public_id,
        created=study.created,
        reader=reader,
        patient_public_id=patient.public_id,
        patient_name=patient.name,
        patient_identifier=patient.identifier,
        patient_birth_date=patient.birth_date,
        patient_sex=patient.sex,
        task=study.task,
        study_date=study.study_date,
        description=study.description,
        verdict=answer.verdict if answer else Verdict.REFUSED,
        label=answer.label if answer else None,
        confidence=answer.confidence if answer else None,
        model=_model(answer),
        state=study.state,
        decision=review.decision if review else None,
        reviewed=review.label if review else None,
        leading=study.leading_image,
        images=tuple(images),
    )


def _images(session: Session, studies: Collection[int | None]) -> Mapping[int, Sequence[ImageSummary]]:
    """The images of these studies with their own answers, by the study's key."""
    own = and_(
        col(PredictionRow.study_id) == col(StudyImage.study_id),
        col(PredictionRow.image) == col(StudyImage.number),
        col(PredictionRow.position) == 1,
    )
    query = (
        select(StudyImage.study_id, StudyImage.number, PredictionRow)
        .outerjoin(PredictionRow, own)
        .where(col(StudyImage.study_id).in_(studies))
        .order_by(col(StudyImage.study_id), col(StudyImage.number))
    )
    found = defaultdict[int, list[ImageSummary]](list)
    for study, number, answer in session.exec(query).all():
        verdict = answer.verdict if answer else Verdict.REFUSED
        label, confidence = (answer.label, answer.confidence) if answer else (None, None)
        found[study].append(ImageSummary(number, verdict, label, confidence, _model(answer)))
    return found


def _model(answer: PredictionRow | None) -> str | None:
    return f"{answer.network}/{answer.version}" if answer else None
