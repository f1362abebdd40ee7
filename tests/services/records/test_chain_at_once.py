"""Writers in several threads and processes add to one chain, which stays whole and in one order."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlmodel import select

from services.errors import InvalidRecord
from services.records import audit
from services.records.chain import verify_by_command as verify
from services.records.database import make_engine, write
from services.records.history import find_studies
from services.records.studies import get_study, save_study
from services.records.tables import User
from tests.services.records.trail_rows import rows

ROOT = Path(__file__).resolve().parents[3]
WRITER = """
import pickle, sys, threading
from services.records import audit
from services.records.database import make_engine
address, file, name = sys.argv[1:]
actor = pickle.load(open(file, "rb"))
engine = make_engine(address)
def add(thread):
    for n in range(10):
        audit.note(engine, actor, "process.note", f"{name} {thread} {n}")
print("ready", flush=True)
sys.stdin.readline()
threads = [threading.Thread(target=add, args=(n,)) for n in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


def test_twenty_writers_in_processes_and_threads(store, doctor, make_study, tmp_path, address):
    """Four processes of four threads note, while four more threads save, look, and fail on purpose."""
    (tmp_path / "actor").write_bytes(pickle.dumps(doctor))
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, address, str(tmp_path / "actor"), str(n)],
            cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        for n in range(4)
    ]  # fmt: skip

    def fail(session):
        audit.record(session, doctor, "never", "")
        session.flush()
        raise InvalidRecord("On purpose.")

    def work(thread):
        for _ in range(5):
            saved = save_study(store, doctor, make_study(identifier="H-1" if thread % 2 else None))
            get_study(store, doctor, saved.public_id)
            find_studies(store, doctor)
            with pytest.raises(InvalidRecord, match="On purpose"):
                write(store.engine, fail)
            # A trail that others are writing to is whole at every moment.
            assert verify(store).whole

    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(work, thread) for thread in range(4)]
        for writer in writers:
            writer.stdin.write("\n")
            writer.stdin.flush()
        for thread in working:
            thread.result(300)
    for writer in writers:
        _, errors = writer.communicate(timeout=300)
        assert writer.returncode == 0, errors
    found = rows(store)
    noted = [row.object for row in found if row.action == "process.note"]
    assert sorted(noted) == sorted(f"{p} {t} {n}" for p in range(4) for t in range(4) for n in range(10))
    actions = [row.action for row in found]
    assert [actions.count(a) for a in ("study.save", "study.view", "study.find", "never")] == [20, 20, 20, 0]
    assert [row.id for row in found] == list(range(1, 160 + 60 + 1))
    assert [row.at for row in found] == sorted(row.at for row in found)
    verification = verify(store)
    assert verification.whole, verification.faults
    assert verification.head.count == 220
    # Each writer's own events are in the order in which it wrote them.
    assert [n for n in noted if n.startswith("2 3 ")] == [f"2 3 {n}" for n in range(10)]


def test_who_changes_an_account_and_who_notes_under_it_do_not_wait_for_each_other(store, doctor, monkeypatch):
    """Were the head locked before the account is looked at, each would hold what the other one waits for."""
    monkeypatch.setattr("services.records.database.ATTEMPTS", 1)
    both = threading.Barrier(2)

    def rename(session):
        user = session.exec(select(User).where(User.id == doctor.user_id).with_for_update()).one()
        user.full_name += "x"
        audit.record(session, None, "account.change", "account")

    def keep(work):
        both.wait(60)
        for _ in range(40):
            write(store.engine, work)

    with ThreadPoolExecutor(2) as pool:
        changing = pool.submit(keep, rename)
        noting = pool.submit(keep, lambda session: audit.record(session, doctor, "note", ""))
        changing.result(120)
        noting.result(120)
    assert verify(store).head.count == 80
    assert verify(store).whole


def test_the_head_is_locked_late(store, doctor, address):
    """A long transaction that has noted something holds nobody up until it commits."""
    if address.startswith("sqlite"):
        pytest.skip("SQLite lets one writer in at a time")
    noted, release = threading.Event(), threading.Event()

    def long(session):
        audit.record(session, doctor, "long", "")
        session.flush()
        noted.set()
        assert release.wait(60)

    other = make_engine(address)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(write, store.engine, long)
        assert noted.wait(60)
        audit.note(other, doctor, "short", "")
        release.set()
        slow.result(60)
    other.dispose()
    assert [row.action for row in rows(store)] == ["short", "long"]
    assert verify(store).whole
