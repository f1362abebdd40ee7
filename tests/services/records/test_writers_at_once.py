"""Several writers at the same moment: each waits for its turn, and nothing is lost or doubled."""

from __future__ import annotations

import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta

import pytest
from sqlalchemy import event, text
from sqlmodel import Session, select

from services.errors import InvalidRecord
from services.records.counting import counts
from services.records.database import make_engine, reading, write
from services.records.history import find_studies
from services.records.studies import save_study
from services.records.tables import Patient, StudyFile
from services.records.upkeep import check_by_command as check
from tests.services.records.kept import assert_whole, row_numbers


def test_a_database_locked_by_another_is_waited_for(store, doctor, make_study, address):
    """A writer that holds its lock for a second delays the others and loses nobody's work."""
    holding, release = threading.Event(), threading.Event()

    def hold(session):
        session.add(Patient.made_from(make_study().patient, doctor.user_id))
        session.flush()
        holding.set()
        assert release.wait(60)

    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(write, store.engine, hold)
        assert holding.wait(60)
        saving = pool.submit(save_study, store, doctor, make_study())
        if address.startswith("sqlite"):
            # Readers are not held up.
            assert counts(store, doctor).studies == 0
            assert not saving.done()
        release.set()
        slow.result(60)
        saving.result(60)
    assert counts(store, doctor).studies == 1


def test_a_new_file_that_another_process_holds_is_waited_for(tmp_path):
    """SQLite does not wait by itself where a file is turned to the write-ahead log under another's lock."""
    file = tmp_path / "falx.db"
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("SELECT * FROM sqlite_master").fetchall()
    engine = make_engine(f"sqlite:///{file}")
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(engine.connect)
        assert not wait([opening], 0.5).done, "It neither waited nor went on."
        other.execute("ROLLBACK")
        with opening.result(60) as connection:
            assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
    other.close()
    engine.dispose()


@pytest.mark.parametrize("address", [pytest.param("mariadb", marks=pytest.mark.mariadb)], indirect=True)
def test_a_patient_entered_by_another_between_looking_and_inserting_is_found(store, actors, make_study, address):
    """SQLite lets one writer in at a time, so this can only happen on a server."""
    mine, theirs = make_study(identifier="H-1"), make_study(identifier="h-1")
    entered = []

    def enter_first(session, *_):
        if not entered and any(isinstance(row, Patient) for row in session.new):
            entered.append(True)
            row = Patient.made_from(theirs.patient, actors["colleague"].user_id)
            write(store.engine, lambda other: other.add(row))

    event.listen(Session, "before_flush", enter_first)
    try:
        saved = save_study(store, actors["doctor"], mine)
    finally:
        event.remove(Session, "before_flush", enter_first)
    assert entered
    assert saved.patient.identifier == "h-1"
    assert row_numbers(store) == {"Study": 1, "Patient": 1, "StudyImage": 1, "PredictionRow": 1, "StudyFile": 2}


def test_two_doctors_enter_the_same_new_patient_at_the_same_moment(store, actors, make_study):
    """The second waits for the first one's row, cannot insert its own, and finds the first one's instead."""
    inserted, release = threading.Event(), threading.Event()
    first, second = make_study(identifier="H-1"), make_study(identifier="h-1")

    def enter(session):
        session.add(Patient.made_from(first.patient, actors["colleague"].user_id))
        session.flush()
        inserted.set()
        assert release.wait(60)

    with ThreadPoolExecutor(2) as pool:
        entering = pool.submit(write, store.engine, enter)
        assert inserted.wait(60)
        saving = pool.submit(save_study, store, actors["doctor"], second)
        # Long enough to reach the insertion; were it not, the test would only be easier.
        with pytest.raises(TimeoutError):
            saving.result(1)
        release.set()
        entering.result(60)
        assert saving.result(60).patient.identifier == "H-1"
    assert row_numbers(store)["Patient"] == 1


def test_twenty_writers_at_once_lose_and_double_nothing(store, actors, make_study):
    """Twenty threads, half of them with the same new patient, five studies each, sharing one upload."""
    shared = os.urandom(50_000)
    barrier = threading.Barrier(20)

    def save_five(writer):
        actor = actors["doctor" if writer % 4 else "colleague"]
        barrier.wait(60)
        saved = []
        for n in range(5):
            identifier = f"H-{n}" if writer % 2 else f"W-{writer}-{n}"
            saved.append(save_study(store, actor, make_study(identifier=identifier, upload=shared)))
        return saved

    with ThreadPoolExecutor(20) as pool:
        saved = [study for five in pool.map(save_five, range(20)) for study in five]
    assert len({study.public_id for study in saved}) == 100
    whole = {"Study": 100, "Patient": 50 + 5, "StudyImage": 100, "PredictionRow": 100, "StudyFile": 200}
    assert row_numbers(store) == whole
    listed = [s for who in ("doctor", "colleague") for s in find_studies(store, actors[who], limit=200).studies]
    assert {s.public_id for s in listed} == {s.public_id for s in saved}
    assert len({s.patient.public_id for s in saved if s.patient.identifier == "H-3"}) == 1
    assert check(store).whole


def test_the_same_study_saved_twice_at_once_is_there_once(store, doctor, make_study):
    new = make_study()
    barrier = threading.Barrier(4)

    def save(_):
        barrier.wait(60)
        try:
            return save_study(store, doctor, new).public_id
        except InvalidRecord as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(save, range(4)))
    assert answers.count(new.public_id) == 1
    assert answers.count("This study is stored already. Look for it in the history.") == 3
    assert_whole(store, doctor, [new])


def test_a_sweep_during_saving_takes_nothing_that_is_needed(store, doctor, make_study, monkeypatch):
    monkeypatch.setattr("services.records.vault.GRACE", timedelta(0))
    stop = threading.Event()

    def keep_sweeping():
        swept = 0
        while not stop.is_set():
            swept += store.vault.sweep(lambda asked: named(asked), timedelta(seconds=-5))
        return swept

    def named(asked):
        with reading(store.engine) as session:
            return {digest for digest in session.exec(select(StudyFile.sha256)).all() if digest in asked}

    studies = [make_study() for _ in range(30)]
    with ThreadPoolExecutor(5) as pool:
        sweeper = pool.submit(keep_sweeping)
        list(pool.map(lambda new: save_study(store, doctor, new), studies))
        stop.set()
        sweeper.result(60)
    assert len(assert_whole(store, doctor, studies)) == 30
