"""All studies that this person may see, newest first, found by patient, date, class and verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import streamlit as st

from pages.view import acting, frame, rows
from pages.view.words import VERDICTS
from services.inference.prediction import Verdict
from services.records.history import PageKey, StudyFilters, find_studies
from services.records.rights import Action, may
from services.tasks import get_task

SIZE = 20
TRAIL = "history_trail"


def asked() -> StudyFilters:
    """The filters as they stand above the table; the address may set them first."""
    task = get_task(acting.TASK)
    params = st.query_params
    for name in ("patient", "label", "verdict"):
        if name in params:
            st.session_state[f"history_{name}"] = params.pop(name)
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom", gap="medium"):
        patient = st.text_input(
            "Patient", key="history_patient", placeholder="Name or hospital identifier", icon=":material/search:",
            on_change=first_page, width=260,
        )  # fmt: skip
        label = st.pills(
            "Class", task.class_keys, format_func=lambda k: task.class_info(k).name.capitalize(), key="history_label",
            on_change=first_page, wrap=True,
        )  # fmt: skip
        verdict = st.pills(
            "Verdict", list(VERDICTS), format_func=lambda v: VERDICTS[Verdict(v)].capitalize(), key="history_verdict",
            on_change=first_page, wrap=True,
        )  # fmt: skip
        first = st.date_input("From", None, key="history_first", format="YYYY-MM-DD", on_change=first_page, width=140)
        last = st.date_input("To", None, key="history_last", format="YYYY-MM-DD", on_change=first_page, width=140)
    filters = StudyFilters(patient=patient or "", label=label, verdict=Verdict(verdict) if verdict else None)
    return replace(filters, first=as_date(first), last=as_date(last))


def as_date(value: object) -> date | None:
    return value if isinstance(value, date) else None


def first_page() -> None:
    st.session_state[TRAIL] = []


def step(after: PageKey | None) -> None:
    """Go one page on, or back where there is no key to go on from."""
    trail: list[PageKey] = st.session_state.get(TRAIL, [])
    st.session_state[TRAIL] = [*trail, after] if after else trail[:-1]


def page() -> None:
    frame.title("Where is that study?")
    filters = asked()
    trail: list[PageKey] = st.session_state.get(TRAIL, [])
    found = find_studies(acting.store(), acting.person(), filters, trail[-1] if trail else None, SIZE)
    if not found.studies:
        if filters == StudyFilters():
            rows.none_yet("history", "There is no study that you may see yet.")
            if may(acting.person(), Action.STUDY_SAVE):
                st.page_link("pages/analyse.py", label="Analyse a slice", icon=":material/neurology:")
        else:
            rows.none_yet("filter_alt_off", "No study fits these filters. Take one away.")
        return
    rows.draw(found.studies, key="history")
    with st.container(key="pager", horizontal=True, vertical_alignment="center"):
        st.button("Newer", icon=":material/chevron_left:", disabled=not trail, on_click=step, args=(None,), key="newer")
        st.button(
            "Older",
            icon=":material/chevron_right:",
            icon_position="right",
            disabled=found.after is None,
            on_click=step,
            args=(found.after,),
            key="older",
        )
        first = len(trail) * SIZE + 1
        st.caption(f"{first} to {first + len(found.studies) - 1}, newest first")


frame.run(page)
