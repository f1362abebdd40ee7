"""Reading the trail, for administrators: its events newest first, found by what they say, and as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, and_, func, or_, type_coerce
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from services.records import audit, spreadsheet
from services.records.columns import LAST_LETTER
from services.records.database import reading, write
from services.records.lookup import as_uuid
from services.records.rare import if_few
from services.records.rights import Action, Actor, confirm, require
from services.records.store import Store
from services.records.tables import AuditEvent, Outcome, Patient, Study
from services.records.text import same

LARGEST_PAGE = 200
ROWS_AT_ONCE = 1000
_KINDS = ("study", "patient", "account", "session")
HEADS = ("number", "time (UTC)", "who", "address", "action", "object", "outcome", "hash of the event before", "hash")


@dataclass(frozen=True)
class EventFilters:
    """What an event must be like; empty fields ask for nothing.

    ``who`` is a whole user name, ``object`` whole words that an object begins with: a kind, or a kind and a public id,
    or such an id alone. What was done with a patient's studies is found by the patient as well.
    ``since`` is included, ``until`` is not; both carry their zone.
    """

    who: str = ""
    action: str = ""
    object: str = ""
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class EventKey:
    """The last event of a page; the next page begins after it, also when new events have come meanwhile."""

    at: datetime
    number: int


@dataclass(frozen=True)
class Event:
    """A line of the trail. ``outcome`` is one of Outcome's words, unless somebody altered it in the database."""

    number: int
    at: datetime
    who: str
    address: str
    action: str
    object: str
    outcome: str
    previous: str
    hash: str


@dataclass(frozen=True)
class EventPage:
    """Part of the trail, newest first; ``after`` is the key of the next page, None at the end."""

    events: tuple[Event, ...]
    after: EventKey | None


def find_events(
    store: Store, actor: Actor, filters: EventFilters | None = None, after: EventKey | None = None, limit: int = 50
) -> EventPage:
    """A page of at most ``limit`` (1 to 200) events. Raises NotAllowed, Unavailable."""
    require(actor, Action.AUDIT_VIEW)
    with reading(store.engine) as session:
        confirm(session, actor)
        return _page(session, filters or EventFilters(), after, min(max(limit, 1), LARGEST_PAGE))


def find_actions(store: Store, actor: Actor) -> tuple[str, ...]:
    """Every action that the trail knows, by name, to choose from. Raises NotAllowed, Unavailable."""
    require(actor, Action.AUDIT_VIEW)
    found: list[str] = []
    with reading(store.engine) as session:
        confirm(session, actor)
        while True:
            # A step along the index an action, however many events there are of each.
            above = col(AuditEvent.action) > (found[-1] if found else "")
            action: str | None = session.exec(select(func.min(AuditEvent.action)).where(above)).one()
            if action is None:
                return tuple(found)
            found.append(action)


def export_events(store: Store, actor: Actor, filters: EventFilters | None = None) -> Iterator[bytes]:
    """The events as CSV, page by page, newest first, and a note in the trail that they were taken out.

    Raises NotAllowed, Unavailable.
    """
    require(actor, Action.AUDIT_EXPORT)

    def work(session: Session) -> None:
        confirm(session, actor)
        audit.record(session, actor, Action.AUDIT_EXPORT, "trail")

    write(store.engine, work)
    return spreadsheet.table(HEADS, _pages(store, filters or EventFilters()))


def _pages(store: Store, filters: EventFilters) -> Iterator[list[tuple[spreadsheet.Cell, ...]]]:
    after = None
    while True:
        with reading(store.engine) as session:
            page = _page(session, filters, after, ROWS_AT_ONCE)
        yield [
            (e.number, e.at, e.who, e.address, e.action, e.object, e.outcome, e.previous, e.hash) for e in page.events
        ]
        after = page.after
        if after is None:
            return


def _page(session: Session, filters: EventFilters, after: EventKey | None, size: int) -> EventPage:
    columns = [col(getattr(AuditEvent, name)) for name in ("id", "at", "who", "address", "action", "object")]
    # An altered word is shown, where the column's own type would refuse to read it.
    outcome = type_coerce(col(AuditEvent.outcome), String).label("outcome")
    query: Any = select_columns(*columns, outcome, col(AuditEvent.previous), col(AuditEvent.hash))
    query = query.where(*_conditions(session, filters))
    if after is not None:
        older = col(AuditEvent.at) < after.at
        tie = and_(col(AuditEvent.at) == after.at, col(AuditEvent.id) < after.number)
        # The first condition is implied by the second; alone it lets the index start at the right place.
        query = query.where(col(AuditEvent.at) <= after.at, or_(older, tie))
    query = query.order_by(col(AuditEvent.at).desc(), col(AuditEvent.id).desc()).limit(size + 1)
    found = session.connection().execute(query).all()
    events = tuple(Event(*row) for row in found[:size])
    return EventPage(events, EventKey(events[-1].at, events[-1].number) if len(found) > size else None)


def _conditions(session: Session, filters: EventFilters) -> list[ColumnElement[bool]]:
    asked: list[ColumnElement[bool]] = []
    if who := same(filters.who):
        # Commands stand under the names of the machine's users, which may have capitals.
        asked.append(col(AuditEvent.who).in_({who, " ".join(filters.who.encode(errors="replace").decode().split())}))
    if filters.action:
        asked.append(col(AuditEvent.action) == filters.action)
    if named := same(filters.object):
        asked.append(_about(session, named))
    if filters.outcome is not None:
        asked.append(col(AuditEvent.outcome) == filters.outcome)
    if filters.since is not None:
        asked.append(col(AuditEvent.at) >= filters.since)
    if filters.until is not None:
        asked.append(col(AuditEvent.at) < filters.until)
    return asked


def _about(session: Session, named: str) -> ColumnElement[bool]:
    """The condition that the object is this or goes on after a space: few are named by number, more soon met by time.

    An index on the object finds all of either, but in another order than the page's.
    """
    # Up to a comma, with which the objects of lists went on in earlier versions.
    within = [(one, f"{one},{LAST_LETTER}") for one in _objects(session, named)]
    found = select(AuditEvent.id).where(or_(*(col(AuditEvent.object).between(*ends) for ends in within)))
    few = if_few(session, col(AuditEvent.id), found)
    # Joined to nothing, so that no database takes that index here.
    return few if few is not None else or_(*((col(AuditEvent.object) + "").between(*ends) for ends in within))


def _objects(session: Session, named: str) -> list[str]:
    """The objects that these words mean: themselves, or what a public id may be of, and a patient's newest studies."""
    kind, _, rest = named.rpartition(" ")
    public_id = as_uuid(rest)
    if public_id is None or kind not in ("", "patient"):
        return [named]
    theirs = (
        select(Study.public_id)
        .join(Patient, col(Patient.id) == col(Study.patient_id))
        .where(Patient.public_id == public_id)
        .order_by(col(Study.id).desc())
        .limit(LARGEST_PAGE)
    )
    kinds = [kind] if kind else _KINDS
    return [*(f"{one} {public_id}" for one in kinds), *(f"study {study}" for study in session.exec(theirs).all())]
