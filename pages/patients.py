"""The patients that this doctor entered, is assigned to or has examined, and the way to their records and studies."""

from __future__ import annotations

import streamlit as st

from pages.view import acting, failures, frame, patient_form, rows
from pages.view.words import DASH, day, moment, plain
from services.records.patient_records import add_patient
from services.records.patients import Examined, examined, find_patients
from services.records.tables import PatientPublic

MOST = 50
ASKING = "patients_asking"
WIDTHS = (3, 2.4, 1.6, 1.2, 1, 2.2)
HEADS = ("Name", "Hospital identifier", "Birth date", "Sex", "Studies", "Latest")


def page() -> None:
    frame.title("Whose studies are here?")
    with st.container(key="patients_bar", horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search", key="patients_search", placeholder="Name or hospital identifier", icon=":material/search:",
            width=320,
        )  # fmt: skip
        st.button("Add a patient", icon=":material/person_add:", key="add_patient", on_click=ask, args=(True,))
    if st.session_state.get(ASKING):
        add()
    found = find_patients(acting.store(), acting.person(), text, MOST)
    if not found:
        sentence = (
            "No patient fits these words."
            if text
            else "No patient yet: add one, or save a study, which adds its patient."
        )
        rows.none_yet("groups", sentence)
        return
    seen = examined(acting.store(), acting.person(), [person.public_id for person in found])
    with st.container(key="rows_patients", gap=None):
        with st.container(key="rowhead_patients"):
            for column, head in zip(st.columns(WIDTHS), HEADS, strict=True):
                column.caption(head)
        for person in found:
            line(person, seen.get(person.public_id))
    if len(found) == MOST:
        st.caption(f"The newest {MOST} patients. Search by the beginning of a name or number to see others.")


def line(person: PatientPublic, seen: Examined | None) -> None:
    with st.container(key=f"row_patient_{person.public_id.hex}"):
        name, identifier, born, sex, studies, last = st.columns(WIDTHS, vertical_alignment="center")
        name.page_link("pages/patient.py", label=plain(person.name), query_params={"id": str(person.public_id)})
        identifier.markdown(plain(person.identifier or DASH))
        born.markdown(day(person.birth_date))
        sex.markdown(person.sex.value)
        if seen is not None:
            theirs = {"person": str(person.public_id)}
            studies.page_link("pages/history.py", label=str(seen.studies), query_params=theirs)
        else:
            studies.markdown(DASH)
        last.markdown(moment(seen.latest) if seen else DASH)


def ask(adding: bool = False) -> None:
    """Open the dialog; nothing closes it."""
    st.session_state[ASKING] = adding


@st.dialog("Add a patient", on_dismiss=ask)
def add() -> None:
    acting.check()
    filled = patient_form.ask(None, "Add the patient", key="add")
    if filled is None:
        return
    with failures.told():
        made = add_patient(acting.store(), acting.person(), filled.checked())
        ask()
        st.switch_page("pages/patient.py", query_params={"id": str(made.public_id)})


frame.run(page)
