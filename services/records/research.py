"""What a researcher takes away: answers and what doctors made of them, and nothing that tells who the patients are.

Reference: 45 CFR 164.514(b)(2), for what is left out, for the years that stay, and for ages from 90 on as one group.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date

from sqlalchemy import and_
from sqlalchemy import select as select_columns
from sqlmodel import Session, col

from services.inference.prediction import Verdict
from services.records import audit
from services.records.database import reading, write
from services.records.filters import StudyFilters, own_answer
from services.records.history import chosen
from services.records.rights import Action, Actor, confirm, require
from services.records.spreadsheet import Cell, table
from services.records.store import Store
from services.records.tables import Patient, PredictionRow, Review, Sex, Study

HEADS = (
    "person", "age", "sex", "year", "task", "verdict", "label", "confidence", "model", "state", "review",
    "reviewed_label",
)  # fmt: skip
MOST_STUDIES = 50_000
OLDEST = 90


def export_deidentified(store: Store, actor: Actor, task: str) -> Iterator[bytes]:
    """The newest MOST_STUDIES studies of ``task`` as CSV, a line a study; the trail notes that they were taken out.

    A person is a number drawn anew for each file, so that two files cannot be laid over each other, and the lines stand
    in the order of these numbers. Ages at the study are groups of ten years, dates are years; names, the hospital's
    numbers, free text, the reader and the study's address are left out. Raises NotAllowed, Unavailable.
    """
    require(actor, Action.RESEARCH_EXPORT)
    query = select_columns(
        col(Study.patient_id), col(Patient.birth_date), col(Patient.sex), col(Study.study_date), col(Study.state),
        col(PredictionRow.verdict), col(PredictionRow.label), col(PredictionRow.confidence),
        col(PredictionRow.network), col(PredictionRow.version), col(Review.decision), col(Review.label),
    )  # fmt: skip
    with reading(store.engine) as session:
        confirm(session, actor)
        newest = chosen(session, actor, Action.RESEARCH_EXPORT, StudyFilters(task=task), size=MOST_STUDIES)
        query = (
            query.select_from(Study)
            .join(newest, newest.c.id == col(Study.id))
            .join(Patient, col(Patient.id) == col(Study.patient_id))
            .outerjoin(PredictionRow, own_answer())
            .outerjoin(Review, and_(col(Review.study_id) == col(Study.id), col(Review.superseded).is_(None)))
        )
        found = session.connection().execute(query).all()

    def note(session: Session) -> None:
        confirm(session, actor)
        audit.record(session, actor, Action.RESEARCH_EXPORT, f"task {task}, {len(found)} studies")

    write(store.engine, note)
    people = list({patient for patient, *_ in found})
    random.SystemRandom().shuffle(people)
    number = {patient: index for index, patient in enumerate(people, start=1)}
    rows: list[tuple[int, tuple[Cell, ...]]] = [
        (number[patient], (
            _age(born, day), sex.value if sex is not Sex.UNKNOWN else None, day.year, task,
            (verdict or Verdict.REFUSED).value, label, confidence, f"{network}/{version}" if network else None,
            state.value, decision.value if decision else None, reviewed,
        ))
        for patient, born, sex, day, state, verdict, label, confidence, network, version, decision, reviewed in found
    ]  # fmt: skip
    # Within a person too the order tells nothing of the time.
    rows.sort(key=lambda row: (row[0], [str(cell) for cell in row[1]]))
    return table(HEADS, [[(person, *cells) for person, cells in rows]])


def _age(born: date | None, day: date) -> str | None:
    """The ten years that the age on that day lies in."""
    if born is None:
        return None
    age = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    if age >= OLDEST:
        return f"{OLDEST} or more"
    return f"{max(age, 0) // 10 * 10} to {max(age, 0) // 10 * 10 + 9}"
