"""Patients: found again by their hospital identifier, never overwritten by what somebody types."""

from __future__ import annotations

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from services.errors import InvalidRecord
from services.records import audit
from services.records.database import reading
from services.records.rights import Action, Actor, confirm, require, visible_patients
from services.records.store import Store
from services.records.tables import Patient, PatientCreate, PatientPublic, Sex
from services.records.text import fold, same

MOST_WORDS = 8


def find_or_make(session: Session, actor: Actor, new: PatientCreate) -> Patient:
    """The row for a patient, inside the running transaction.

    The stored patient with this identifier is used where name, birth date and sex agree as far as both are known; what
    was unknown is filled in. Without an identifier nobody can tell whether two are one, so a new row is made. Raises
    InvalidRecord for a conflict, in words that do not tell what is stored.
    """
    known = None
    if new.identifier:
        key = same(new.identifier)
        known = session.exec(select(Patient).where(Patient.identifier_key == key).with_for_update()).first()
    if known is None:
        patient = Patient.made_from(new, actor.user_id)
        session.add(patient)
        session.flush()
        return patient
    conflicts = []
    if same(known.name) != same(new.name):
        conflicts.append("name")
    if known.birth_date and new.birth_date and known.birth_date != new.birth_date:
        conflicts.append("birth date")
    if Sex.UNKNOWN not in (known.sex, new.sex) and known.sex != new.sex:
        conflicts.append("sex")
    if conflicts:
        raise InvalidRecord(
            f"The hospital identifier {new.identifier} belongs to a patient with another {' and '.join(conflicts)}. "
            "Check the identifier and the patient's details."
        )
    completed = (known.birth_date or new.birth_date, new.sex if known.sex is Sex.UNKNOWN else known.sex)
    if completed != (known.birth_date, known.sex):
        known.birth_date, known.sex = completed
        audit.record(session, actor, "patient.complete", f"patient {known.public_id}")
    return known


def find_patients(store: Store, actor: Actor, text: str = "", limit: int = 20) -> tuple[PatientPublic, ...]:
    """Patients of the actor whose identifier and name contain every word of ``text``, newest first; all for no text.

    Case and accents do not matter. The trail notes the search without its words. Raises NotAllowed, Unavailable.
    """
    require(actor, Action.PATIENT_FIND)
    with reading(store.engine) as session:
        confirm(session, actor)
        found = session.exec(
            select(Patient)
            .where(visible_patients(actor, Action.PATIENT_FIND), *contains_words(text))
            .order_by(col(Patient.created).desc(), col(Patient.id).desc())
            .limit(limit)
        ).all()
    audit.note(store.engine, actor, Action.PATIENT_FIND, f"{len(found)} patients")
    return tuple(PatientPublic.model_validate(patient) for patient in found)


def contains_words(text: str) -> list[ColumnElement[bool]]:
    """SQL conditions on Patient: each word of ``text`` is somewhere in the identifier or the name."""
    return [col(Patient.search_key).contains(word, autoescape=True) for word in fold(text).split()[:MOST_WORDS]]
