"""What is made for measuring is made as asked, whole, and never among real people's records."""

from __future__ import annotations

import pytest
from sqlmodel import col, func, select

from services.errors import InvalidRecord
from services.records import counting, load
from services.records.counting import counts
from services.records.database import reading
from services.records.history import find_studies
from services.records.load import make_load
from services.records.rights import Actor
from services.records.studies import save_study
from services.records.tables import AuditEvent, PredictionRow, Study, User
from services.records.upkeep import check_by_command as check
from services.records.upkeep import storage
from tests.services.records.kept import contents, row_numbers


def reader(store):
    with reading(store.engine) as session:
        user = session.exec(select(User).where(User.username == load.READER)).one()
        user_actor = Actor(user.id, user.public_id, user.username, user.full_name, user.role)
        return user, user_actor


def opened(store):
    user, actor = reader(store)
    with store.engine.begin() as connection:
        connection.execute(User.__table__.update().where(col(User.id) == user.id).values(active=True))
    return actor


def test_as_many_as_asked_and_all_of_them_whole(store, monkeypatch):
    monkeypatch.setattr(load, "STUDIES_AT_ONCE", 70)
    made = make_load(store, 200)
    assert made.predictions == 200
    numbers = row_numbers(store)
    studies = {"Study": made.studies, "StudyImage": made.studies}
    assert numbers == studies | {"Patient": made.patients, "PredictionRow": 200, "StudyFile": 0}
    assert made.studies > 200
    assert not reader(store)[0].active
    again = make_load(store, 100)
    assert row_numbers(store)["PredictionRow"] == 200 + again.predictions
    with reading(store.engine) as session:
        assert session.exec(select(func.count()).select_from(AuditEvent)).one() == made.studies + again.studies + 1
        assert len(set(session.exec(select(Study.public_id)).all())) == made.studies + again.studies
        row = session.exec(select(PredictionRow)).first()
    assert sum(share for _, share in row.probabilities) == pytest.approx(1)
    assert check(store).whole
    doctor = opened(store)
    page = find_studies(store, doctor, limit=5)
    assert page.after is not None
    assert [s.created for s in page.studies] == sorted((s.created for s in page.studies), reverse=True)


def test_not_among_real_peoples_records(store, actors):
    with pytest.raises(InvalidRecord, match="accounts of real people"):
        make_load(store, 10)
    assert not any(row_numbers(store).values())


def test_counting_ends_at_the_newest_and_says_so(store, monkeypatch):
    made = make_load(store, 50)
    doctor = opened(store)
    every = counts(store, doctor)
    assert (every.studies, every.patients, every.whole) == (made.studies, made.patients, True)
    monkeypatch.setattr(counting, "MOST_COUNTED", 20)
    some = counts(store, doctor)
    assert (some.studies, some.whole) == (20, False)
    assert 5 <= some.patients <= 6
    assert 0 < some.positive < every.positive


def test_the_state_of_the_store(store, actors, doctor, make_study):
    new = make_study()
    save_study(store, doctor, new)
    found = storage(store, actors["admin"])
    assert (found.revision, found.files, found.key) == (found.newest, 2, None)
    assert found.file_bytes == sum(len(content) for _, _, content in contents(new))
    assert found.database_bytes > 10_000
    assert found.database.startswith(("SQLite 3", "MariaDB 1"))
    assert found.vault == str(store.vault.folder)
    assert found.free_bytes > 0
    assert found.backed_up is None
