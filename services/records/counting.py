"""The numbers of the home page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func
from sqlalchemy import select as select_numbers
from sqlmodel import col

from services.inference.prediction import Verdict
from services.records.database import reading
from services.records.filters import StudyFilters, own_answer, positive, recent
from services.records.history import chosen
from services.records.rights import Action, Actor, confirm, may, require
from services.records.store import Store
from services.records.tables import PredictionRow, State, Study

MOST_COUNTED = 1_000


@dataclass(frozen=True)
class Counts:
    """Numbers for the home page, over the studies that the actor may count.

    ``positive`` studies are answered with a class that the task calls positive (a tumour); a week is the last seven
    days. Only the newest MOST_COUNTED studies are counted: where the numbers are not ``whole``, there may be more.
    Those that await their reviewer are counted by themselves, or old ones would be forgotten.
    """

    studies: int
    studies_this_week: int
    patients: int
    positive: int
    uncertain_this_week: int
    refused_this_week: int
    awaiting: int
    reviewed: int
    released: int

    @property
    def whole(self) -> bool:
        """Every study was counted."""
        return self.studies < MOST_COUNTED


def counts(store: Store, actor: Actor) -> Counts:
    """The numbers of the home page. Raises NotAllowed."""
    require(actor, Action.STUDY_COUNT)
    lately = recent()
    answered = col(PredictionRow.verdict) == Verdict.ANSWERED
    # Counting a million rows takes seconds wherever it is done, so it ends where nobody reads the digits any more.
    query = select_numbers(
        func.count(),
        _number(lately),
        func.count(func.distinct(Study.patient_id)),
        _number(and_(answered, positive())),
        _number(and_(lately, col(PredictionRow.verdict) == Verdict.UNCERTAIN)),
        _number(and_(lately, col(PredictionRow.id).is_(None))),
        *(_number(col(Study.state) == state) for state in State),
    )
    with reading(store.engine) as session:
        confirm(session, actor)
        newest = chosen(session, actor, Action.STUDY_COUNT, size=MOST_COUNTED)
        query = (
            query.select_from(Study).join(newest, newest.c.id == col(Study.id)).outerjoin(PredictionRow, own_answer())
        )
        numbers = Counts(*(int(number or 0) for number in session.connection().execute(query).one()))
        if numbers.whole or not may(actor, Action.STUDY_REVIEW):
            return numbers
        waiting = chosen(session, actor, Action.STUDY_COUNT, StudyFilters(state=State.AWAITING), size=MOST_COUNTED)
        awaiting = session.connection().execute(select_numbers(func.count()).select_from(waiting)).scalar_one()
        return replace(numbers, awaiting=awaiting)


def _number(condition: ColumnElement[bool]) -> Any:
    return func.sum(case((condition, 1), else_=0))
