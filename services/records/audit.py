"""The trail: one event an action, in the transaction of the action itself."""

from __future__ import annotations

from sqlmodel import Session

from services.records.rights import Actor
from services.records.tables import AuditEvent, Outcome


def record(session: Session, actor: Actor | None, action: str, what: str, outcome: Outcome = Outcome.DONE) -> None:
    """Append an event to the running transaction; ``actor`` is None where nobody is signed in.

    ``what`` names an object by kind and public id, never by a person's name.
    """
    session.add(
        AuditEvent(
            user_id=actor.user_id if actor else None,
            who=actor.username if actor else "",
            action=action,
            object=what[:100],
            outcome=outcome,
        )
    )
