"""Events are found by what they say, newest first, page by page, and leave as a table that runs nothing."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import text

from services.errors import NotAllowed
from services.records import audit, trail
from services.records.database import reading
from services.records.filters import StudyFilters
from services.records.history import find_studies
from services.records.rights import Origin
from services.records.studies import get_study, save_study
from services.records.tables import Outcome
from services.records.trail import EventFilters, export_events, find_actions, find_events
from tests.services.records.trail_rows import rows

STUDY, OTHER = "study 11111111-aaaa", "study 22222222-bbbb"


@pytest.fixture
def noted(store, actors):
    """Thirty events by three, on three objects."""
    for n in range(10):
        audit.note(store.engine, actors["doctor"], "study.view", STUDY if n % 2 else OTHER)
        audit.note(store.engine, actors["colleague"], "file.read", f"{STUDY} report")
        audit.note(store.engine, None, "sign-in", "account unknown", Outcome.REFUSED, origin=Origin(f"192.0.2.{n}"))
    return store


def numbers(page):
    return [event.number for event in page.events]


def test_newest_first_and_whole(noted, actors):
    page = find_events(noted, actors["admin"])
    assert numbers(page) == list(range(30, 0, -1))
    assert page.after is None
    event, row = page.events[0], rows(noted)[-1]
    assert (event.at, event.who, event.address, event.action) == (row.at, "", "192.0.2.9", "sign-in")
    assert (event.object, event.outcome) == ("account unknown", "refused")
    assert (event.previous, event.hash) == (row.previous, row.hash)


@pytest.mark.parametrize(
    ("filters", "found"),
    [({"who": "doctor"}, range(1, 31, 3)), ({"who": " Doctor "}, range(1, 31, 3)), ({"who": "doc"}, ()),
     ({"action": "file.read"}, range(2, 31, 3)), ({"action": "file"}, ()),
     ({"outcome": Outcome.REFUSED}, range(3, 31, 3)), ({"outcome": Outcome.FAILED}, ()),
     ({"object": STUDY}, [n for n in range(1, 31) if n % 3 == 2 or n % 6 == 4]),
     ({"object": STUDY.upper().replace(" ", "  ")}, [n for n in range(1, 31) if n % 3 == 2 or n % 6 == 4]),
     ({"object": f"{STUDY} report"}, range(2, 31, 3)), ({"object": "study"}, [n for n in range(1, 31) if n % 3]),
     ({"object": "stud"}, ()), ({"object": STUDY[:12]}, ()),
     ({"object": "tudy"}, ()), ({"object": "study_"}, ()), ({"object": "%"}, ()), ({"object": "\ud800"}, ()),
     ({"who": "doctor", "action": "file.read"}, ()), ({"who": "doctor", "object": OTHER}, range(1, 31, 6))],
)  # fmt: skip
def test_filters(noted, actors, filters, found):
    assert numbers(find_events(noted, actors["admin"], EventFilters(**filters))) == sorted(found, reverse=True)


def test_a_patient_is_found_with_their_studies_and_by_the_id_alone(store, doctor, actors, make_study):
    view, other = (save_study(store, doctor, make_study(name=name)) for name in ("Anna", "Bob"))
    get_study(store, doctor, view.public_id)
    whole = StudyFilters(patient_public_id=view.patient.public_id)
    find_studies(store, doctor, whole)
    audit.note(store.engine, doctor, "study.find", f"patient {view.patient.public_id}, 7 studies")

    def actions(named):
        return [event.action for event in find_events(store, actors["admin"], EventFilters(object=named)).events]

    expected = ["study.find", "study.find", "study.view", "study.save"]
    assert actions(f"patient {view.patient.public_id}") == actions(str(view.patient.public_id).upper()) == expected
    assert actions(str(view.public_id)) == ["study.view", "study.save"]
    assert actions(str(other.public_id)) == ["study.save"]
    assert actions(str(actors["patient"].public_id)) == []


def test_times(noted, actors):
    admin, at = actors["admin"], [row.at for row in rows(noted)]
    assert numbers(find_events(noted, admin, EventFilters(since=at[20]))) == list(range(30, 20, -1))
    assert numbers(find_events(noted, admin, EventFilters(until=at[20]))) == list(range(20, 0, -1))
    assert numbers(find_events(noted, admin, EventFilters(since=at[4], until=at[6]))) == [6, 5]
    assert numbers(find_events(noted, admin, EventFilters(since=at[29] + timedelta(1)))) == []


@pytest.mark.parametrize("filters", [EventFilters(), EventFilters(object="study"), EventFilters(who="doctor")])
def test_pages_follow_each_other_while_others_write(noted, actors, filters):
    whole = numbers(find_events(noted, actors["admin"], filters, limit=200))
    gone_through, after = [], None
    while True:
        page = find_events(noted, actors["admin"], filters, after, limit=4)
        gone_through += numbers(page)
        audit.note(noted.engine, actors["doctor"], "study.view", STUDY)
        if page.after is None:
            break
        assert len(page.events) == 4
        after = page.after
    assert gone_through == whole


def test_events_of_the_same_microsecond_are_neither_lost_nor_doubled(store, actors, monkeypatch):
    moment = audit.now()
    monkeypatch.setattr(audit, "now", lambda: moment)
    for _ in range(7):
        audit.note(store.engine, None, "a", "o")
    found, after = [], None
    for _ in range(4):
        page = find_events(store, actors["admin"], after=after, limit=2)
        found += numbers(page)
        after = page.after
    assert found == [7, 6, 5, 4, 3, 2, 1]
    assert after is None


def test_the_actions_to_choose_from(noted, actors):
    assert find_actions(noted, actors["admin"]) == ("file.read", "sign-in", "study.view")


@pytest.mark.parametrize("filters", [EventFilters(), EventFilters(who="doctor"), EventFilters(outcome=Outcome.REFUSED)])
def test_a_page_is_read_along_an_index(noted, filters):
    """However long the trail, no page sorts it."""
    if noted.engine.dialect.name != "sqlite":
        pytest.skip("an optimizer that sees thirty rows may read them all")
    with reading(noted.engine) as session:
        seen = []
        connection = session.connection()
        connection.connection.dbapi_connection.set_trace_callback(seen.append)
        after = trail._page(session, filters, None, 3).after
        trail._page(session, filters, after, 3)
        connection.connection.dbapi_connection.set_trace_callback(None)
        plans = [str(connection.execute(text(f"EXPLAIN QUERY PLAN {query}")).all()) for query in seen]
    assert len(plans) == 2
    for plan in plans:
        assert "USING INDEX" in plan
        assert "TEMP B-TREE" not in plan


def test_the_table_holds_all_and_taking_it_is_noted(noted, actors, monkeypatch):
    monkeypatch.setattr(trail, "ROWS_AT_ONCE", 7)
    audit.note(noted.engine, actors["doctor"], "=cmd|' /C calc'!A1", "@SUM(1)")
    chunks = list(export_events(noted, actors["admin"], EventFilters(who="doctor")))
    assert len(chunks) == 1 + 2
    table = list(csv.reader(io.StringIO(b"".join(chunks).decode("utf-8-sig"), newline="")))
    assert tuple(table[0]) == trail.HEADS
    assert [int(row[0]) for row in table[1:]] == [31, *range(28, 0, -3)]
    assert table[1][4:6] == ["'=cmd|' /C calc'!A1", "'@SUM(1)"]
    row = rows(noted)[0]
    assert table[-1] == ["1", row.at.isoformat(), "doctor", "", "study.view", OTHER, "done", row.previous, row.hash]
    last = rows(noted)[-1]
    assert (last.who, last.action, last.object) == ("admin", "audit.export", "trail")


def test_who_may_not_export_leaves_at_once(noted, actors):
    """Not only when the table is read."""
    with pytest.raises(NotAllowed):
        export_events(noted, actors["doctor"])


def test_an_altered_outcome_is_shown_as_it_is(noted, actors):
    with noted.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE audit_event SET outcome = 'undone' WHERE id = 30")
    assert find_events(noted, actors["admin"]).events[0].outcome == "undone"
