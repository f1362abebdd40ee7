"""Whatever somebody does to the rows of the trail is found, and the place is named."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, insert, update

from services.errors import InvalidRecord, Unavailable
from services.records import audit, chain
from services.records.chain import BEGINNING, Head, hash_of
from services.records.chain import verify_by_command as verify
from services.records.database import make_engine, reading, write
from services.records.rights import Origin
from services.records.tables import AuditEvent, AuditHead, Outcome
from tests.services.records.trail_rows import chained, change, rows

EVENT, HEAD = AuditEvent.__table__, AuditHead.__table__


@pytest.fixture
def ten(store, actors):
    """A trail of ten events."""
    for n in range(10):
        audit.note(store.engine, actors["doctor"] if n % 2 else None, "study.view", f"study {n} Ωß𝕏", Outcome.DONE)
    return store


def test_the_first_form_is_what_it_was():
    """These bytes never change: a later version adds a form of its own."""
    event = AuditEvent(
        id=7, at=datetime(2026, 3, 1, 9, 5, 0, 42, tzinfo=UTC), user_id=3, who="zoë", address="2001:db8::1",
        action="file.read", object="study 1 “report”", outcome=Outcome.REFUSED, form=1, previous=BEGINNING, hash="",
    )  # fmt: skip
    assert chain.FORMS[1](event) == (
        '[1,"2026-03-01 09:05:00.000042",3,"zo\\u00eb","2001:db8::1","file.read",'
        f'"study 1 \\u201creport\\u201d","refused","{BEGINNING}"]'
    )
    assert hash_of(event) == "2e097029e6f554bd59d274bacdbc6d81f2982e2309571b5d5eef404c86879f57"


def test_events_are_numbered_and_linked(ten):
    found = rows(ten)
    assert [row.id for row in found] == list(range(1, 11))
    assert found[0].previous == BEGINNING
    for before, after in itertools.pairwise(found):
        assert after.previous == before.hash
        assert after.at >= before.at
    verification = verify(ten)
    assert verification.whole
    assert verification.head == Head(10, found[-1].hash)


def test_an_event_says_from_where(store, actors):
    actor = dataclasses.replace(actors["doctor"], origin=Origin("2001:db8::1", "Firefox"))
    audit.note(store.engine, actor, "a", "o")
    audit.note(store.engine, None, "a", "o", origin=Origin("192.0.2.7", "Firefox"))
    audit.note(store.engine, None, "a", "o", origin=Origin("9" * 200))
    assert [row.address for row in rows(store)] == ["2001:db8::1", "192.0.2.7", "9" * 64]
    assert verify(store).whole


def test_an_empty_trail_is_whole(store):
    assert verify(store, expected=Head(0, BEGINNING)).whole


ALTERED = {
    "who": "somebody", "address": "192.0.2.1", "action": "nothing", "object": "study 5", "outcome": "failed",
    "user_id": None, "at": datetime(2020, 1, 1, tzinfo=UTC), "hash": "0" * 64, "form": 2,
}  # fmt: skip


@pytest.mark.parametrize("column", ALTERED)
@pytest.mark.parametrize("number", [1, 6, 10])
def test_an_altered_event_is_named(ten, column, number):
    if column == "user_id" and number == 1:
        pytest.skip("nobody was signed in")
    change(ten, update(EVENT).where(EVENT.c.id == number).values({column: ALTERED[column]}))
    verification = verify(ten)
    assert f"Event {number} was altered" in verification.faults[0]
    # A hash that was written over also breaks the link behind it.
    assert verification.found == (2 if column == "hash" else 1)


def test_a_microsecond_is_enough(ten):
    at = rows(ten)[4].at
    moved = at.replace(microsecond=(at.microsecond + 1) % 1_000_000)
    change(ten, update(EVENT).where(EVENT.c.id == 5).values(at=moved))
    assert "Event 5 was altered" in verify(ten).faults[0]


@pytest.mark.parametrize("number", range(1, 11))
def test_an_event_written_anew_with_its_own_right_hash_is_found(ten, number):
    row = rows(ten)[number - 1]
    change(ten, update(EVENT).where(EVENT.c.id == number).values(chained(row.previous, who="somebody")))
    (fault,) = verify(ten).faults
    assert fault.startswith(f"Event {number if number == 10 else number + 1} ")
    assert str(number) in fault


@pytest.mark.parametrize(
    ("gone", "said"),
    [((1,), "Event 1 is missing."), ((4,), "Event 4 is missing."), ((4, 5, 6), "Events 4 to 6 are missing."),
     ((10,), "Event 10 is missing at the end."), ((8, 9, 10), "Events 8 to 10 are missing at the end."),
     (tuple(range(1, 11)), "Events 1 to 10 are missing at the end.")],
)  # fmt: skip
def test_removed_events_are_named(ten, gone, said):
    change(ten, delete(EVENT).where(EVENT.c.id.in_(gone)))
    assert verify(ten).faults == (said,)


def shift(store, first, by):
    """Make room for ``by`` events before number ``first``, or close the gap that they left."""
    for number in sorted(range(first, 11), reverse=by > 0):
        change(store, update(EVENT).where(EVENT.c.id == number).values(id=number + by))
    change(store, update(HEAD).values(count=HEAD.c.count + by))


def test_a_removed_event_whose_gap_was_closed_is_found(ten):
    change(ten, delete(EVENT).where(EVENT.c.id == 4))
    shift(ten, 5, -1)
    (fault,) = verify(ten).faults
    assert fault.startswith("Event 4 was not written after the event that is now number 3")


@pytest.mark.parametrize("number", [1, 5, 10])
def test_an_inserted_event_is_named(ten, number):
    previous = rows(ten)[number - 1].previous
    shift(ten, number, 1)
    change(ten, insert(EVENT).values(id=number, **chained(previous)))
    assert verify(ten).faults == (
        f"Event {number} was inserted or moved there: event {number + 1} was written right after {number - 1}.",
    )


def test_two_inserted_events_are_named(ten):
    shift(ten, 5, 2)
    first = chained(rows(ten)[3].hash)
    change(ten, insert(EVENT).values(id=5, **first))
    change(ten, insert(EVENT).values(id=6, **chained(first["hash"])))
    assert verify(ten).faults == ("Events 5 to 6 were inserted or moved there: event 7 was written right after 4.",)


@pytest.mark.parametrize("number", [-3, 11, 500])
def test_an_event_outside_the_numbers_is_named(ten, number):
    change(ten, insert(EVENT).values(id=number, **chained(rows(ten)[-1].hash)))
    (fault,) = verify(ten).faults
    assert fault.startswith(f"Event {number} was inserted")


def test_two_exchanged_events_are_found(ten):
    for old, new in ((3, 99), (7, 3), (99, 7)):
        change(ten, update(EVENT).where(EVENT.c.id == old).values(id=new))
    assert [fault.split(" after")[0] for fault in verify(ten).faults] == [
        "Event 3 was not written", "Event 4 was not written",
        "Events 3 to 6 were inserted or moved there: event 7 was written right",
        "Events 4 to 7 were inserted or moved there: event 8 was written right",
    ]  # fmt: skip


def test_a_trail_cut_short_with_its_head_is_found_by_the_noted_head(ten):
    noted = verify(ten).head
    change(ten, delete(EVENT).where(EVENT.c.id > 7))
    change(ten, update(HEAD).values(count=7, hash=rows(ten)[-1].hash))
    assert verify(ten).whole
    assert verify(ten, expected=noted).faults == ("Events 8 to 10 are missing, which the expected head counts.",)
    audit.note(ten.engine, None, "a", "o")
    audit.note(ten.engine, None, "a", "o")
    audit.note(ten.engine, None, "a", "o")
    assert "made anew" in verify(ten, expected=noted).faults[0]


def test_a_trail_made_anew_is_found_by_the_noted_head(ten):
    noted = verify(ten).head
    audit.note(ten.engine, None, "a", "o")
    assert verify(ten, expected=noted).whole
    previous = BEGINNING
    for row in rows(ten):
        anew = chained(previous, who="" if row.id == 2 else row.who)
        change(ten, update(EVENT).where(EVENT.c.id == row.id).values(anew))
        previous = anew["hash"]
    change(ten, update(HEAD).values(hash=previous))
    assert verify(ten).whole
    (fault,) = verify(ten, expected=noted).faults
    assert fault == "Event 10 has not the expected hash: the trail up to it was made anew."


def test_a_head_that_was_changed_or_removed(ten):
    change(ten, update(HEAD).values(hash="1" * 64))
    assert "Event 10 is not the one" in verify(ten).faults[0]
    change(ten, update(HEAD).values(count=8))
    assert [fault.split(":")[0] for fault in verify(ten).faults] == [
        "Event 8 is not the one that was written last", "Event 9 was inserted", "Event 10 was inserted",
    ]  # fmt: skip
    change(ten, delete(HEAD))
    assert "audit_head" in verify(ten).faults[0]
    # Nothing is done without a note.
    with pytest.raises(Unavailable, match="verify-audit"):
        audit.note(ten.engine, None, "a", "o")
    assert len(rows(ten)) == 10


def test_long_lists_of_faults_are_cut(store, monkeypatch):
    monkeypatch.setattr(chain, "MOST_FAULTS", 3)
    monkeypatch.setattr(chain, "ROWS_AT_ONCE", 4)
    for _ in range(10):
        audit.note(store.engine, None, "a", "o")
    change(store, update(EVENT).values(who="somebody"))
    verification = verify(store)
    assert (len(verification.faults), verification.found) == (3, 10)


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_values_that_no_column_would_take_are_altered_events(ten):
    """SQLite stores anything anywhere."""
    engine = make_engine(str(ten.engine.url))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE audit_event SET at = 'yesterday' WHERE id = 2")
        connection.exec_driver_sql("UPDATE audit_event SET outcome = x'00ff' WHERE id = 4")
        connection.exec_driver_sql("UPDATE audit_event SET form = 'none', hash = '' WHERE id = 10")
    engine.dispose()
    assert [fault.split(" was")[0] for fault in verify(ten).faults] == [
        "Event 2", "Event 4", "Event 10", "Event 10 is not the one that",
    ]  # fmt: skip


def test_work_that_fails_leaves_no_gap(store, doctor):
    def work(session):
        audit.record(session, doctor, "a", "o")
        raise InvalidRecord("On purpose.")

    audit.note(store.engine, doctor, "a", "o")
    with pytest.raises(InvalidRecord):
        write(store.engine, work)
    audit.note(store.engine, doctor, "a", "o")
    assert verify(store).head.count == len(rows(store)) == 2
    assert verify(store).whole


@pytest.mark.parametrize("text", ["", "7", "7:", "x:" + "0" * 64, "7:" + "g" * 64, "-1:" + "0" * 64])
def test_a_head_is_read_as_it_is_printed(text):
    head = Head(7, "a1" * 32)
    assert Head.parse(f" {head}\n") == head
    with pytest.raises(InvalidRecord, match="COUNT:HASH"):
        Head.parse(text)


def test_an_event_that_nobody_would_commit_is_refused(store, doctor):
    with reading(store.engine) as session, pytest.raises(KeyError):
        audit.record(session, doctor, "a", "o")
