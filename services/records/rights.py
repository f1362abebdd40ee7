"""Who may do what: one table, action by role, default deny; and whose studies, one rule for objects and for lists.

Every function of the records takes the acting user and asks here first. What a role may never do raises NotAllowed. An
object outside a role's scope raises the same NotFound as one that does not exist, so that guessing tells nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, false, or_, true
from sqlmodel import Session, col, select

from services.errors import NotAllowed, NotFound
from services.records.tables import Patient, Role, Study, User


@dataclass(frozen=True)
class Origin:
    """Where a request comes from: the network ``address`` and the ``device`` as its browser names itself."""

    address: str = ""
    device: str = ""


HERE = Origin()


@dataclass(frozen=True)
class Actor:
    """The person on whose behalf a service is called; made by people.authenticate and people.actor_for_token only."""

    user_id: int
    public_id: uuid.UUID
    username: str
    full_name: str
    role: Role
    origin: Origin = field(default=HERE, compare=False)


class Action(StrEnum):
    """Everything that takes a right."""

    METRICS_VIEW = "metrics.view"
    STUDY_SAVE = "study.save"
    STUDY_FIND = "study.find"
    STUDY_VIEW = "study.view"
    STUDY_COUNT = "study.count"
    FILE_READ = "file.read"
    BOARD_VIEW = "board.view"
    BOARD_EXPORT = "board.export"
    PATIENT_FIND = "patient.find"
    ACCOUNT_LIST = "account.list"
    ACCOUNT_CREATE = "account.create"
    STORE_CHECK = "store.check"
    MODEL_PROMOTE = "model.promote"
    MODEL_ROLLBACK = "model.rollback"
    MODEL_THRESHOLD = "model.threshold"


class Scope(StrEnum):
    """Which objects a right covers. RELEASED is a patient's own released results; nothing can be released yet."""

    NONE = "none"
    RELEASED = "released"
    OWN = "own"
    ANY = "any"


RIGHTS: Mapping[Role, Mapping[Action, Scope]] = {
    Role.ADMIN: {
        Action.METRICS_VIEW: Scope.ANY,
        Action.STUDY_COUNT: Scope.ANY,
        Action.BOARD_VIEW: Scope.ANY,
        Action.ACCOUNT_LIST: Scope.ANY,
        Action.ACCOUNT_CREATE: Scope.ANY,
        Action.STORE_CHECK: Scope.ANY,
        Action.MODEL_PROMOTE: Scope.ANY,
        Action.MODEL_ROLLBACK: Scope.ANY,
        Action.MODEL_THRESHOLD: Scope.ANY,
    },
    Role.DOCTOR: {
        Action.METRICS_VIEW: Scope.ANY,
        Action.STUDY_SAVE: Scope.OWN,
        Action.STUDY_FIND: Scope.OWN,
        Action.STUDY_VIEW: Scope.OWN,
        Action.STUDY_COUNT: Scope.OWN,
        Action.FILE_READ: Scope.OWN,
        Action.BOARD_VIEW: Scope.OWN,
        Action.BOARD_EXPORT: Scope.OWN,
        Action.PATIENT_FIND: Scope.OWN,
    },
    Role.PATIENT: {
        Action.STUDY_FIND: Scope.RELEASED,
        Action.STUDY_VIEW: Scope.RELEASED,
        Action.STUDY_COUNT: Scope.RELEASED,
        Action.FILE_READ: Scope.RELEASED,
    },
    Role.RESEARCHER: {
        Action.METRICS_VIEW: Scope.ANY,
    },
}

# One rule a scope. Given the table it is an SQL condition, given a row a plain truth value, so the two cannot drift.
_COVERS: Mapping[Scope, Callable[[Actor, Any], Any]] = {
    Scope.NONE: lambda actor, study: False,
    Scope.RELEASED: lambda actor, study: False,
    Scope.OWN: lambda actor, study: study.reader_id == actor.user_id,
    Scope.ANY: lambda actor, study: True,
}


def scope(role: Role, action: Action) -> Scope:
    """What ``role`` may do ``action`` to; NONE for everything that the table does not name."""
    return RIGHTS.get(role, {}).get(action, Scope.NONE)


def may(actor: Actor, action: Action) -> bool:
    """Whether the actor's role includes the action at all; pages are built from this."""
    return scope(actor.role, action) is not Scope.NONE


def require(actor: Actor, action: Action, study: Study | None = None) -> None:
    """Raise NotAllowed where the role lacks the action, NotFound where it does not cover this ``study``."""
    if not may(actor, action):
        raise NotAllowed(
            f"Your account ({actor.role}) does not include this. Sign in with another account, or ask an administrator."
        )
    if study is not None and not _COVERS[scope(actor.role, action)](actor, study):
        raise no_such_study()


def visible_studies(actor: Actor, action: Action) -> ColumnElement[bool]:
    """The SQL condition on Study for the rows that ``action`` covers."""
    return _condition(_COVERS[scope(actor.role, action)](actor, Study))


def visible_patients(actor: Actor, action: Action) -> ColumnElement[bool]:
    """The SQL condition on Patient: those with a study that ``action`` covers, and those whom the actor entered."""
    if scope(actor.role, action) is not Scope.OWN:
        return _condition(scope(actor.role, action) is Scope.ANY)
    theirs = select(Study.id).where(Study.patient_id == Patient.id, visible_studies(actor, action)).exists()
    return or_(col(Patient.created_by_id) == actor.user_id, theirs)


def confirm(session: Session, actor: Actor) -> None:
    """Raise NotAllowed unless the account still is what it was when the actor was made."""
    user = session.get(User, actor.user_id)
    if user is None or not user.active or (user.public_id, user.role) != (actor.public_id, actor.role):
        raise NotAllowed("Your account has changed since you signed in. Sign in again.")


def no_such_study() -> NotFound:
    """The one answer for a study that is missing and for one that is not the actor's."""
    return NotFound("There is no such study, or it is not yours. Look for it in the history.")


def _condition(covered: Any) -> ColumnElement[bool]:
    if isinstance(covered, bool):
        return true() if covered else false()
    condition: ColumnElement[bool] = covered
    return condition
