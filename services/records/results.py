"""What a patient reads: released results of their own, in plain words, without figures and without a doctor's notes."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from services.errors import NotFound
from services.records import audit
from services.records.database import key_of, reading, write
from services.records.lookup import noting_refusals, one_study
from services.records.rights import Action, Actor, confirm, require, visible_studies
from services.records.store import Store
from services.records.tables import Release, Review, Study, StudyImage, User

MOST_RESULTS = 200


@dataclass(frozen=True)
class Result:
    """A released study; ``label`` is the reviewing doctor's finding: a class of the task, OTHER or INDETERMINATE.

    ``images`` are the numbers of its images, the leading one first.
    """

    public_id: uuid.UUID
    study_date: date
    task: str
    label: str
    doctor: str
    reviewed: datetime
    note: str
    released: datetime
    images: tuple[int, ...]


def find_results(store: Store, actor: Actor) -> tuple[Result, ...]:
    """The actor's released results, the newest release first, 200 at most, and a note of that. Raises NotAllowed."""
    require(actor, Action.RESULT_VIEW)
    with reading(store.engine) as session:
        confirm(session, actor)
        found = newest_results(session, actor, MOST_RESULTS)
    audit.note(store.engine, actor, Action.RESULT_VIEW, f"{len(found)} results")
    return found


def newest_results(session: Session, actor: Actor, limit: int | None) -> tuple[Result, ...]:
    """The same inside a running transaction; every one for a ``limit`` of None."""
    mine = _released().where(visible_studies(actor, Action.RESULT_VIEW)).order_by(col(Release.id).desc())
    found = session.exec(mine.limit(limit)).all()
    numbers = _numbers(session, [study.id for study, *_ in found])
    return tuple(_result(*row, numbers[key_of(row[0])]) for row in found)


def get_result(store: Store, actor: Actor, public_id: uuid.UUID | str) -> Result:
    """One released result, and a note in the trail that it was read. Raises NotAllowed, NotFound."""

    def work(session: Session) -> Result:
        study = one_study(session, actor, Action.RESULT_VIEW, public_id)
        audit.record(session, actor, Action.RESULT_VIEW, f"study {study.public_id}")
        numbers = _numbers(session, [study.id])
        return _result(*session.exec(_released().where(Study.id == study.id)).one(), numbers[key_of(study)])

    try:
        with noting_refusals(store.engine, actor, Action.RESULT_VIEW, public_id):
            return write(store.engine, work)
    except NotFound:
        # A patient has no history to look in.
        raise NotFound(
            "There is no such result, or it is not released to you. Look for it on the first page."
        ) from None


def _released() -> Select[Study, Review, Release, str]:
    return (
        select(Study, Review, Release, User.full_name)
        .join(Review, col(Review.study_id) == col(Study.id))
        .join(Release, col(Release.study_id) == col(Study.id))
        .join(User, col(User.id) == col(Review.reviewer_id))
        .where(col(Review.superseded).is_(None), col(Release.withdrawn).is_(None))
    )


def _numbers(session: Session, studies: Collection[int | None]) -> Mapping[int, Sequence[int]]:
    """The numbers of the images of these studies, by the study's key."""
    query = (
        select(StudyImage.study_id, StudyImage.number)
        .where(col(StudyImage.study_id).in_(studies))
        .order_by(col(StudyImage.number))
    )
    found = defaultdict[int, list[int]](list)
    for study, number in session.exec(query).all():
        found[study].append(number)
    return found


def _result(study: Study, review: Review, release: Release, doctor: str, numbers: Sequence[int]) -> Result:
    return Result(
        public_id=study.public_id,
        study_date=study.study_date,
        task=study.task,
        label=review.label,
        doctor=doctor,
        reviewed=review.created,
        note=release.note,
        released=release.created,
        images=tuple(sorted(numbers, key=lambda number: number != study.leading_image)),
    )
