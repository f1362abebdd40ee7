"""The results board: how many were looked at and what was detected, over time, and the same as a table to take away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date

from sqlalchemy import and_, case, func
from sqlalchemy import select as select_numbers
from sqlmodel import Session, col

from services.inference.prediction import Verdict
from services.records import audit
from services.records.database import reading, write
from services.records.filters import StudyFilters, own_answer, positive
from services.records.history import LARGEST_PAGE, Sort, StudySummary, chosen, find_studies, order_of
from services.records.rights import Action, Actor, confirm, require
from services.records.spreadsheet import table
from services.records.store import Store
from services.records.tables import PredictionRow, Study

COLUMNS = (
    "study", "saved (UTC)", "study date", "patient", "hospital identifier", "task", "verdict", "answer", "confidence",
    "model", "review", "finding of the review",
)  # fmt: skip
# A board is there to say how many there are, so it counts far past where the home page ends; more takes seconds.
MOST_ON_BOARD = 20_000


@dataclass(frozen=True)
class Day:
    """One task's studies of one study date: how many, how many were answered, and how many of these with a finding."""

    date: date
    task: str
    studies: int
    answered: int
    positive: int


@dataclass(frozen=True)
class Board:
    """The studies that fit, of how many ``patients``, by ``days`` and tasks with any, oldest first."""

    patients: int
    days: tuple[Day, ...]

    @property
    def by_task(self) -> dict[str, Board]:
        """The same numbers for each task alone, but for the patients, of whom one may have studies of several."""
        tasks = sorted({day.task for day in self.days})
        return {task: Board(0, tuple(day for day in self.days if day.task == task)) for task in tasks}

    @property
    def studies(self) -> int:
        """All that were counted."""
        return sum(day.studies for day in self.days)

    @property
    def whole(self) -> bool:
        """Every study that fits was counted."""
        return self.studies < MOST_ON_BOARD

    @property
    def answered(self) -> int:
        """Those with an answer that is neither uncertain nor refused."""
        return sum(day.answered for day in self.days)

    @property
    def positive(self) -> int:
        """Those answered with a class that their task calls positive."""
        return sum(day.positive for day in self.days)


def board(store: Store, actor: Actor, filters: StudyFilters | None = None) -> Board:
    """The numbers of the studies that the actor may count and that fit.

    Only the MOST_ON_BOARD with the latest study dates are counted: where the board is not ``whole``, there may be more.
    Raises NotAllowed, also for filters that name somebody where the actor may not find studies.
    """
    require(actor, Action.BOARD_VIEW)
    filters = filters or StudyFilters()
    if filters.names_somebody:
        # The numbers of one person's studies by answer are that person's diagnosis.
        require(actor, Action.STUDY_FIND)
    answered = col(PredictionRow.verdict) == Verdict.ANSWERED
    with reading(store.engine) as session:
        confirm(session, actor)
        latest = chosen(session, actor, Action.BOARD_VIEW, filters, sort=Sort.LATEST_STUDY, size=MOST_ON_BOARD)
        by_day = (
            select_numbers(
                col(Study.study_date),
                col(Study.task),
                func.count(),
                func.sum(case((answered, 1), else_=0)),
                func.sum(case((and_(answered, positive()), 1), else_=0)),
            )
            .select_from(Study)
            .join(latest, latest.c.id == col(Study.id))
            .outerjoin(PredictionRow, own_answer())
            .group_by(col(Study.study_date), col(Study.task))
            .order_by(col(Study.study_date), col(Study.task))
        )
        people = (
            select_numbers(func.count(func.distinct(Study.patient_id)))
            .select_from(Study)
            .join(latest, latest.c.id == col(Study.id))
        )
        days = session.connection().execute(by_day).all()
        patients = session.connection().execute(people).scalar_one()
    counted = (Day(day, task, *(int(number or 0) for number in numbers)) for day, task, *numbers in days)
    return Board(int(patients), tuple(counted))


def board_csv(store: Store, actor: Actor, filters: StudyFilters | None = None) -> bytes:
    """The studies that fit as CSV in UTF-8, newest first, and a note in the trail that they were taken out.

    Raises NotAllowed.
    """
    require(actor, Action.BOARD_EXPORT)
    studies = list(_all(store, actor, filters))

    def note(session: Session) -> None:
        confirm(session, actor)
        audit.record(session, actor, Action.BOARD_EXPORT, f"{len(studies)} studies")

    write(store.engine, note)
    return b"".join(table(COLUMNS, [[_line(study) for study in studies]]))


def _all(store: Store, actor: Actor, filters: StudyFilters | None) -> Iterator[StudySummary]:
    after = None
    while True:
        page = find_studies(store, actor, filters, after, LARGEST_PAGE, sort=order_of(filters or StudyFilters()))
        yield from page.studies
        after = page.after
        if after is None:
            return


def _line(study: StudySummary) -> tuple[str, ...]:
    return (
        str(study.public_id),
        f"{study.created.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        study.study_date.isoformat(),
        study.patient_name,
        study.patient_identifier or "",
        study.task,
        study.verdict.value,
        study.label or "",
        "" if study.confidence is None else f"{study.confidence:.4f}",
        study.model or "",
        study.state.value,
        study.reviewed or "",
    )
