"""Whatever is killed, full or out of reach: a study is there with all its files, or not there at all."""

from __future__ import annotations

import hashlib
import os
import pickle
import resource
import signal
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, func, text
from sqlmodel import Session, select

from services.errors import InvalidRecord, Unavailable
from services.records.database import make_engine, reading, write
from services.records.history import counts, find_studies
from services.records.studies import get_study, read_file, save_study
from services.records.tables import AuditEvent, Patient, PredictionRow, Study, StudyFile
from services.records.upkeep import check, sweep

ROOT = Path(__file__).resolve().parents[3]
TABLES = (Study, Patient, PredictionRow, StudyFile)

# Saves a study again and again, each time in a process of its own that is killed one line of the records' code later,
# until one comes through. The first is saved by the parent, so that the children start with everything loaded.
KILLER = """
import os, pickle, signal, sys, traceback
from datetime import timedelta
from pathlib import Path
from services.records.store import Store
from services.records.studies import save_study
from services.records.database import make_engine
from services.records.vault import Vault

address, vault, file = sys.argv[1:]
actor, studies = pickle.load(open(file, "rb"))
store = Store(make_engine(address), Vault(Path(vault)), demo=False, sign_in_lasts=timedelta(days=1))
save_study(store, actor, studies[0])
store.close()
TRACED = ("records/studies.py", "records/vault.py", "records/database.py")

def save(new, lines_to_live):
    left = lines_to_live
    def trace(frame, event, argument):
        nonlocal left
        if not frame.f_code.co_filename.endswith(TRACED):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace
    sys.settrace(trace)
    save_study(store, actor, new)
    os._exit(0)

for lines, new in enumerate(studies[1:], start=1):
    child = os.fork()
    if child == 0:
        try:
            save(new, lines)
        finally:
            traceback.print_exc()
            os._exit(3)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
        print(lines, os.waitstatus_to_exitcode(status))
        break
"""


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


@pytest.mark.slow
def test_killed_at_any_line(store, doctor, make_study, tmp_path, address):
    studies = [make_study() for _ in range(400)]
    (tmp_path / "studies").write_bytes(pickle.dumps((doctor, studies)))
    script = tmp_path / "killer.py"
    script.write_text(KILLER)
    done = subprocess.run(
        [sys.executable, script, address, tmp_path / "vault", tmp_path / "studies"],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines, code = map(int, done.stdout.split())
    assert code == 0, done.stderr
    # Fewer would mean that the trace does not reach the code.
    assert lines > 100
    stored = assert_whole(store, doctor, studies)
    # The last one came through; those killed after the commit are there too.
    assert studies[lines] in stored
    assert studies[1] not in stored
    # Some were killed between file and commit, and what they left is found and swept.
    make_all_old(store)
    orphans = check(store).orphans
    assert any(path.parent == store.vault.new for path in orphans)
    assert any(path.parent != store.vault.new for path in orphans)
    assert sweep(store) == len(orphans)
    assert check(store).whole
    assert assert_whole(store, doctor, studies) == stored


@pytest.mark.parametrize("step", ["after_flush", "before_commit"])
def test_a_database_that_goes_away(store, doctor, make_study, monkeypatch, step, address):
    """The connection is really cut, by the server where there is one."""
    new, first = make_study(), make_study()
    save_study(store, doctor, first)

    def cut(session, *_):
        connection = session.connection()
        if address.startswith("mysql"):
            number = connection.scalar(text("SELECT CONNECTION_ID()"))
            other = make_engine(address)
            with other.connect() as killer:
                killer.exec_driver_sql(f"KILL CONNECTION {number}")
            other.dispose()
        else:
            connection.connection.dbapi_connection.interrupt()
            connection.connection.dbapi_connection.close()

    event.listen(Session, step, cut)
    try:
        with pytest.raises(Unavailable, match=r"cannot be used|not certain"):
            save_study(store, doctor, new)
    finally:
        event.remove(Session, step, cut)
    assert list(store.vault.new.iterdir()) == []
    assert assert_whole(store, doctor, [first, new]) == [first]
    # The same study can be saved once the database is back.
    save_study(store, doctor, new)
    assert_whole(store, doctor, [first, new])


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_a_database_file_that_cannot_grow(store, doctor, make_study, address):
    studies = [make_study(study={"notes": "x" * 4000}) for _ in range(200)]

    @event.listens_for(store.engine, "connect")
    def limit(connection, _):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 5}")

    store.engine.dispose()

    def save_all():
        for new in studies:
            save_study(store, doctor, new)

    with pytest.raises(Unavailable, match="cannot be used"):
        save_all()
    event.remove(store.engine, "connect", limit)
    store.engine.dispose()
    stored = assert_whole(store, doctor, studies)
    assert 0 < len(stored) < 200
    assert list(store.vault.new.iterdir()) == []


def test_a_disk_that_is_full(store, doctor, make_study):
    """Files may not grow past a limit, which the system enforces as it does a full disk."""
    new = make_study(upload=os.urandom(2_000_000))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, before[1]))
    try:
        with pytest.raises(Unavailable, match=r"file store cannot be written \(File too large\)"):
            save_study(store, doctor, new)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(store.vault.new.iterdir()) == []
    assert assert_whole(store, doctor, [new]) == []


def test_a_vault_that_fails_at_the_renaming(store, doctor, make_study):
    new = make_study()
    digest = hashlib.sha256(new.files["upload"][0]).hexdigest()
    # A file where the folder should be.
    obstacle = store.vault.folder / digest[:2]
    obstacle.write_text("in the way")
    with pytest.raises(Unavailable, match="file store cannot be written"):
        save_study(store, doctor, new)
    obstacle.unlink()
    assert assert_whole(store, doctor, [new]) == []


def test_a_database_locked_by_another_is_waited_for(store, doctor, make_study, address):
    """A writer that holds its lock for a second delays the others and loses nobody's work."""
    holding, release = threading.Event(), threading.Event()

    def hold(session):
        session.add(AuditEvent(who="", action="test", object="", outcome="done"))
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
    assert row_numbers(store) == {"Study": 1, "Patient": 1, "PredictionRow": 1, "StudyFile": 2}


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
    assert row_numbers(store) == {"Study": 100, "Patient": 50 + 5, "PredictionRow": 100, "StudyFile": 200}
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


def test_check_names_what_is_wrong(store, doctor, make_study):
    new, other = make_study(), make_study()
    saved, second = save_study(store, doctor, new), save_study(store, doctor, other)
    assert check(store).whole
    store.vault.path(saved.files["upload"].sha256).unlink()
    store.vault.path(second.files["report"].sha256).write_bytes(b"changed")
    with store.vault.saving() as batch:
        stray = batch.stage(uuid.uuid4().bytes)
        batch.publish()
    health = check(store)
    assert [what for what, _ in health.unreadable] == [
        f"study {new.public_id} upload",
        f"study {other.public_id} report",
    ]
    assert "missing" in health.unreadable[0][1]
    assert "damaged" in health.unreadable[1][1]
    # A young file may belong to a study that is being saved now.
    assert health.orphans == ()
    make_all_old(store)
    assert check(store).orphans == (store.vault.path(stray),)
    assert not check(store).whole
