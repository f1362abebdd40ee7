"""Patients' records: entered, read and changed by the doctors who hold them, and shared with others."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from services.errors import IdentifierTaken, InvalidRecord, NotAllowed, NotFound
from services.records import audit
from services.records.database import key_of, reading, write
from services.records.rights import Action, Actor, confirm, no_such_patient, require, visible_patients
from services.records.store import Store
from services.records.tables import (
    Outcome,
    Patient,
    PatientBase,
    PatientCreate,
    PatientDoctor,
    PatientPublic,
    PatientRecord,
    Role,
    User,
)


@dataclass(frozen=True)
class Person:
    """An account as other people see it."""

    public_id: uuid.UUID
    username: str
    full_name: str


@dataclass(frozen=True)
class PatientView:
    """A patient's record as somebody who may see it sees it.

    ``version`` counts its changes; ``held`` says whether the actor may change and share it. Who only examined the
    patient sees who it is: contact, notes and account are left empty. ``doctors`` are those assigned besides the one
    who ``entered`` it, by name. ``account`` is the patient's own, None where none is linked.
    """

    public_id: uuid.UUID
    record: PatientRecord
    version: int
    held: bool
    entered: Person
    doctors: tuple[Person, ...]
    account: Person | None


def add_patient(store: Store, actor: Actor, new: PatientCreate) -> PatientPublic:
    """Enter a patient. Raises NotAllowed; InvalidRecord where the hospital identifier is another's."""
    require(actor, Action.PATIENT_ADD)

    def work(session: Session) -> PatientPublic:
        confirm(session, actor)
        patient = Patient.made_from(new, actor.user_id)
        _check_identifier(session, patient)
        session.add(patient)
        session.flush()
        audit.record(session, actor, Action.PATIENT_ADD, f"patient {patient.public_id}")
        return PatientPublic.model_validate(patient)

    with noting_guesses(store.engine, actor):
        return write(store.engine, work)


def get_patient(store: Store, actor: Actor, public_id: uuid.UUID | str, *, again: bool = False) -> PatientView:
    """One patient's record as it stands now, and a note in the trail that it was looked at.

    ``again`` says that the look was noted moments ago, as for a study. Raises NotAllowed, NotFound.
    """

    def work(session: Session) -> PatientView:
        patient = find(session, actor, Action.PATIENT_VIEW, public_id)
        if not again:
            audit.record(session, actor, Action.PATIENT_VIEW, f"patient {patient.public_id}")
        assigned = session.exec(
            select(User)
            .join(PatientDoctor, col(PatientDoctor.doctor_id) == col(User.id))
            .where(PatientDoctor.patient_id == patient.id, User.id != patient.created_by_id)
            .order_by(col(User.full_name), col(User.id))
        ).all()
        held = actor.user_id in {patient.created_by_id, *(user.id for user in assigned)}
        # Saving a study with a known identifier is enough to have examined the patient, and must not open what those
        # who hold the record wrote down.
        seen = patient if held else PatientBase.model_validate(patient)
        return PatientView(
            public_id=patient.public_id,
            record=PatientRecord.model_validate(seen.model_dump()),
            version=patient.version,
            held=held,
            entered=person(session.get_one(User, patient.created_by_id)),
            doctors=tuple(map(person, assigned)),
            account=person(session.get_one(User, patient.account_id)) if held and patient.account_id else None,
        )

    with noting_refusals(store.engine, actor, Action.PATIENT_VIEW, public_id):
        if not again:
            return write(store.engine, work)
        with reading(store.engine) as session:
            return work(session)


def edit_patient(store: Store, actor: Actor, public_id: uuid.UUID | str, version: int, new: PatientCreate) -> None:
    """Change a record that was read at ``version``.

    Raises NotAllowed, NotFound; InvalidRecord where somebody else has changed it since, or the identifier is another's.
    """

    def work(session: Session) -> None:
        patient = find(session, actor, Action.PATIENT_EDIT, public_id)
        if patient.version != version:
            raise InvalidRecord(
                "Somebody has changed this record since you opened it, and nothing of yours was saved. Look at it as "
                "it is now, and enter your change again."
            )
        patient.change(new)
        _check_identifier(session, patient)
        audit.record(session, actor, Action.PATIENT_EDIT, f"patient {patient.public_id} version {patient.version}")

    with noting_refusals(store.engine, actor, Action.PATIENT_EDIT, public_id), noting_guesses(store.engine, actor):
        write(store.engine, work)


def colleagues(store: Store, actor: Actor) -> tuple[Person, ...]:
    """The other doctors with whom the actor may share a patient, by name. Raises NotAllowed."""
    require(actor, Action.PATIENT_SHARE)
    with reading(store.engine) as session:
        confirm(session, actor)
        others = select(User).where(User.role == Role.DOCTOR, User.active, User.id != actor.user_id)
        return tuple(map(person, session.exec(others.order_by(col(User.full_name), col(User.id))).all()))


def share_patient(store: Store, actor: Actor, public_id: uuid.UUID | str, doctor: uuid.UUID) -> None:
    """Let another doctor see and change a patient's record and see all of the patient's studies.

    Raises NotAllowed, NotFound; InvalidRecord where ``doctor`` is no active doctor's account.
    """

    def work(session: Session) -> None:
        patient = find(session, actor, Action.PATIENT_SHARE, public_id)
        with_whom = session.exec(
            select(User).where(User.public_id == doctor, User.role == Role.DOCTOR, User.active)
        ).first()
        if with_whom is None:
            raise InvalidRecord("There is no such doctor any more. Choose another from the list.")
        if session.get(PatientDoctor, (key_of(with_whom), key_of(patient))) is None:
            session.add(PatientDoctor(doctor_id=key_of(with_whom), patient_id=key_of(patient)))
            audit.record(session, actor, Action.PATIENT_SHARE, f"patient {patient.public_id} {doctor.hex[:8]}")

    with noting_refusals(store.engine, actor, Action.PATIENT_SHARE, public_id):
        write(store.engine, work)


def unshare_patient(store: Store, actor: Actor, public_id: uuid.UUID | str, doctor: uuid.UUID) -> None:
    """Take a patient back from a doctor, who goes on seeing what they read themselves.

    Raises NotAllowed, NotFound; InvalidRecord for the doctor who entered the patient.
    """

    def work(session: Session) -> None:
        patient = find(session, actor, Action.PATIENT_SHARE, public_id)
        from_whom = session.exec(select(User).where(User.public_id == doctor)).first()
        if from_whom is not None and from_whom.id == patient.created_by_id:
            raise InvalidRecord("The doctor who entered a patient keeps the record. Nothing was changed.")
        held = from_whom and session.get(PatientDoctor, (key_of(from_whom), key_of(patient)))
        if held:
            session.delete(held)
            audit.record(session, actor, "patient.unshare", f"patient {patient.public_id} {doctor.hex[:8]}")

    with noting_refusals(store.engine, actor, Action.PATIENT_SHARE, public_id):
        write(store.engine, work)


def find(session: Session, actor: Actor, action: Action, public_id: uuid.UUID | str) -> Patient:
    """The row that ``action`` covers, locked until the transaction ends. Raises NotAllowed, NotFound."""
    require(actor, action)
    confirm(session, actor)
    wanted = _as_uuid(public_id)
    covered = select(Patient).where(Patient.public_id == wanted, visible_patients(actor, action))
    patient = session.exec(covered.with_for_update(of=Patient)).first()
    if patient is None:
        raise no_such_patient()
    return patient


@contextmanager
def noting_guesses(engine: Engine, actor: Actor) -> Iterator[None]:
    """Note in the trail that somebody typed the number of another patient, which tells them that there is one."""
    try:
        yield
    except IdentifierTaken:
        # The number may name a person, and is not noted.
        audit.note(engine, actor, Action.PATIENT_FIND, "identifier of another", Outcome.REFUSED)
        raise


@contextmanager
def noting_refusals(engine: Engine, actor: Actor, action: Action, public_id: uuid.UUID | str) -> Iterator[None]:
    """Note in the trail that somebody asked for a patient who is not theirs, or whom their role may not ask for."""
    try:
        yield
    except (NotAllowed, NotFound):
        what = f"patient {_as_uuid(public_id) or 'unreadable'}"
        write(engine, lambda session: audit.record(session, actor, action, what, Outcome.REFUSED))
        raise


def person(user: User) -> Person:
    """What others see of an account."""
    return Person(user.public_id, user.username, user.full_name)


def _as_uuid(public_id: uuid.UUID | str) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(public_id))
    except ValueError:
        return None


def _check_identifier(session: Session, patient: Patient) -> None:
    if patient.identifier_key is None:
        return
    same_key = select(Patient.id).where(Patient.identifier_key == patient.identifier_key, Patient.id != patient.id)
    with session.no_autoflush:
        taken = session.exec(same_key).first() is not None
    if taken:
        raise IdentifierTaken(
            "There is a patient with this hospital identifier already. Look in the list of patients; one who is not "
            "there was entered by another doctor, who can share the record with you."
        )
