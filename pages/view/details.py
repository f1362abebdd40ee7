"""The form for patient and study: prefilled from the file's header, confirmed by the person, checked by the records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import streamlit as st

from services.imaging.slice import Slice
from services.records.tables import PatientCreate, Sex

if TYPE_CHECKING:
    from services.workflow import Details

_DICOM_SEX = {"F": Sex.FEMALE, "M": Sex.MALE, "O": Sex.OTHER}
_EARLIEST = date(1900, 1, 1)


@dataclass(frozen=True)
class Filled:
    """What was typed, not yet checked."""

    name: str
    identifier: str
    birth_date: date | None
    sex: Sex
    study_date: date
    description: str
    notes: str

    def checked(self) -> Details:
        """The details as the workflow takes them; raises InvalidRecord with a sentence a field that is wrong."""
        from services.workflow import Details

        return Details(
            patient=PatientCreate(name=self.name, identifier=self.identifier, birth_date=self.birth_date, sex=self.sex),
            study_date=self.study_date,
            description=self.description,
            notes=self.notes,
        )


def ask(image: Slice, button: str, icon: str, *, key: str) -> Filled | None:
    """Draw the form; its fields start anew with every upload. What was typed, once its button was pressed."""
    hint = image.patient
    today = date.today()  # noqa: DTZ011 - the study's day is the local one
    with st.form(f"details_{key}", border=False):
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
            index=list(Sex).index(_DICOM_SEX.get(hint.sex.upper()[:1], Sex.UNKNOWN) if hint else Sex.UNKNOWN),
            format_func=lambda s: s.value.capitalize(),
            key=f"sex_{key}",
        )
        st.subheader("Study", anchor=False)
        taken = st.date_input(
            "Study date",
            _as_date(image.taken, today) or today,
            min_value=_EARLIEST,
            max_value=today,
            format="YYYY-MM-DD",
            key=f"taken_{key}",
        )
        description = st.text_input("Description", max_chars=200, key=f"description_{key}", autocomplete="off")
        notes = st.text_area("Notes", max_chars=4000, height=90, key=f"notes_{key}")
        sent = st.form_submit_button(button, type="primary", icon=f":material/{icon}:", key=f"send_{key}")
    if not sent:
        return None
    return Filled(
        name=name,
        identifier=identifier,
        birth_date=birth,
        sex=sex,
        study_date=taken or today,
        description=description,
        notes=notes,
    )


def _as_date(text: str, latest: date) -> date | None:
    """A header's date where it is one that the form can show."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if _EARLIEST <= found <= latest else None
