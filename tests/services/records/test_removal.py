"""A deleted study is out of everybody's sight, can be restored, and is purged after the retention time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import col, select, update

from services.errors import InvalidRecord, NotFound
from services.records.columns import now
from services.records.counting import counts
from services.records.database import reading, write
from services.records.filters import StudyFilters
from services.records.history import find_studies
from services.records.removal import delete_study, purge, restore_by_command, restore_study
from services.records.results import find_results, get_result
from services.records.studies import get_study, read_file, save_study
from services.records.tables import AuditEvent, Patient, ReasonCreate, Release, Review, Study, StudyFile
from services.records.upkeep import check_by_command as check
from services.records.upkeep import sweep
from tests.services.records.kept import make_all_old
from tests.services.records.test_reviews import released

WHY = ReasonCreate(reason="Uploaded twice.")
MONTH = timedelta(days=30)


def age(store, public_id, by: timedelta) -> None:
    this = col(Study.public_id) == public_id
    write(store.engine, lambda s: s.exec(update(Study).where(this).values(deleted=now() - by)))


def test_a_deleted_study_is_seen_by_nobody_until_it_is_restored(store, actors, make_study):
    doctor, patient = actors["doctor"], actors["patient"]
    view = released(store, actors, make_study, name="Ada Gone")
    kept = save_study(store, doctor, make_study())
    before = counts(store, doctor)
    delete_study(store, doctor, view.public_id, WHY)
    assert [study.public_id for study in find_studies(store, doctor).studies] == [kept.public_id]
    assert find_studies(store, doctor, StudyFilters(patient="gone")).studies == ()
    assert counts(store, doctor).studies == counts(store, actors["admin"]).studies == before.studies - 1
    assert find_results(store, patient) == ()
    for ask in (
        lambda: get_study(store, doctor, view.public_id),
        lambda: read_file(store, doctor, view.public_id, "report"),
        lambda: get_result(store, patient, view.public_id),
        lambda: delete_study(store, doctor, view.public_id, WHY),
    ):
        with pytest.raises(NotFound):
            ask()
    with reading(store.engine) as session:
        events = session.exec(select(AuditEvent).where(AuditEvent.action == "study.delete")).all()
        assert [event.outcome.value for event in events] == ["done", "refused"]
        assert session.exec(select(Study.deletion_reason).where(Study.public_id == view.public_id)).one() == WHY.reason
    with pytest.raises(NotFound):
        restore_study(store, actors["colleague"], view.public_id)
    restore_study(store, doctor, view.public_id)
    assert get_study(store, doctor, view.public_id) == view
    assert get_result(store, patient, view.public_id).note


def test_a_reason_is_needed():
    with pytest.raises(InvalidRecord, match="reason is missing"):
        ReasonCreate(reason="  ")


def test_a_colleague_cannot_delete(store, actors, make_study):
    view = save_study(store, actors["doctor"], make_study())
    with pytest.raises(NotFound):
        delete_study(store, actors["colleague"], view.public_id, WHY)
    assert get_study(store, actors["doctor"], view.public_id) == view


def test_the_command_line_restores_too(store, doctor, make_study):
    view = save_study(store, doctor, make_study())
    with pytest.raises(NotFound, match="no deleted study"):
        restore_by_command(store, view.public_id)
    delete_study(store, doctor, view.public_id, WHY)
    restore_by_command(store, str(view.public_id))
    assert get_study(store, doctor, view.public_id) == view


def test_purging_removes_what_was_deleted_long_ago_and_nothing_else(store, actors, make_study):
    doctor = actors["doctor"]
    old = released(store, actors, make_study)
    recent, kept = (save_study(store, doctor, make_study()) for _ in range(2))
    for view, days in ((old, 31), (recent, 29)):
        delete_study(store, doctor, view.public_id, WHY)
        age(store, view.public_id, timedelta(days=days))
    digests = [file.sha256 for file in (*old.files.values(), *old.reports)]
    assert purge(store, MONTH) == 1
    assert purge(store, MONTH) == 0
    with reading(store.engine) as session:
        assert {study.public_id for study in session.exec(select(Study)).all()} == {recent.public_id, kept.public_id}
        assert not session.exec(select(Review)).all()
        assert not session.exec(select(Release)).all()
        assert len(session.exec(select(StudyFile)).all()) == 4
        # People are no part of their studies.
        assert len(session.exec(select(Patient)).all()) == 3
        (event,) = session.exec(select(AuditEvent).where(AuditEvent.action == "study.purge")).all()
        assert event.object == f"study {old.public_id}"
    make_all_old(store)
    assert sweep(store) == len(set(digests))
    assert check(store).whole
    restore_study(store, doctor, recent.public_id)
    assert read_file(store, doctor, recent.public_id, "upload")
