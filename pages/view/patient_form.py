"""The form for a patient's record, in one column; checked by the records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import streamlit as st

from services.records.tables import PatientCreate, PatientRecord, Sex

EARLIEST = date(1900, 1, 1)


@dataclass(frozen=True)
class Filled:
    """What was typed, not yet checked."""

    fields: dict[str, object]

    def checked(self) -> PatientCreate:
        """The record; raises InvalidRecord with a sentence a field that is wrong."""
        return PatientCreate(**self.fields)


def ask(record: PatientRecord | None, button: str, *, key: str) -> Filled | None:
    """Draw the form, filled with ``record``. What was typed, once its button was pressed."""
    today = date.today()  # noqa: DTZ011 - the day of birth is a local one
    old = record or PatientRecord.model_construct(name="")
    born = old.birth_date if old.birth_date and EARLIEST <= old.birth_date <= today else None
    with st.form(f"patient_{key}", border=False):
        fields: dict[str, object] = {
            "name": st.text_input("Name", old.name, max_chars=200, key=f"record_name_{key}", autocomplete="off"),
            "identifier": st.text_input(
                "Hospital identifier", old.identifier or "", max_chars=64, key=f"record_number_{key}",
                autocomplete="off",
            ),
            "birth_date": st.date_input(
                "Birth date", born, EARLIEST, today, format="YYYY-MM-DD", key=f"record_birth_{key}"
            ),
            "sex": st.selectbox(
                "Sex", list(Sex), index=list(Sex).index(old.sex), format_func=lambda s: s.value.capitalize(),
                key=f"record_sex_{key}",
            ),
        }  # fmt: skip
        st.subheader("Contact", anchor=False)
        for name, label, longest in (
            ("phone", "Phone", 40), ("mail", "Mail address", 254), ("address", "Address", 300),
        ):  # fmt: skip
            fields[name] = st.text_input(
                label, getattr(old, name), max_chars=longest, key=f"record_{name}_{key}", autocomplete="off"
            )
        fields["notes"] = st.text_area("Notes", old.notes, max_chars=4000, height=90, key=f"record_notes_{key}")
        sent = st.form_submit_button(button, type="primary", icon=":material/save:", key=f"record_send_{key}")
    return Filled(fields) if sent else None
