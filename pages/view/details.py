"""The form for patient and study: a patient chosen, or prefilled from the file's header; checked by the records."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import streamlit as st

from pages.view import acting
from pages.view.words import day, plain
from services.imaging.slice import PatientHint, Slice
from services.records.patients import ChosenPatient, contradictions, find_patients, sex_of
from services.records.tables import PatientBase, PatientCreate, PatientPublic, Sex

if TYPE_CHECKING:
    from services.workflow import Details

_EARLIEST = date(1900, 1, 1)
_NEW, _KNOWN = "New patient", "In the records"


@dataclass(frozen=True)
class TypedPatient:
    """A new patient's details as typed."""

    name: str
    identifier: str
    birth_date: date | None
    sex: Sex

    def as_typed(self) -> PatientBase:
        """The details, not yet checked."""
        return PatientBase.model_construct(**vars(self))

    def checked(self) -> PatientCreate:
        """The details; raises InvalidRecord with a sentence a field that is wrong."""
        return PatientCreate(name=self.name, identifier=self.identifier, birth_date=self.birth_date, sex=self.sex)


@dataclass(frozen=True)
class Filled:
    """What was typed or chosen, not yet checked."""

    patient: TypedPatient | ChosenPatient
    same_person: bool
    study_date: date
    description: str
    notes: str

    def checked(self) -> Details:
        """The details as the workflow takes them; raises InvalidRecord with a sentence a field that is wrong."""
        from services.workflow import Details

        return Details(
            patient=self.patient.checked() if isinstance(self.patient, TypedPatient) else self.patient,
            study_date=self.study_date,
            description=self.description,
            notes=self.notes,
            same_person=self.same_person,
        )


def ask(images: Sequence[Slice], button: str, icon: str, *, key: str) -> Filled | None:
    """Draw the form; its fields start anew with every upload. What was typed, once its button was pressed.

    The fields begin with what the first header says that says anything.
    """
    today = date.today()  # noqa: DTZ011 - the study's day is the local one
    for sentence in dict.fromkeys(image.annotated for image in images if image.annotated):
        st.warning(sentence, icon=":material/text_fields:")
    hints = [image.patient for image in images if image.patient is not None]
    hint, taken_on = next(iter(hints), None), next((image.taken for image in images if image.taken), "")
    whose = st.segmented_control(
        "Patient", [_NEW, _KNOWN], default=_NEW, required=True, key=f"whose_{key}", label_visibility="collapsed"
    )
    known = pick(hint, key) if whose == _KNOWN else None
    if whose == _KNOWN and known is None:
        return None
    patient: TypedPatient | ChosenPatient
    with st.form(f"details_{key}", border=False):
        if known is None:
            patient = new_patient(hint, today, key)
            same_person = confirm(hints, patient.as_typed(), key)
        else:
            patient, same_person = ChosenPatient(known.public_id), confirm(hints, known, key)
        st.subheader("Study", anchor=False)
        taken = st.date_input(
            "Study date",
            _as_date(taken_on, today) or today,
            min_value=_EARLIEST,
            max_value=today,
            format="YYYY-MM-DD",
            key=f"taken_{key}",
        )
        description = st.text_input("Description", max_chars=200, key=f"description_{key}", autocomplete="off")
        notes = st.text_area(
            "Notes", max_chars=4000, height=90, key=f"notes_{key}",
            help="Printed in the report, which the patient can download once the study is released.",
        )  # fmt: skip
        sent = st.form_submit_button(button, type="primary", icon=f":material/{icon}:", key=f"send_{key}")
    if not sent:
        return None
    return Filled(patient, same_person, study_date=taken or today, description=description, notes=notes)


def pick(hint: PatientHint | None, key: str) -> PatientPublic | None:
    """One of the doctor's patients, searched by what the header says to begin with."""
    words = st.text_input(
        "Search", (hint.identifier or hint.name) if hint else "", placeholder="Name or hospital identifier",
        icon=":material/search:", key=f"pick_words_{key}", autocomplete="off",
    )  # fmt: skip
    found = {patient.public_id: patient for patient in find_patients(acting.store(), acting.person(), words)}
    if not found:
        st.caption("None of your patients fits these words.")
        return None

    def shown(public_id: uuid.UUID) -> str:
        who = found[public_id]
        born = f"born {day(who.birth_date)}" if who.birth_date else ""
        return ", ".join(part for part in (who.name, who.identifier, born) if part)

    chosen = st.selectbox("Patient", list(found), index=None, format_func=shown, key=f"pick_{key}")
    return found.get(chosen) if chosen is not None else None


def confirm(hints: Sequence[PatientHint | None], patient: PatientBase, key: str) -> bool:
    """Whether the person says that headers and patient are one, where they contradict each other.

    The answer is for this patient: another one is asked about anew.
    """
    found: dict[str, None] = {}
    others: dict[str, None] = {}
    for hint in hints:
        differs = contradictions(hint, patient)
        if differs and hint is not None:
            sex = sex_of(hint)
            told = (hint.name, hint.identifier, hint.birth_date, "" if sex is Sex.UNKNOWN else sex.value)
            found |= dict.fromkeys(differs)
            others[", ".join(part for part in told if part)] = None
    if not found:
        return False
    said = "; ".join(others)
    st.warning(f"The file's header names another patient: {plain(said)}.", icon=":material/person_alert:")
    who = hash((patient.name, patient.identifier, patient.birth_date, patient.sex))
    return st.checkbox(f"It is the same person, in spite of another {' and '.join(found)}", key=f"same_{key}_{who}")


def new_patient(hint: PatientHint | None, today: date, key: str) -> TypedPatient:
    """The fields of a new patient, with what the header says in them."""
    st.subheader("Patient", anchor=False)
    if hint is not None:
        st.caption(":material/info: Taken from the file's header. Check it before you save.")
    name = st.text_input("Name", hint.name if hint else "", max_chars=200, key=f"name_{key}", autocomplete="off")
    identifier = st.text_input(
        "Hospital identifier", hint.identifier if hint else "", max_chars=64, key=f"identifier_{key}",
        autocomplete="off",
    )  # fmt: skip
    left, right = st.columns(2)
    birth = left.date_input(
        "Birth date", _as_date(hint.birth_date if hint else "", today), min_value=_EARLIEST, max_value=today,
        format="YYYY-MM-DD", key=f"birth_{key}",
    )  # fmt: skip
    sex = right.selectbox(
        "Sex",
        list(Sex),
        index=list(Sex).index(sex_of(hint) if hint else Sex.UNKNOWN),
        format_func=lambda s: s.value.capitalize(),
        key=f"sex_{key}",
    )
    return TypedPatient(name, identifier, birth, sex)


def _as_date(text: str, latest: date) -> date | None:
    """A header's date where it is one that the form can show."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if _EARLIEST <= found <= latest else None
