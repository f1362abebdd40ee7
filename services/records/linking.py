"""A patient's own account: linked to a record by a doctor who holds it, or by an administrator who sees none of it."""

from __future__ import annotations

import uuid
from datetime import date

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from services.errors import InvalidRecord, NotAllowed
from services.records import audit
from services.records.database import key_of, reading, write
from services.records.patient_records import Person, find, noting_refusals, person
from services.records.rights import Action, Actor, confirm, require, visible_patients
from services.records.store import Store
from services.records.tables import Outcome, Patient, Role, User
from services.records.text import same


def waiting_accounts(store: Store, actor: Actor) -> tuple[Person, ...]:
    """Active patients' accounts that no record is linked to, the newest first. Raises NotAllowed."""
    require(actor, Action.PATIENT_LINK)
    with reading(store.engine) as session:
        confirm(session, actor)
        waiting = _waiting().order_by(col(User.created).desc(), col(User.id).desc())
        return tuple(map(person, session.exec(waiting).all()))


def link_account(store: Store, actor: Actor, public_id: uuid.UUID | str, account: uuid.UUID) -> None:
    """Let a waiting account be that of a patient whom the actor holds.

    Raises NotAllowed, NotFound; InvalidRecord where the record has an account or the account does not wait any more.
    """
    with noting_refusals(store.engine, actor, Action.PATIENT_LINK, public_id):
        write(
            store.engine,
            lambda session: _link(session, actor, find(session, actor, Action.PATIENT_LINK, public_id), account),
        )


def link_by_identifier(store: Store, actor: Actor, account: uuid.UUID, identifier: str, birth_date: date) -> None:
    """The same for somebody who sees no record: hospital identifier and birth date name the patient.

    Raises NotAllowed; InvalidRecord as ``link_account``, and where the two do not name one patient of those whom the
    actor may link, with one sentence for all reasons. A refusal stands in the trail.
    """

    def work(session: Session) -> None:
        require(actor, Action.PATIENT_LINK)
        confirm(session, actor)
        named = select(Patient).where(
            Patient.identifier_key == same(identifier),
            Patient.birth_date == birth_date,
            visible_patients(actor, Action.PATIENT_LINK),
        )
        patient = session.exec(named.with_for_update(of=Patient)).first()
        if patient is None:
            raise InvalidRecord(
                "No patient has this hospital identifier and this birth date, or it is not yours to link. Check both "
                "with the patient's papers."
            )
        _link(session, actor, patient, account)

    try:
        write(store.engine, work)
    except (NotAllowed, InvalidRecord):
        # What was typed may name a person, and is not noted.
        audit.note(store.engine, actor, Action.PATIENT_LINK, f"account {account.hex[:8]}", Outcome.REFUSED)
        raise


def unlink_account(store: Store, actor: Actor, account: uuid.UUID) -> None:
    """Part an account from its record; it sees nothing from then on, and waits again.

    Raises NotAllowed, NotFound; InvalidRecord where the account is linked to no record.
    """
    require(actor, Action.PATIENT_LINK)

    def work(session: Session) -> None:
        confirm(session, actor)
        linked = session.exec(
            select(Patient).join(User, col(User.id) == col(Patient.account_id)).where(User.public_id == account)
        ).first()
        if linked is None:
            raise InvalidRecord("This account is linked to no record. Nothing was changed.")
        patient = find(session, actor, Action.PATIENT_LINK, linked.public_id)
        patient.account_id = None
        audit.record(session, actor, "patient.unlink", f"patient {patient.public_id} account {account.hex[:8]}")

    write(store.engine, work)


def linked_accounts(store: Store, actor: Actor) -> tuple[Person, ...]:
    """Accounts that are linked to a record which the actor may link, by name. Raises NotAllowed."""
    require(actor, Action.PATIENT_LINK)
    with reading(store.engine) as session:
        confirm(session, actor)
        theirs = (
            select(User)
            .join(Patient, col(Patient.account_id) == col(User.id))
            .where(visible_patients(actor, Action.PATIENT_LINK))
            .order_by(col(User.full_name), col(User.id))
        )
        return tuple(map(person, session.exec(theirs).all()))


def _waiting() -> SelectOfScalar[User]:
    linked = select(Patient.id).where(Patient.account_id == User.id).exists()
    return select(User).where(User.role == Role.PATIENT, User.active, ~linked)


def _link(session: Session, actor: Actor, patient: Patient, account: uuid.UUID) -> None:
    if patient.account_id is not None:
        raise InvalidRecord("This patient has an account already. Part it from the record first.")
    waiting = session.exec(_waiting().where(User.public_id == account)).first()
    if waiting is None:
        raise InvalidRecord("This account does not wait for a record any more. Choose another from the list.")
    patient.account_id = key_of(waiting)
    audit.record(session, actor, Action.PATIENT_LINK, f"patient {patient.public_id} account {account.hex[:8]}")
