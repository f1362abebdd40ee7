"""Whatever is done to the events, with right hashes at will: as long as the head stays as it was, it is found."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from services.records.chain import BEGINNING, Head, _Walk, hash_of

FIELDS = ("at", "user_id", "who", "address", "action", "object", "outcome")
places = st.integers(0, 9)
changes = st.one_of(
    st.tuples(st.just("alter"), places, st.sampled_from((*FIELDS, "form", "previous", "hash")), st.sampled_from("xyz")),
    st.tuples(st.just("remove"), places),
    st.tuples(st.just("insert"), places),
    st.tuples(st.just("exchange"), places, places),
    # What someone does who knows how the chain is made: close the gaps, and hash anew from some place on.
    st.tuples(st.just("number"), st.just(0)),
    st.tuples(st.just("hash"), places),
)


def trail():
    events, previous = [], BEGINNING
    for number in range(1, 9):
        event = SimpleNamespace(
            id=number, at=datetime(2026, 1, 1, microsecond=number, tzinfo=UTC), user_id=number % 3 or None, who="zoë",
            address="", action="study.view", object=f"study {number}", outcome="done", form=1, previous=previous,
            hash="",
        )  # fmt: skip
        event.hash = previous = hash_of(event)
        events.append(event)
    return events


def content(events):
    return [tuple(vars(event).values()) for event in events]


def spoil(events, kind, place, *more):
    at = place % len(events) if events else 0
    if kind == "insert":
        events.insert(at, SimpleNamespace(**vars(trail()[0]) | {"id": events[at].id if events else 1, "who": "new"}))
        for event in events[at + 1 :]:
            event.id += 1
    elif not events:
        return
    elif kind == "alter":
        setattr(events[at], *more)
    elif kind == "remove":
        del events[at]
    elif kind == "exchange":
        other = more[0] % len(events)
        events[at], events[other] = events[other], events[at]
        events[at].id, events[other].id = events[other].id, events[at].id
    elif kind == "number":
        for number, event in enumerate(events, start=1):
            event.id = number
    else:
        for n, event in enumerate(events[at:], start=at):
            event.form, event.previous = 1, events[n - 1].hash if n else BEGINNING
            event.hash = hash_of(event)


def faults(events, head):
    walk = _Walk(head)
    for event in events:
        if event.id <= head.count:
            walk.step(event)
    walk.end(head, tuple(event.id for event in events if event.id > head.count))
    return walk.faults


@given(st.lists(changes, max_size=6))
def test_every_change_is_found(spoilt):
    events = trail()
    before, head = content(events), Head(len(events), events[-1].hash)
    for change in spoilt:
        spoil(events, *change)
    assert bool(faults(events, head)) is (content(events) != before)
