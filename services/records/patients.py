"""Patients: chosen, or found again by their hospital identifier, and never overwritten by what somebody types.

Their records are in patient_records.py, and accounts of their own in linking.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, false, union
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from services.errors import IdentifierTaken, InvalidRecord
from services.imaging.slice import PatientHint
from services.records import audit
from services.records.columns import begins
from services.records.database import key_of, reading, write
from services.records.patient_records import noting_refusals
from services.records.rare import if_few
from services.records.rights import Action, Actor, confirm, no_such_patient, require, visible_patients, visible_studies
from services.records.store import Store
from services.records.tables import (
    Patient,
    PatientBase,
    PatientCreate,
    PatientDoctor,
    PatientPublic,
    PatientWord,
    Sex,
    Study,
)
from services.records.text import LONGEST_WORD, fold, parts_of, same

MOST_WORDS = 16
MOST_EXAMINED = 1_000
MOST_LISTED = 200
_DICOM_SEX = {"F": Sex.FEMALE, "M": Sex.MALE, "O": Sex.OTHER}


@dataclass(frozen=True)
class ChosenPatient:
    """A patient who is in the records already, in the place of one who is typed."""

    public_id: uuid.UUID


def patient_of_study(session: Session, actor: Actor, whose: PatientCreate | ChosenPatient, taken: date) -> Patient:
    """The row for the patient of a study that the actor saves, inside the running transaction.

    Raises NotFound for a chosen patient who is not the actor's; InvalidRecord as ``find_or_make``, and where the study
    was taken before the patient's birth.
    """
    if isinstance(whose, ChosenPatient):
        patient = _chosen(session, actor, Action.STUDY_SAVE, whose.public_id)
    else:
        patient = find_or_make(session, actor, whose)
    if patient.birth_date is not None and taken < patient.birth_date:
        raise InvalidRecord("The study date lies before the patient's birth: check both.")
    holder = (patient.created_by_id, key_of(patient))
    if patient.created_by_id != actor.user_id and session.get(PatientDoctor, holder) is None:
        session.add(PatientDoctor(doctor_id=patient.created_by_id, patient_id=key_of(patient)))
    return patient


def find_or_make(session: Session, actor: Actor, new: PatientCreate) -> Patient:
    """The row for a patient as typed, inside the running transaction.

    The stored patient with this identifier is used where name, birth date and sex agree as far as both are known; what
    was unknown is filled in where the actor holds the patient. Without an identifier nobody can tell whether two are
    one, so a new row is made. Raises InvalidRecord for a conflict, in words that do not tell what is stored.
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
        raise IdentifierTaken(
            f"The hospital identifier {new.identifier} belongs to a patient with another {' and '.join(conflicts)}. "
            "Check the identifier and the patient's details."
        )
    completed = (known.birth_date or new.birth_date, new.sex if known.sex is Sex.UNKNOWN else known.sex)
    if completed != (known.birth_date, known.sex) and _holds(session, actor, known):
        known.birth_date, known.sex = completed
        known.version += 1
        audit.record(session, actor, "patient.complete", f"patient {known.public_id}")
    return known


def _holds(session: Session, actor: Actor, patient: Patient) -> bool:
    held = select(Patient.id).where(Patient.id == patient.id, visible_patients(actor, Action.PATIENT_EDIT))
    return session.exec(held).first() is not None


def find_patients(store: Store, actor: Actor, text: str = "", limit: int = 20) -> tuple[PatientPublic, ...]:
    """Patients of the actor with every word of ``text`` at the beginning of one of the identifier's or name's words.

    They come newest first, all for no text; then those whom the actor only examined are looked for among their newest
    MOST_EXAMINED studies. Case, accents and signs do not matter. The trail notes the search without its words. Raises
    NotAllowed, Unavailable.
    """
    require(actor, Action.PATIENT_FIND)
    with reading(store.engine) as session:
        confirm(session, actor)
        text = as_stored(session, text)
        asked = found_by(text, Patient.id) or [col(Patient.id).in_(_newest(actor, limit))]
        asked += rare_by(session, text, Patient.id)
        found = session.exec(
            select(Patient)
            .where(visible_patients(actor, Action.PATIENT_FIND), *asked)
            .order_by(col(Patient.created).desc(), col(Patient.id).desc())
            .limit(limit)
        ).all()
    audit.note(store.engine, actor, Action.PATIENT_FIND, f"{len(found)} patients")
    return tuple(PatientPublic.model_validate(patient) for patient in found)


@dataclass(frozen=True)
class Examined:
    """How many studies of a patient the actor may find, and when the newest was saved."""

    studies: int
    latest: datetime


def examined(store: Store, actor: Actor, patients: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Examined]:
    """The studies of these patients, of 200 at most, by the patient's public id. Raises NotAllowed."""
    require(actor, Action.STUDY_FIND)
    some = list(patients)[:MOST_LISTED]
    with reading(store.engine) as session:
        confirm(session, actor)
        counted = (
            select(Patient.public_id, func.count(), func.max(Study.created))
            .join(Study, col(Study.patient_id) == col(Patient.id))
            .where(col(Patient.public_id).in_(some), visible_studies(actor, Action.STUDY_FIND))
            .group_by(col(Patient.public_id))
        )
        return {public_id: Examined(studies, latest) for public_id, studies, latest in session.exec(counted).all()}


def _newest(actor: Actor, limit: int) -> SelectOfScalar[int]:
    """Keys among which the actor's newest patients are, a part for each way to be the actor's, along an index each."""
    entered = (
        select(Patient.id)
        .where(Patient.created_by_id == actor.user_id)
        .order_by(col(Patient.created).desc(), col(Patient.id).desc())
        .limit(limit)
        .subquery()
    )
    examined = (
        select(Study.patient_id)
        .where(Study.reader_id == actor.user_id)
        .order_by(col(Study.created).desc(), col(Study.public_id).desc())
        .limit(MOST_EXAMINED)
        .subquery()
    )
    assigned = select(PatientDoctor.patient_id).where(PatientDoctor.doctor_id == actor.user_id)
    every = union(select(entered.c.id), select(examined.c.patient_id), assigned).subquery()
    return select(every.c[0])


def choose_patient(store: Store, actor: Actor, public_id: uuid.UUID) -> PatientPublic:
    """Who a chosen patient is, and a note in the trail that it was looked at. Raises NotAllowed, NotFound."""

    def work(session: Session) -> PatientPublic:
        patient = _chosen(session, actor, Action.PATIENT_VIEW, public_id)
        audit.record(session, actor, Action.PATIENT_VIEW, f"patient {public_id}")
        return PatientPublic.model_validate(patient)

    with noting_refusals(store.engine, actor, Action.PATIENT_VIEW, public_id):
        return write(store.engine, work)


def patient_to_save(store: Store, actor: Actor, public_id: uuid.UUID) -> PatientPublic:
    """Who a chosen patient is, for the report of a study that is saved next; its saving is what the trail notes.

    Raises NotAllowed, NotFound; these are noted at once.
    """
    with noting_refusals(store.engine, actor, Action.STUDY_SAVE, public_id), reading(store.engine) as session:
        return PatientPublic.model_validate(_chosen(session, actor, Action.STUDY_SAVE, public_id))


def _chosen(session: Session, actor: Actor, action: Action, public_id: uuid.UUID) -> Patient:
    require(actor, action)
    confirm(session, actor)
    covered = select(Patient).where(Patient.public_id == public_id, visible_patients(actor, action))
    patient = session.exec(covered).first()
    if patient is None:
        raise no_such_patient()
    return patient


def contradictions(header: PatientHint | None, patient: PatientBase) -> tuple[str, ...]:
    """Which of "name", "hospital identifier", "birth date" and "sex" a file's header has otherwise than the patient.

    Only what both know is compared. Names agree where all words of one are among the other's, in any order, in any of
    the header's writings; case and accents do not matter.
    """
    if header is None:
        return ()
    named = set(fold(patient.name).split())
    writings = [set(fold(text).split()) for text in (header.name, *header.other_writings) if text]
    found = []
    if writings and not any(words <= named or named <= words for words in writings):
        found.append("name")
    if header.identifier and patient.identifier and same(header.identifier) != same(patient.identifier):
        found.append("hospital identifier")
    if header.birth_date and patient.birth_date and header.birth_date != patient.birth_date.isoformat():
        found.append("birth date")
    said = sex_of(header)
    if Sex.UNKNOWN not in (said, patient.sex) and said is not patient.sex:
        found.append("sex")
    return tuple(found)


def differences(one: PatientHint, other: PatientHint) -> tuple[str, ...]:
    """Which of a patient's details two files' headers have otherwise, compared likewise."""
    try:
        born = date.fromisoformat(one.birth_date)
    except ValueError:
        born = None
    # A header may lack what a patient in the records must have, so it is not checked.
    as_patient = PatientBase.model_construct(
        name=one.name, identifier=one.identifier or None, birth_date=born, sex=sex_of(one)
    )
    return contradictions(other, as_patient)


def sex_of(header: PatientHint) -> Sex:
    """The sex that a header says (PS3.3, C.7.1.1: M, F or O), UNKNOWN for anything else."""
    return _DICOM_SEX.get(header.sex.upper()[:1], Sex.UNKNOWN)


def as_stored(session: Session, text: str) -> str:
    """``text`` with each word that begins no patient's word taken apart (see text.parts_of); no text stays none."""
    words = []
    for word in fold(text).split():
        known = session.exec(_having(word).limit(1)).first() is not None
        words += [word] if known else parts_of(word) or [word]
    return " ".join(words) or text


def found_by(text: str, key: Any) -> list[ColumnElement[bool]]:
    """SQL conditions on a patient's ``key``: each word of ``text`` begins a word of the identifier or the name.

    Text in which nothing is left once it is folded names nobody.
    """
    words = _with_words(text)
    if text.strip() and not words:
        return [false()]
    return [word.where(PatientWord.patient_id == key).exists() for word in words]


def rare_by(session: Session, text: str, key: Any) -> list[ColumnElement[bool]]:
    """Conditions that say no more, but name the patients with a rare word by their keys."""
    rare = [if_few(session, col(key), word) for word in _with_words(text)]
    return [few for few in rare if few is not None]


def _with_words(text: str) -> list[SelectOfScalar[Any]]:
    """The patients with each word of ``text``."""
    return [_having(word) for word in fold(text).split()[:MOST_WORDS]]


def _having(word: str) -> SelectOfScalar[Any]:
    """The patients of whom a word begins with ``word``."""
    return select(PatientWord.patient_id).where(begins(col(PatientWord.word), word[:LONGEST_WORD]))
