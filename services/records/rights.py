"""Who may do what: one table, action by role, default deny; and whose studies, one rule for objects and for lists.

Every function of the records takes the acting user and asks here first. What a role may never do raises NotAllowed. An
object outside a role's scope raises the same NotFound as one that does not exist, so that guessing tells nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, false, or_, true
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from services.errors import NotAllowed, NotFound
from services.records.browsers import still_open
from services.records.tables import Patient, PatientDoctor, Role, SignInSession, State, Study, User


@dataclass(frozen=True)
class Origin:
    """Where a request comes from: the network ``address`` and the ``device`` as its browser names itself."""

    address: str = ""
    device: str = ""


HERE = Origin()


class Pending(StrEnum):
    """What an account has to wait for, or do, before its role's rights are its own."""

    SECOND_FACTOR = "second factor"
    LINK = "link"


_PENDING = {
    Pending.SECOND_FACTOR: "Administrators sign in with a second factor. Set it up first.",
    Pending.LINK: "Your account is not linked to a patient record yet. Your doctor or an administrator links it.",
}


@dataclass(frozen=True)
class Browser:
    """A signed-in browser: the key of its session, and how long that may rest."""

    session_id: int
    idle_after: timedelta


@dataclass(frozen=True)
class Actor:
    """The person on whose behalf a service is called; made by services/records/people.py only.

    While something is ``pending`` the person may look after the account itself and do nothing else. ``proof`` stands
    for the password of that moment: a session is opened only while it is still the account's. ``images`` says that an
    administrator holds the right to see images, which another has given for some hours. ``browser`` is the session that
    they act in, None for somebody who is only just signing in.
    """

    user_id: int
    public_id: uuid.UUID
    username: str
    full_name: str
    role: Role
    origin: Origin = field(default=HERE, compare=False)
    pending: Pending | None = field(default=None, compare=False)
    proof: str = field(default="", compare=False, repr=False)
    images: bool = False
    browser: Browser | None = field(default=None, compare=False)


class Action(StrEnum):
    """Everything that takes a right."""

    METRICS_VIEW = "metrics.view"
    STUDY_SAVE = "study.save"
    STUDY_FIND = "study.find"
    STUDY_VIEW = "study.view"
    STUDY_COUNT = "study.count"
    STUDY_EXPORT = "study.export"
    STUDY_EXTEND = "study.extend"
    STUDY_PREDICT = "study.predict"
    STUDY_REVIEW = "study.review"
    STUDY_RELEASE = "study.release"
    STUDY_DELETE = "study.delete"
    RESULT_VIEW = "result.view"
    FILE_READ = "file.read"
    BOARD_VIEW = "board.view"
    BOARD_EXPORT = "board.export"
    RESEARCH_EXPORT = "research.export"
    PATIENT_FIND = "patient.find"
    PATIENT_ADD = "patient.add"
    PATIENT_VIEW = "patient.view"
    PATIENT_EDIT = "patient.edit"
    PATIENT_SHARE = "patient.share"
    PATIENT_LINK = "patient.link"
    ACCOUNT_LIST = "account.list"
    ACCOUNT_CREATE = "account.create"
    ACCOUNT_CHANGE = "account.change"
    ACCOUNT_RESET = "account.reset"
    ACCOUNT_OWN = "account.own"
    IMAGES_GIVE = "images.give"
    SESSION_LIST = "session.list"
    SESSION_END = "session.end"
    STORE_CHECK = "store.check"
    AUDIT_VIEW = "audit.view"
    AUDIT_EXPORT = "audit.export"
    MODEL_PROMOTE = "model.promote"
    MODEL_ROLLBACK = "model.rollback"
    MODEL_THRESHOLD = "model.threshold"


class Scope(StrEnum):
    """Which objects a right covers.

    RELEASED is the released results of the patient whose account this is. OWN is a doctor's own and shared: studies
    that they read, and those of patients who are shared with them; patients whom they entered, are assigned to or have
    examined, of whom they see identity and own studies only. HELD leaves out those whom they only examined.
    """

    NONE = "none"
    RELEASED = "released"
    HELD = "held"
    OWN = "own"
    ANY = "any"


RIGHTS: Mapping[Role, Mapping[Action, Scope]] = {
    Role.ADMIN: {
        Action.METRICS_VIEW: Scope.ANY,
        Action.STUDY_COUNT: Scope.ANY,
        Action.BOARD_VIEW: Scope.ANY,
        Action.ACCOUNT_LIST: Scope.ANY,
        Action.ACCOUNT_CREATE: Scope.ANY,
        Action.ACCOUNT_CHANGE: Scope.ANY,
        Action.ACCOUNT_RESET: Scope.ANY,
        Action.IMAGES_GIVE: Scope.ANY,
        Action.ACCOUNT_OWN: Scope.OWN,
        Action.SESSION_LIST: Scope.ANY,
        Action.SESSION_END: Scope.ANY,
        Action.STORE_CHECK: Scope.ANY,
        Action.AUDIT_VIEW: Scope.ANY,
        Action.AUDIT_EXPORT: Scope.ANY,
        Action.MODEL_PROMOTE: Scope.ANY,
        Action.MODEL_ROLLBACK: Scope.ANY,
        Action.PATIENT_LINK: Scope.ANY,
        Action.MODEL_THRESHOLD: Scope.ANY,
    },
    Role.DOCTOR: {
        Action.METRICS_VIEW: Scope.ANY,
        Action.STUDY_SAVE: Scope.OWN,
        Action.STUDY_FIND: Scope.OWN,
        Action.STUDY_VIEW: Scope.OWN,
        Action.STUDY_COUNT: Scope.OWN,
        Action.STUDY_EXPORT: Scope.OWN,
        Action.STUDY_EXTEND: Scope.OWN,
        Action.STUDY_PREDICT: Scope.OWN,
        Action.STUDY_REVIEW: Scope.OWN,
        Action.STUDY_RELEASE: Scope.OWN,
        Action.STUDY_DELETE: Scope.OWN,
        Action.FILE_READ: Scope.OWN,
        Action.BOARD_VIEW: Scope.OWN,
        Action.BOARD_EXPORT: Scope.OWN,
        Action.PATIENT_FIND: Scope.OWN,
        Action.ACCOUNT_OWN: Scope.OWN,
        Action.PATIENT_ADD: Scope.OWN,
        Action.PATIENT_VIEW: Scope.OWN,
        Action.PATIENT_EDIT: Scope.HELD,
        Action.PATIENT_SHARE: Scope.HELD,
        Action.PATIENT_LINK: Scope.HELD,
    },
    Role.PATIENT: {
        Action.RESULT_VIEW: Scope.RELEASED,
        Action.FILE_READ: Scope.RELEASED,
        Action.ACCOUNT_OWN: Scope.OWN,
    },
    Role.RESEARCHER: {
        Action.METRICS_VIEW: Scope.ANY,
        Action.STUDY_COUNT: Scope.ANY,
        Action.RESEARCH_EXPORT: Scope.ANY,
        Action.ACCOUNT_OWN: Scope.OWN,
    },
}

# What an administrator may do besides, while another one has given the right to see images.
GIVEN: Mapping[Action, Scope] = {
    Action.STUDY_FIND: Scope.ANY,
    Action.STUDY_VIEW: Scope.ANY,
    Action.FILE_READ: Scope.ANY,
}

# What a patient may read of a study's files: what a doctor has read and released, and no raw file, whose header and
# further frames nobody has looked at.
RELEASED_FILES = frozenset({"report", "picture"})


def _released_to(actor: Actor) -> tuple[ColumnElement[bool], ...]:
    theirs = select(Patient.id).where(Patient.account_id == actor.user_id)
    return (and_(col(Study.state) == State.RELEASED, col(Study.patient_id).in_(theirs)),)


def _own(actor: Actor, *, along: bool = True) -> tuple[ColumnElement[bool], ...]:
    # A sum is the same number, and no database looks for it in an index.
    read = (col(Study.reader_id) if along else col(Study.reader_id) + 0) == actor.user_id
    return read, and_(~read, col(Study.patient_id).in_(_assigned(actor)))


# One rule a scope: SQL conditions on Study that exclude one another, any of which suffices. Lists and single objects
# are asked for by the same conditions, so the two cannot drift.
_COVERS: Mapping[Scope, Callable[[Actor], tuple[ColumnElement[bool], ...]]] = {
    Scope.NONE: lambda actor: (false(),),
    Scope.RELEASED: _released_to,
    Scope.HELD: lambda actor: (col(Study.patient_id).in_(_assigned(actor)),),
    Scope.OWN: _own,
    Scope.ANY: lambda actor: (true(),),
}


def scope(role: Role, action: Action, *, images: bool = False) -> Scope:
    """What ``role`` may do ``action`` to; NONE for everything that the table does not name.

    ``images`` says that the right to see images was given to an administrator.
    """
    given = GIVEN if images and role is Role.ADMIN else {}
    return given.get(action) or RIGHTS.get(role, {}).get(action, Scope.NONE)


def _scope(actor: Actor, action: Action) -> Scope:
    return scope(actor.role, action, images=actor.images)


def may(actor: Actor, action: Action) -> bool:
    """Whether the actor's role includes the action at all; pages are built from this."""
    return _scope(actor, action) is not Scope.NONE


def require(actor: Actor, action: Action) -> None:
    """Raise NotAllowed where the role lacks the action."""
    if not may(actor, action):
        raise NotAllowed(
            f"Your account ({actor.role}) does not include this. Sign in with another account, or ask an administrator."
        )
    if actor.pending is not None and action is not Action.ACCOUNT_OWN:
        raise NotAllowed(_PENDING[actor.pending])


def visible_studies(actor: Actor, action: Action, *, deleted: bool = False) -> ColumnElement[bool]:
    """The SQL condition on Study for the rows that ``action`` covers; ``deleted`` ones are asked for by themselves."""
    return or_(*visible_parts(actor, action, deleted=deleted))


def visible_parts(
    actor: Actor, action: Action, *, deleted: bool = False, along: bool = True
) -> tuple[ColumnElement[bool], ...]:
    """``visible_studies`` in parts that exclude one another, each of which has an index of its own.

    No index serves both, so a long list is put together from one query a part. Without ``along`` the first part is
    not to be read along its index: what is looked for is known by its keys.
    """
    there = col(Study.deleted).is_not(None) if deleted else col(Study.deleted).is_(None)
    covered = _scope(actor, action)
    parts = _own(actor, along=False) if covered is Scope.OWN and not along else _COVERS[covered](actor)
    return tuple(and_(part, there) for part in parts)


def readable(actor: Actor, kind: str, *, earlier: bool) -> bool:
    """Whether the actor may read this kind of file of a study that FILE_READ covers, also in an ``earlier`` version."""
    return _scope(actor, Action.FILE_READ) is not Scope.RELEASED or (kind in RELEASED_FILES and not earlier)


def visible_patients(actor: Actor, action: Action) -> ColumnElement[bool]:
    """The SQL condition on Patient for the rows that ``action`` covers."""
    covered = _scope(actor, action)
    if covered not in (Scope.OWN, Scope.HELD):
        return true() if covered is Scope.ANY else false()
    held = (col(Patient.created_by_id) == actor.user_id, col(Patient.id).in_(_assigned(actor)))
    if covered is Scope.HELD:
        return or_(*held)
    examined = select(Study.id).where(Study.patient_id == Patient.id, Study.reader_id == actor.user_id).exists()
    return or_(*held, examined)


def _assigned(actor: Actor) -> SelectOfScalar[int]:
    return select(PatientDoctor.patient_id).where(PatientDoctor.doctor_id == actor.user_id)


def confirm(session: Session, actor: Actor) -> None:
    """Raise NotAllowed unless account and session still are what they were when the actor was made.

    A page is drawn for who acts at that moment, and a download that it offers may be asked for long after.
    """
    if actor.browser is not None:
        here = select(SignInSession.id).where(SignInSession.id == actor.browser.session_id)
        if session.exec(here.where(still_open(actor.browser.idle_after))).first() is None:
            raise NotAllowed("You have been signed out in this browser. Sign in again.")
    user = session.get(User, actor.user_id)
    if user is None or not user.active or (user.public_id, user.role) != (actor.public_id, actor.role):
        raise NotAllowed("Your account has changed since you signed in. Sign in again.")
    if actor.images and not user.sees_images:
        raise NotAllowed("The right to see images, which was given to you for some hours, has ended. Ask for it again.")


def no_such_study() -> NotFound:
    """The one answer for a study that is missing and for one that is not the actor's."""
    return NotFound("There is no such study, or it is not yours. Look for it in the history.")


def no_such_patient() -> NotFound:
    """The one answer for a patient who is missing and for one who is not the actor's."""
    return NotFound("There is no such patient, or it is not yours. Look for it in the list of patients.")
