"""The trail as a chain: each event carries the hash of the one before it, so none can be changed alone.

What is hashed is SHA-256 over a canonical text of the event and the hash of its predecessor. The text is versioned:
each event says in ``form`` which of ``FORMS`` made it, so that a later version can hash more without breaking the past.

What this proves: whoever alters, removes, inserts or exchanges an event, and does not write every later event and the
head anew, is found, and the place is named. What it does not prove by itself: someone who can write to the database may
cut the end off or make the whole chain anew, head included, because no secret goes into it. Against that, heads (how
many events, and the hash of the last) are noted where that person cannot write, and compared with later: a trail that
was cut short or made anew cannot lead to the same hash at the same number. Falx notes them on the server (heads.py);
one that ``verify`` gave may be kept elsewhere.

References: B. Schneier and J. Kelsey, Secure audit logs to support computer forensics, ACM TISSEC 2 (1999), and
S. Haber and W. S. Stornetta, How to time-stamp a digital document, J. Cryptology 3 (1991), for the linking.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, String, type_coerce
from sqlalchemy import select as select_columns
from sqlmodel import col, select

from services.errors import InvalidRecord
from services.records.database import reading
from services.records.heads import heads_of
from services.records.rights import Action, Actor, confirm, require
from services.records.store import Store
from services.records.tables import AuditEvent, AuditHead

BEGINNING = "0" * 64
HEAD_ID = 1
ROWS_AT_ONCE = 1000
MOST_FAULTS = 50


@dataclass(frozen=True)
class Head:
    """How far a trail goes: the number of its events, and the hash of the last."""

    count: int
    hash: str

    def __str__(self) -> str:
        return f"{self.count}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """The head as it prints itself; InvalidRecord for anything else."""
        found = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", text.strip().lower())
        if found is None:
            raise InvalidRecord("A head is written COUNT:HASH, as “verify-audit” prints it. Copy it whole.")
        return cls(int(found[1]), found[2])


@dataclass(frozen=True)
class Verification:
    """What ``verify`` found. ``faults`` are sentences, at most MOST_FAULTS of ``found``, in the order of the trail.

    ``noted`` is how many heads noted on the server it was compared with (see heads.py).
    """

    head: Head
    faults: tuple[str, ...]
    found: int
    noted: int = 0

    @property
    def whole(self) -> bool:
        """Nothing is wrong."""
        return not self.found


def _first_form(event: Any) -> str:
    """A JSON array in ASCII without spaces.

    Its parts: the form, the time in UTC to the microsecond, user's key, user name, address, action, object, outcome,
    hash of the event before. The number is left out: an event's place follows from the link.
    """
    at = event.at if isinstance(event.at, str) else time_text(event.at)
    fields = (event.user_id, event.who, event.address, event.action, event.object, event.outcome, event.previous)
    # An altered row of SQLite may hold a value of any kind.
    return json.dumps([1, at, *fields], separators=(",", ":"), default=repr)


FORMS: Mapping[int, Callable[[Any], str]] = {1: _first_form}
NEWEST_FORM = max(FORMS)


def time_text(at: datetime) -> str:
    """A moment in UTC as it is hashed, which is also how SQLite stores it."""
    return f"{at:%Y-%m-%d %H:%M:%S.%f}"


def hash_of(event: Any) -> str:
    """The hash that ``event`` (a row of audit_event) ought to have; KeyError where its form is unknown."""
    return hashlib.sha256(FORMS[event.form](event).encode("ascii")).hexdigest()


def verify(store: Store, actor: Actor, expected: Head | None = None) -> Verification:
    """Read the whole trail and say where it is not what was written.

    It is compared with the heads noted on the server, and with an ``expected`` head if given. Events that are added
    meanwhile are left for the next time. Raises NotAllowed, Unavailable.
    """
    require(actor, Action.AUDIT_VIEW)
    with reading(store.engine) as session:
        confirm(session, actor)
    return verify_by_command(store, expected)


def verify_by_command(store: Store, expected: Head | None = None) -> Verification:
    """``verify`` for the command line only: who runs it holds the database anyway. Raises Unavailable."""
    head = _head(store)
    walk = _Walk(expected)
    for row in _rows(store, head):
        walk.step(row)
    walk.end(head, _behind(store))
    noted = _compare_noted(store, walk)
    return Verification(head or Head(walk.number, walk.hash), tuple(walk.faults), walk.found, noted)


class _Walk:
    """One pass over the events in their order."""

    def __init__(self, expected: Head | None) -> None:
        self.number, self.hash = 0, BEGINNING
        self.faults: list[str] = []
        self.found = 0
        self._expected = expected
        self._at_expected: str | None = BEGINNING if expected and expected.count == 0 else None
        self._recent: deque[str] = deque([BEGINNING], maxlen=ROWS_AT_ONCE)

    def fault(self, sentence: str) -> None:
        self.found += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(sentence)

    def step(self, row: Row[Any]) -> None:
        if row.id < 1:
            self.fault(f"Event {row.id} was inserted: the numbers of events begin with 1.")
            return
        if row.id != self.number + 1:
            self.fault(f"{_events(self.number + 1, row.id - 1)} missing.")
            self._recent.clear()
        elif row.previous != self.hash:
            self._broken_link(row)
        if row.form not in FORMS or hash_of(row) != row.hash:
            self.fault(f"Event {row.id} was altered; it now reads: {_read_out(row)}.")
        self.number, self.hash = row.id, row.hash
        self._recent.append(row.hash)
        if self._expected and row.id == self._expected.count:
            self._at_expected = row.hash

    def _broken_link(self, row: Row[Any]) -> None:
        before = list(self._recent)
        if row.previous in before:
            first = row.id - before[::-1].index(row.previous)
            self.fault(
                f"{_events(first, row.id - 1, was=True)} inserted or moved there: event {row.id} was written right "
                f"after {first - 1}."
            )
        else:
            self.fault(
                f"Event {row.id} was not written after the event that is now number {row.id - 1}: one of the two was "
                "put in another's place."
            )

    def end(self, head: Head | None, behind: tuple[int, ...]) -> None:
        if head is None:
            self.fault("The row that says where the trail ends is missing (table audit_head).")
        elif self.number < head.count:
            self.fault(f"{_events(self.number + 1, head.count)} missing at the end.")
        elif self.hash != head.hash:
            self.fault(f"Event {head.count} is not the one that was written last: it was put in another's place.")
        for number in behind:
            self.fault(f"Event {number} was inserted: it stands behind the end of the trail.")
        if self._expected is None:
            return
        if self.number < self._expected.count:
            self.fault(f"{_events(self.number + 1, self._expected.count)} missing, which the expected head counts.")
        elif self._at_expected != self._expected.hash:
            self.fault(f"Event {self._expected.count} has not the expected hash: the trail up to it was made anew.")


def _compare_noted(store: Store, walk: _Walk) -> int:
    """Name the noted heads that are not in the trail, and say how many there are in all."""
    heads = heads_of(store.engine)
    if heads is None:
        return 0
    noted, foreign = 0, 0
    missing, other = list[int](), list[int]()
    lines = heads.lines()
    while batch := list(itertools.islice(lines, ROWS_AT_ONCE)):
        asked = [line for line in batch if line is not None]
        noted, foreign = noted + len(asked), foreign + len(batch) - len(asked)
        query = select(AuditEvent.id, AuditEvent.hash).where(col(AuditEvent.id).in_([count for count, _ in asked]))
        with reading(store.engine) as session:
            there = dict(session.exec(query).all())
        missing += [count for count, _ in asked if count not in there]
        other += [count for count, digest in asked if there.get(count, digest) != digest]
    if missing:
        walk.fault(f"{_events(min(missing), max(missing))} missing, which {heads.path} names.")
    if other:
        walk.fault(f"{_events(min(other), max(other))} not what {heads.path} names: the end was cut off, or made anew.")
    if foreign:
        walk.fault(
            f"{heads.path} has {foreign} lines that were not made with this COOKIE_KEY: they were altered, or the key "
            "was changed. If you changed it, rename the file, and a new one is begun."
        )
    return noted


def _events(first: int, last: int, *, was: bool = False) -> str:
    if first == last:
        return f"Event {first} {'was' if was else 'is'}"
    return f"Events {first} to {last} {'were' if was else 'are'}"


def _read_out(row: Row[Any]) -> str:
    who = row.who or "nobody signed in"
    return f"{row.at} UTC, {who}, {row.action}, {row.object or 'no object'}, {row.outcome}"


def _head(store: Store) -> Head | None:
    with reading(store.engine) as session:
        row = session.get(AuditHead, HEAD_ID)
        return Head(row.count, row.hash) if row else None


def _rows(store: Store, head: Head | None) -> Iterator[Row[Any]]:
    """The events up to ``head`` by number, raw: an altered value may be none that the column's type can read."""
    table = {name: col(getattr(AuditEvent, name)) for name in AuditEvent.model_fields}
    raw = table | {name: type_coerce(table[name], String).label(name) for name in ("at", "outcome")}
    last: int | None = None
    while True:
        page = select_columns(*raw.values()).order_by(table["id"]).limit(ROWS_AT_ONCE)
        if head is not None:
            page = page.where(table["id"] <= head.count)
        if last is not None:
            page = page.where(table["id"] > last)
        with reading(store.engine) as session:
            rows = session.connection().execute(page).all()
        if not rows:
            return
        yield from rows
        last = rows[-1].id


def _behind(store: Store) -> tuple[int, ...]:
    """Numbers of events behind the head, asked in one statement, so that no writer comes between."""
    count = select(AuditHead.count).where(AuditHead.id == HEAD_ID).scalar_subquery()
    query = select(AuditEvent.id).where(col(AuditEvent.id) > count).order_by(col(AuditEvent.id)).limit(MOST_FAULTS)
    with reading(store.engine) as session:
        return tuple(number for number in session.exec(query).all() if number is not None)
