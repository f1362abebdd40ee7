"""The rows of the trail as they lie in the database, for tests that look at them or do what nobody should."""

from __future__ import annotations

from sqlalchemy import select

from services.records.chain import NEWEST_FORM, hash_of
from services.records.columns import now
from services.records.database import reading, write
from services.records.tables import AuditEvent, Outcome


def rows(store):
    with reading(store.engine) as session:
        return session.connection().execute(select(AuditEvent.__table__).order_by(AuditEvent.id)).all()


def change(store, statement):
    write(store.engine, lambda session: session.connection().execute(statement))


def chained(previous, **given):
    """The columns of an event that follows ``previous`` and has the hash that it ought to have."""
    columns = {"at": now(), "user_id": None, "who": "", "address": "", "action": "a", "object": "o"} | given
    columns |= {"outcome": Outcome.DONE, "form": NEWEST_FORM, "previous": previous}
    return columns | {"hash": hash_of(AuditEvent(**columns, hash=""))}
