"""What both databases promise: foreign keys, whole values, aware times, sentences instead of driver errors."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from services.errors import InvalidRecord, Unavailable
from services.records.columns import now
from services.records.database import make_engine, reading, write
from services.records.tables import AuditEvent, Patient, SignInSession

ROOT = Path(__file__).resolve().parents[3]


def event(**given):
    row = {"at": now(), "who": "", "address": "", "action": "a", "object": "o", "outcome": "done", "form": 1}
    return AuditEvent(**row | {"previous": "", "hash": ""} | given)


def test_a_row_cannot_point_to_nothing(store):
    def work(session):
        session.add(SignInSession(user_id=4711, token_hash="x" * 64, created=now(), last_seen=now(), expires=now()))

    with pytest.raises(InvalidRecord, match="contradicts another"):
        write(store.engine, work)


def test_a_row_that_others_point_to_stays(store, doctor):
    write(
        store.engine,
        lambda s: s.add(Patient(name="x", sex="other", created_by_id=doctor.user_id)),
    )
    with pytest.raises(InvalidRecord):
        write(store.engine, lambda s: s.exec(text(f"DELETE FROM user WHERE id = {doctor.user_id}")))


def test_nothing_is_cut_off_silently(store, address):
    if address.startswith("sqlite"):
        with reading(store.engine) as session:
            assert session.connection().scalar(text("PRAGMA foreign_keys")) == 1
            assert session.connection().scalar(text("PRAGMA journal_mode")) == "wal"
            assert session.connection().scalar(text("PRAGMA synchronous")) == 2
        return
    with pytest.raises(InvalidRecord, match="does not fit"):
        write(store.engine, lambda s: s.add(event(who="x" * 65)))


def test_a_time_without_a_zone_is_refused(store):
    naive = datetime(2024, 1, 1)  # noqa: DTZ001  the mistake under test
    with pytest.raises(InvalidRecord):
        write(store.engine, lambda s: s.add(event(at=naive)))


def test_a_time_is_stored_as_utc(store):
    moment = datetime.fromisoformat("2024-07-01T02:00:00.000001+05:30")
    write(store.engine, lambda s: s.add(event(at=moment)))
    with reading(store.engine) as session:
        assert str(session.connection().scalar(text("SELECT at FROM audit_event"))) == "2024-06-30 20:30:00.000001"
    assert now().tzinfo is UTC


def test_an_error_in_the_work_undoes_all_of_it(store):
    def work(session):
        session.add(event())
        session.flush()
        raise InvalidRecord("On purpose.")

    with pytest.raises(InvalidRecord, match="On purpose"):
        write(store.engine, work)
    with reading(store.engine) as session:
        assert session.connection().scalar(text("SELECT COUNT(*) FROM audit_event")) == 0


def test_sentences_and_the_log_hold_no_values(store, doctor, caplog):
    def work(session):
        for _ in range(2):
            row = Patient(name="Geheim", sex="other", identifier_key="H-4711", created_by_id=doctor.user_id)
            session.add(row)
            session.flush()

    with pytest.raises(InvalidRecord) as caught:
        write(store.engine, work)
    assert "The database refused a record. event=record-refused error=IntegrityError code=" in caplog.text
    for secret in ("Geheim", "4711"):
        assert secret not in f"{caught.value} {caplog.text}"


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_a_new_database_file_is_for_us_only(tmp_path, store):
    make_engine(f"sqlite:///{tmp_path}/new/falx.db").dispose()
    assert stat.S_IMODE((tmp_path / "new" / "falx.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_importing_the_records_loads_neither_screen_nor_model():
    code = "import sys, services.records; print({'streamlit', 'tensorflow', 'keras', 'cv2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.stdout == "set()\n"


def test_a_database_that_is_down_is_one_line_that_says_why(caplog):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        # Bound but not listening: nobody answers there.
        engine = make_engine(f"mysql+pymysql://somebody:hidden@127.0.0.1:{taken.getsockname()[1]}/falx")
        with pytest.raises(Unavailable, match="cannot be used at the moment"), reading(engine) as session:
            session.connection()
    (record,) = caplog.records
    assert record.getMessage() == (
        "The database cannot be used: no server answers at its address. "
        "event=database-unavailable error=OperationalError code=2003"
    )
