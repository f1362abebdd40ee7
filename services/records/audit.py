"""The trail: one event an action, in the transaction of the action itself, added to a chain of hashes.

Writers take turns at the trail's head, whose lock they hold from there to their commit, so the numbers of the events
are without gaps and in the order of the commits. The lock is the last that a transaction takes: whoever holds it waits
for nobody, and no two can wait for each other.
"""

from __future__ import annotations

import getpass
import os
from typing import Any

from sqlalchemy import Engine, event
from sqlmodel import Session, col, select, update

from services.errors import Unavailable
from services.records import chain
from services.records.columns import now
from services.records.database import last, write
from services.records.heads import heads_of
from services.records.rights import HERE, Actor, Origin
from services.records.tables import AuditEvent, AuditHead, Outcome, User

# What is noted beside the actions that take a right of their own (rights.Action).
SIGN_IN, SIGN_OUT = "sign-in", "sign-out"
# A right password that waits for the code, and a password asked for again of somebody who is signed in.
PASSWORD, PROOF = "sign-in.password", "account.proof"
PREDICTION, OVERRULE, REPORT = "prediction.ask", "gate.overrule", "report.write"
_WAITING = "audit"
_LONGEST_NAME = 64
_nobody = ""


def as_command() -> None:
    """Let this process's events without an actor name the operating system's user, as "command:NAME"."""
    global _nobody
    # Not by the environment, which the user may set as they like.
    _nobody = f"command:{_system_user()}"[:_LONGEST_NAME]


def _system_user() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        # No such list on this system, or a container's user without a name.
        return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()


def record(
    session: Session,
    actor: Actor | None,
    action: str,
    what: str,
    outcome: Outcome = Outcome.DONE,
    *,
    origin: Origin = HERE,
) -> None:
    """Append an event to the running transaction of database.write.

    ``actor`` is None where nobody is signed in, or in a command (see as_command); ``origin`` is where such a one asks
    from, an actor carries it. ``what`` names an object by kind and public id, never by a person's name.
    """
    waiting: list[dict[str, Any]] = session.info.setdefault(_WAITING, [])
    if not waiting:
        last(session, _append)
    waiting.append(
        {
            "user_id": actor.user_id if actor else None,
            "who": actor.username if actor else _nobody,
            "address": (actor.origin if actor else origin).address[:64],
            "action": action,
            "object": what[:100],
            "outcome": outcome,
        }
    )


def note(
    engine: Engine,
    actor: Actor | None,
    action: str,
    what: str,
    outcome: Outcome = Outcome.DONE,
    *,
    origin: Origin = HERE,
) -> None:
    """``record`` in a transaction of its own, for what changes nothing else. Raises Unavailable."""
    write(engine, lambda session: record(session, actor, action, what, outcome, origin=origin))


def _append(session: Session) -> None:
    """Give the waiting events their place behind the head."""
    waiting: list[dict[str, Any]] = session.info.pop(_WAITING)
    # The database looks at these accounts when the events point to them. Someone who changes one and waits for the
    # head must not be waited for by the head's holder, so the look comes first.
    accounts = {said["user_id"] for said in waiting} - {None}
    if accounts:
        session.exec(select(User.id).where(col(User.id).in_(accounts)).with_for_update(read=True)).all()
    found = session.exec(
        select(AuditHead.count, AuditHead.hash).where(AuditHead.id == chain.HEAD_ID).with_for_update()
    ).first()
    if found is None:
        raise Unavailable(
            "The trail of what was done cannot be written, so nothing was changed. Ask an administrator to run “python "
            "-m services.records verify-audit”."
        )
    number, previous = found
    for said in waiting:
        number += 1
        one = AuditEvent(**said, id=number, at=now(), form=chain.NEWEST_FORM, previous=previous, hash="")
        one.hash = previous = chain.hash_of(one)
        session.add(one)
    session.exec(update(AuditHead).where(col(AuditHead.id) == chain.HEAD_ID).values(count=number, hash=previous))
    heads = heads_of(session.get_bind().engine)
    if heads is not None:
        # Not before the commit, which may fail: a head that never was would be missed for good.
        event.listen(session, "after_commit", lambda _: heads.note(number, previous), once=True)
