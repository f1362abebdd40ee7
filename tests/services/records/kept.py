"""What the tests find in the database and the vault."""

from __future__ import annotations

import os

from sqlalchemy import func
from sqlmodel import col, select

from services.records.database import reading
from services.records.history import find_studies
from services.records.studies import get_study, read_file
from services.records.tables import AuditEvent, Patient, PredictionRow, Study, StudyFile, StudyImage
from services.records.upkeep import check_by_command as check

TABLES = (Study, Patient, StudyImage, PredictionRow, StudyFile)


def row_numbers(store):
    with reading(store.engine) as session:
        return {table.__name__: session.exec(select(func.count()).select_from(table)).one() for table in TABLES}


def assert_whole(store, actor, studies):
    """Each study that is there is whole, each that is not has left no row."""
    there = {line.public_id for line in find_studies(store, actor, limit=200).studies}
    stored = [new for new in studies if new.public_id in there]
    for new in stored:
        assert_as_given(store, actor, new)
    n, images = len(stored), sum(len(new.images) for new in stored)
    expected = {"Study": n, "Patient": n, "StudyImage": images, "PredictionRow": images, "StudyFile": n + images}
    assert row_numbers(store) == expected
    with reading(store.engine) as session:
        saved = session.exec(select(AuditEvent).where(AuditEvent.action == "study.save")).all()
    assert sorted(e.object for e in saved) == sorted(f"study {new.public_id}" for new in stored)
    health = check(store)
    assert health.unreadable == ()
    assert health.files == n + images
    return stored


def contents(new):
    """Every file of a study that is to be saved: the number of its image, None for the whole study's, kind, content."""
    for number, files in ((None, new.files), *((n, image.files) for n, image in enumerate(new.images, start=1))):
        for kind, (content, _, _) in files.items():
            yield number, kind, content


def assert_as_given(store, actor, new):
    """The stored study has the images, answers and files that were given."""
    view = get_study(store, actor, new.public_id)
    assert [image.prediction for image in view.images] == [image.prediction for image in new.images]
    for number, kind, content in contents(new):
        assert read_file(store, actor, new.public_id, kind, image=number) == content


def make_all_old(store):
    for path in store.vault.folder.rglob("*"):
        if path.is_file():
            os.utime(path, (0, 0))


def events(store):
    with reading(store.engine) as session:
        found = session.exec(select(AuditEvent).order_by(col(AuditEvent.id))).all()
        return [(e.user_id is not None, e.who, e.action, e.object, e.outcome.value) for e in found]
