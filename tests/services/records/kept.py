"""What the tests find in the database and the vault."""

from __future__ import annotations

import os

from sqlalchemy import func
from sqlmodel import col, select

from services.records.database import reading
from services.records.history import find_studies
from services.records.studies import get_study, read_file
from services.records.tables import AuditEvent, Patient, PredictionRow, Study, StudyFile
from services.records.upkeep import check

TABLES = (Study, Patient, PredictionRow, StudyFile)


def row_numbers(store):
    with reading(store.engine) as session:
        return {table.__name__: session.exec(select(func.count()).select_from(table)).one() for table in TABLES}


def assert_whole(store, actor, studies):
    """Each study that is there is whole, each that is not has left no row."""
    there = {line.public_id for line in find_studies(store, actor, limit=200).studies}
    stored = [new for new in studies if new.public_id in there]
    for new in stored:
        assert get_study(store, actor, new.public_id).prediction == new.prediction
        for kind, (content, _, _) in new.files.items():
            assert read_file(store, actor, new.public_id, kind) == content
    n = len(stored)
    expected = {"Study": n, "Patient": n, "PredictionRow": n, "StudyFile": 2 * n}
    assert row_numbers(store) == expected
    with reading(store.engine) as session:
        saved = session.exec(select(AuditEvent).where(AuditEvent.action == "study.save")).all()
    assert sorted(e.object for e in saved) == sorted(f"study {new.public_id}" for new in stored)
    health = check(store)
    assert health.unreadable == ()
    assert health.files == 2 * n
    return stored


def make_all_old(store):
    for path in store.vault.folder.rglob("*"):
        if path.is_file():
            os.utime(path, (0, 0))


def events(store):
    with reading(store.engine) as session:
        found = session.exec(select(AuditEvent).order_by(col(AuditEvent.id))).all()
        return [(e.user_id is not None, e.who, e.action, e.object, e.outcome.value) for e in found]
