"""All studies that this person may see, newest first, found by patient, dates, class and verdict."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import date

import streamlit as st

from pages.view import acting, frame, rows
from pages.view.words import VERDICTS, plain
from services.inference.prediction import Verdict
from services.records.history import PageKey, StudyFilters, find_studies
from services.records.rights import Action, may
from services.tasks import TASKS

SIZE = 20
# The filters that the pages gone through belong to, and the keys of these pages.
TRAIL = "history_trail"
POSITIVE, WEEK = "positive", "week"
EARLIEST = date(1900, 1, 1)


def take_address(labels: Collection[str]) -> None:
    """Let the address set the filters, once; what it names that nobody could choose is passed over."""
    choices: dict[str, Collection[str] | None] = {
        "patient": None,
        "person": None,
        "label": labels,
        "verdict": VERDICTS,
        "saved": (WEEK,),
    }
    # Streamlit forgets a field once another page is drawn: without one, this page is entered anew.
    if "history_patient" not in st.session_state or any(name in st.query_params for name in choices):
        st.session_state.pop(TRAIL, None)
    for name, allowed in choices.items():
        value = st.query_params.pop(name, None)
        if value is not None and (allowed is None or value in allowed):
            st.session_state[f"history_{name}"] = value


def asked() -> StudyFilters:
    """The filters as they stand above the table."""
    classes = {c.key: c.name.capitalize() for task in TASKS.values() for c in task.classes}
    names = {POSITIVE: "Any finding"} | classes
    take_address(names)
    today = date.today()  # noqa: DTZ011 - the study's day is the local one
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom", gap="medium"):
        person = one_patient()
        patient = st.text_input(
            "Patient", key="history_patient", placeholder="Name or hospital identifier", icon=":material/search:",
            width=260,
        )  # fmt: skip
        label = st.pills("Class", list(names), format_func=names.__getitem__, key="history_label", wrap=True)
        verdict = st.pills(
            "Verdict", list(VERDICTS), format_func=lambda v: VERDICTS[Verdict(v)].capitalize(), key="history_verdict",
            wrap=True,
        )  # fmt: skip
        saved = st.pills("Saved", [WEEK], format_func=lambda _: "Last 7 days", key="history_saved")
        first, last = (
            st.date_input(
                f"Study date {end}", None, EARLIEST, today, key=f"history_{name}", format="YYYY-MM-DD", width=140
            )
            for name, end in (("first", "from"), ("last", "to"))
        )
    return StudyFilters(
        patient=patient or "",
        patient_public_id=person,
        first=as_date(first),
        last=as_date(last),
        this_week=saved is not None,
        label=label if label != POSITIVE else None,
        positive=label == POSITIVE,
        verdict=Verdict(verdict) if verdict else None,
    )


def one_patient() -> uuid.UUID | None:
    """The one patient whose studies an address asked for, with a button that lets all others in again."""
    try:
        person = uuid.UUID(st.session_state.get("history_person") or "")
    except ValueError:
        st.session_state.pop("history_person", None)
        return None
    theirs = find_studies(acting.store(), acting.person(), StudyFilters(patient_public_id=person), limit=1).studies
    name = plain(theirs[0].patient_name) if theirs else "one patient"
    st.session_state["history_person"] = str(person)
    st.pills("Studies of", [str(person)], format_func=lambda _: name, key="history_person")
    return person


def as_date(value: object) -> date | None:
    return value if isinstance(value, date) else None


def step(filters: StudyFilters, keys: tuple[PageKey, ...]) -> None:
    """Go to the page after the last of ``keys``, or to the first one where there are none."""
    st.session_state[TRAIL] = filters, keys


def gone_through(filters: StudyFilters) -> tuple[PageKey, ...]:
    """The keys of the pages before this one; other filters start on the first page."""
    belongs_to, keys = st.session_state.get(TRAIL, (None, ()))
    return keys if belongs_to == filters else ()


def page() -> None:
    frame.title("Where is that study?")
    filters = asked()
    trail = gone_through(filters)
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
        back, on = (filters, trail[:-1]), (filters, (*trail, *([found.after] if found.after else [])))
        st.button("Newer", icon=":material/chevron_left:", disabled=not trail, on_click=step, args=back, key="newer")
        st.button(
            "Older",
            icon=":material/chevron_right:",
            icon_position="right",
            disabled=found.after is None,
            on_click=step,
            args=on,
            key="older",
        )
        first = len(trail) * SIZE + 1
        st.caption(f"{first} to {first + len(found.studies) - 1}, newest first")


frame.run(page)
