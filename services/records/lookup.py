"""One study by its address, for an action; the same answer for a missing one and for one that is not the actor's."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlmodel import Session, select

from services.errors import NotAllowed, NotFound
from services.records import audit
from services.records.rights import Action, Actor, confirm, no_such_study, require, visible_studies
from services.records.tables import Outcome, Study


def one_study(
    session: Session,
    actor: Actor,
    action: Action,
    public_id: uuid.UUID | str,
    *,
    deleted: bool = False,
    locked: bool = False,
) -> Study:
    """The row that ``action`` covers; ``locked`` until the transaction ends. Raises NotAllowed, NotFound."""
    require(actor, action)
    confirm(session, actor)
    wanted = select(Study).where(Study.public_id == as_uuid(public_id), visible_studies(actor, action, deleted=deleted))
    study = session.exec(wanted.with_for_update() if locked else wanted).first()
    if study is None:
        raise no_such_study()
    return study


@contextmanager
def noting_refusals(engine: Engine, actor: Actor, action: Action, public_id: uuid.UUID | str) -> Iterator[None]:
    """Note in the trail where the block finds no such study for this actor, or none that their role may ask for."""
    try:
        yield
    except (NotAllowed, NotFound):
        what = f"study {as_uuid(public_id) or 'unreadable'}"
        audit.note(engine, actor, action, what, Outcome.REFUSED)
        raise


def as_uuid(public_id: uuid.UUID | str) -> uuid.UUID | None:
    """The key, None for a text that is none."""
    if isinstance(public_id, uuid.UUID):
        return public_id
    try:
        return uuid.UUID(public_id)
    except ValueError:
        return None
