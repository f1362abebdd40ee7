"""Numbers over time and over reviews; none of them names anybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import case, extract, func
from sqlalchemy import select as select_numbers
from sqlmodel import col, select

from services.inference.prediction import Verdict
from services.records.columns import now
from services.records.counting import MOST_COUNTED
from services.records.database import reading
from services.records.filters import StudyFilters, own_answer
from services.records.history import Sort, chosen
from services.records.rights import Action, Actor, confirm, require, visible_parts, visible_studies
from services.records.store import Store
from services.records.tables import Decision, PredictionRow, Review, Study
from services.tasks import TASKS

# The lower ends of the bands that confidence is counted in, the highest first.
BANDS = (0.95, 0.8, 0.0)


@dataclass(frozen=True)
class Month:
    """How many studies of one month of study were answered alike.

    ``month`` is its first day; ``label`` and ``band`` (the lower end in 0..1) are None where the slice was refused.
    """

    month: date
    verdict: Verdict
    label: str | None
    band: float | None
    studies: int


@dataclass(frozen=True)
class Agreement:
    """How often the newest MOST_COUNTED reviews in force agree with the model, and how often they override it."""

    agreed: int
    overridden: int

    @property
    def whole(self) -> bool:
        """Every review in force was counted."""
        return self.agreed + self.overridden < MOST_COUNTED


def asked_tasks(store: Store, actor: Actor) -> tuple[str, ...]:
    """The tasks that any study of the actor's was asked, in the catalogue's order. Raises NotAllowed."""
    require(actor, Action.STUDY_COUNT)
    parts = visible_parts(actor, Action.STUDY_COUNT)
    with reading(store.engine) as session:
        confirm(session, actor)
        return tuple(
            task
            for task in TASKS
            if any(session.exec(select(Study.id).where(part, Study.task == task).limit(1)).first() for part in parts)
        )


def by_month(store: Store, actor: Actor, task: str, months: int = 12) -> tuple[Month, ...]:
    """Studies of a task of the last ``months`` months of study, this one included, the oldest first.

    Only the MOST_COUNTED with the latest study dates are counted. Raises NotAllowed.
    """
    require(actor, Action.STUDY_COUNT)
    year, month = extract("year", col(Study.study_date)), extract("month", col(Study.study_date))
    confidence = col(PredictionRow.confidence)
    band = case(*((confidence >= end, end) for end in BANDS))
    parts = (year, month, col(PredictionRow.verdict), col(PredictionRow.label), band)
    filters = StudyFilters(task=task, first=last_months(months)[0])
    with reading(store.engine) as session:
        confirm(session, actor)
        latest = chosen(session, actor, Action.STUDY_COUNT, filters, sort=Sort.LATEST_STUDY, size=MOST_COUNTED)
        query = (
            select_numbers(*parts, func.count())
            .select_from(Study)
            .join(latest, latest.c.id == col(Study.id))
            .outerjoin(PredictionRow, own_answer())
            .group_by(*parts)
        )
        rows = session.connection().execute(query).all()
    found = (
        Month(date(int(y), int(m), 1), verdict or Verdict.REFUSED, label, None if low is None else float(low), int(n))
        for y, m, verdict, label, low, n in rows
    )
    return tuple(sorted(found, key=lambda m: m.month))


def last_months(months: int) -> tuple[date, ...]:
    """The first days of the last ``months`` months, this one included, the oldest first."""
    today = now().date()
    count = 12 * today.year + today.month - 1
    return tuple(date(n // 12, n % 12 + 1, 1) for n in range(count - months + 1, count + 1))


def agreement(store: Store, actor: Actor) -> Agreement:
    """The reviews in force of the studies that the actor may count. Raises NotAllowed."""
    require(actor, Action.STUDY_COUNT)
    newest = (
        select(Review.decision)
        .join(Study, col(Study.id) == col(Review.study_id))
        .where(col(Review.superseded).is_(None), visible_studies(actor, Action.STUDY_COUNT))
        .order_by(col(Review.id).desc())
        .limit(MOST_COUNTED)
        .subquery()
    )
    query = select_numbers(newest.c.decision, func.count()).group_by(newest.c.decision)
    with reading(store.engine) as session:
        confirm(session, actor)
        numbers = {decision: int(number) for decision, number in session.connection().execute(query).all()}
    return Agreement(numbers.get(Decision.AGREE, 0), numbers.get(Decision.OVERRIDE, 0))
