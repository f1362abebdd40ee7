"""A trail whose end was cut off, or made anew, is found by the heads noted outside the database."""

from __future__ import annotations

import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, update

from services.errors import InvalidRecord
from services.records import audit
from services.records.backup import back_up, restore
from services.records.chain import BEGINNING
from services.records.chain import verify_by_command as verify
from services.records.database import last, write
from services.records.heads import NotedHeads, heads_of, keep_heads
from services.records.store import open_store
from services.records.tables import AuditEvent, AuditHead
from services.settings import Settings
from tests.services.records.trail_rows import chained, change, rows

EVENT, HEAD = AuditEvent.__table__, AuditHead.__table__


@pytest.fixture
def house(address, tmp_path):
    """A store with ten events whose heads are noted."""
    with open_store(Settings(_env_file=None, database_url=address, var_dir=tmp_path / "var")) as store:
        note(store, 10)
        yield store


def note(store, times):
    for n in range(times):
        audit.note(store.engine, None, "a", f"study {n}")


def file_of(store):
    return heads_of(store.engine).path


def cut(store, keep):
    """What somebody does who can write to the database: a shorter trail, with the head that belongs to it."""
    change(store, delete(EVENT).where(EVENT.c.id > keep))
    change(store, update(HEAD).values(count=keep, hash=rows(store)[-1].hash if keep else BEGINNING))


def test_each_head_is_noted_for_us_only(house):
    assert stat.S_IMODE(file_of(house).stat().st_mode) == 0o600
    noted = [line.split()[0] for line in file_of(house).read_text().splitlines()]
    assert noted == [f"{row.id}:{row.hash}" for row in rows(house)]
    verification = verify(house)
    assert verification.whole
    assert verification.noted == 10


@pytest.mark.parametrize(
    ("keep", "said"), [(9, "Event 10 is missing"), (6, "Events 7 to 10 are"), (0, "Events 1 to 10")]
)
def test_a_trail_cut_short_with_its_head_is_found(house, keep, said):
    cut(house, keep)
    (fault,) = verify(house).faults
    assert fault.startswith(said)
    assert str(file_of(house)) in fault
    # Also when others have come since, and the old numbers are taken again.
    note(house, 12)
    (fault,) = verify(house).faults
    assert f"{keep + 1 if keep < 9 else 10}" in fault
    assert "cut off, or made anew" in fault


def test_a_head_put_back_without_its_events_is_found(house):
    change(house, update(HEAD).values(count=7, hash=rows(house)[6].hash))
    assert [fault.split(":")[0] for fault in verify(house).faults] == [f"Event {n} was inserted" for n in (8, 9, 10)]


def test_a_trail_made_anew_is_found_and_its_heads_cannot_be_noted(house, tmp_path):
    previous, lines = BEGINNING, []
    for row in rows(house):
        anew = chained(previous, who="somebody")
        change(house, update(EVENT).where(EVENT.c.id == row.id).values(anew))
        previous = anew["hash"]
        lines.append(f"{row.id}:{previous}")
    change(house, update(HEAD).values(hash=previous))
    (fault,) = verify(house).faults
    assert fault.startswith("Events 1 to 10 are not what")
    # With every mark that can be had without the key.
    marks = [line.split()[1] for line in file_of(house).read_text().splitlines()]
    file_of(house).write_text("".join(f"{line} {mark}\n" for line, mark in zip(lines, marks, strict=True)))
    (fault,) = verify(house).faults
    assert "10 lines that were not made with this COOKIE_KEY" in fault


def test_another_key_is_said_and_the_old_file_can_be_set_aside(house):
    keep_heads(house.engine, NotedHeads(file_of(house), lambda: "another key of the tests, varied and long"))
    (fault,) = verify(house).faults
    assert "If you changed it, rename the file" in fault
    file_of(house).rename(file_of(house).with_suffix(".old"))
    assert verify(house).whole
    note(house, 1)
    assert verify(house).noted == 1


def test_work_that_is_undone_notes_no_head(house):
    def work(session):
        audit.record(session, None, "never", "")
        last(session, fail)

    def fail(_):
        raise InvalidRecord("On purpose.")

    with pytest.raises(InvalidRecord):
        write(house.engine, work)
    note(house, 1)
    assert verify(house).whole
    assert verify(house).noted == 11


def test_a_file_that_cannot_be_written_is_logged_and_stops_nobody(house, caplog):
    file_of(house).unlink()
    file_of(house).mkdir()
    note(house, 1)
    assert len(rows(house)) == 11
    assert "event=head-not-noted" in caplog.text


def test_parallel_writers_note_heads_that_are_all_in_the_trail(house, address, tmp_path):
    other = open_store(Settings(_env_file=None, database_url=address, var_dir=tmp_path / "var"))
    together = threading.Barrier(8)

    def work(n):
        together.wait(60)
        note(other if n % 2 else house, 10)

    with other, ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    verification = verify(house)
    assert verification.whole, verification.faults
    assert (verification.head.count, verification.noted) == (90, 90)


def test_a_restored_trail_begins_another_file(house, tmp_path):
    back_up(house, tmp_path / "backup")
    note(house, 5)
    lost = file_of(house).read_text()
    # The server stays, its database is lost.
    settings = Settings(_env_file=None, database_url=f"sqlite:///{tmp_path}/fresh.db", var_dir=tmp_path / "var")
    with open_store(settings) as fresh:
        restore(fresh, tmp_path / "backup")
        verification = verify(fresh)
        assert verification.whole, verification.faults
        assert verification.noted == 1
    (aside,) = file_of(house).parent.glob("audit-heads.log.*")
    assert aside.read_text() == lost
