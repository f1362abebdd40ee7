"""Lists of own and shared studies go along indexes, however many studies of others there are."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import event, insert, text

from services.records.columns import new_public_id, now
from services.records.database import reading, write
from services.records.filters import StudyFilters
from services.records.history import PageKey, find_studies
from services.records.patient_records import add_patient, share_patient
from services.records.studies import save_study
from services.records.tables import PatientCreate, Study

MANY = 4000


@pytest.fixture
def crowded(store, actors):
    """Many studies by each of two doctors, of a patient each; the first shares theirs with nobody yet."""
    start = now()
    made = {}
    for who in ("doctor", "colleague"):
        patient = add_patient(store, actors[who], PatientCreate(name=who))
        made[who] = patient.public_id

        def work(session, patient=patient, reader=actors[who].user_id):
            key = session.execute(
                text("SELECT id FROM patient WHERE public_id = :key"), {"key": patient.public_id.hex}
            ).scalar_one()
            rows = [
                {
                    "public_id": new_public_id(), "patient_id": key, "reader_id": reader, "task": "brain_tumor_type",
                    "study_date": date(2024, 5, 6), "description": "", "notes": "",
                    "created": start - timedelta(seconds=n),
                }
                for n in range(MANY)
            ]  # fmt: skip
            session.execute(insert(Study), rows)

        write(store.engine, work)
    with reading(store.engine) as session:
        session.execute(text("ANALYZE" if store.engine.dialect.name == "sqlite" else "ANALYZE TABLE study, patient"))
    return made


def plans(store, work) -> list[str]:
    """How the database goes about the statements with which ``work`` reads studies, a line a step on that table."""
    asked = []

    def note(connection, cursor, statement, parameters, context, many):
        if "FROM study" in statement and not statement.startswith("EXPLAIN"):
            asked.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(store.engine, "before_cursor_execute", note)
    (found,) = asked
    with store.engine.connect() as connection:
        if store.engine.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {found[0]}", found[1]).all()
            return [row.detail for row in rows if " study" in row.detail]
        rows = connection.exec_driver_sql(f"EXPLAIN {found[0]}", found[1]).mappings().all()
        return [f"{'SCAN' if row['type'] == 'ALL' else 'SEARCH'} study {row['key']}" for row in rows
                if row["table"] == "study"]  # fmt: skip


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("back", [None, timedelta(hours=1)])
def test_the_history_scans_no_table(store, actors, crowded, make_study, shared, back):
    doctor = actors["doctor"]
    # From here, not from the parameters, which are made when the tests are collected, long before this one runs.
    after = None if back is None else PageKey(now() - back, new_public_id())
    if shared:
        share_patient(store, actors["colleague"], crowded["colleague"], doctor.public_id)
    steps = plans(store, lambda: find_studies(store, doctor, after=after))
    assert steps
    assert not [step for step in steps if step.startswith("SCAN")], steps
    assert any("ix_study_reader_id_created_public_id" in step for step in steps), steps
    page = find_studies(store, doctor, after=after, limit=200).studies
    assert {study.patient_name for study in page} == ({"doctor", "colleague"} if shared else {"doctor"})
    assert list(page) == sorted(page, key=lambda s: (s.created, s.public_id.hex), reverse=True)


def test_filters_hold_for_shared_studies_too(store, actors, make_study):
    view = save_study(store, actors["colleague"], make_study(name="Shared Sam", study_date=date(2024, 2, 1)))
    save_study(store, actors["doctor"], make_study(name="Own Olga", study_date=date(2024, 3, 1)))
    share_patient(store, actors["colleague"], view.patient.public_id, actors["doctor"].public_id)
    for filters, expected in (
        (StudyFilters(patient="sam"), ["Shared Sam"]),
        (StudyFilters(last=date(2024, 2, 2)), ["Shared Sam"]),
        (StudyFilters(first=date(2024, 2, 2)), ["Own Olga"]),
        (StudyFilters(), ["Own Olga", "Shared Sam"]),
    ):
        assert [study.patient_name for study in find_studies(store, actors["doctor"], filters).studies] == expected
