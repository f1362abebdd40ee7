"""The filters above the history: set by the address of a tile, changed by the person."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import streamlit as st

from pages.view import acting
from pages.view.words import STATES, VERDICTS, plain
from services.inference.prediction import Verdict
from services.records.filters import StudyFilters
from services.records.history import Sort, find_studies, readers
from services.records.tables import State
from services.tasks import get_task

# The filters that the pages gone through belong to, and the keys of these pages.
TRAIL = "history_trail"
POSITIVE, WEEK = "positive", "week"
EARLIEST = date(1900, 1, 1)
SORTS = {
    Sort.NEWEST: "newest first",
    Sort.OLDEST: "oldest first",
    Sort.LATEST_STUDY: "latest study date first",
    Sort.EARLIEST_STUDY: "earliest study date first",
}
BY_DAY = (Sort.LATEST_STUDY, Sort.EARLIEST_STUDY)


@dataclass(frozen=True)
class Sought:
    """What is looked for, and in which order."""

    filters: StudyFilters
    sort: Sort


def _take_address(labels: Collection[str]) -> None:
    """Let the address set the filters, once; what it names that nobody could choose is passed over."""
    choices: dict[str, Collection[str] | None] = {
        "patient": None,
        "person": None,
        "label": labels,
        "verdict": VERDICTS,
        "state": STATES,
        "saved": (WEEK,),
    }
    # Streamlit forgets a field once another page is drawn: without one, this page is entered anew.
    if "history_patient" not in st.session_state or any(name in st.query_params for name in choices):
        st.session_state.pop(TRAIL, None)
    for name, allowed in choices.items():
        value = st.query_params.pop(name, None)
        if value is not None and (allowed is None or value in allowed):
            st.session_state[f"history_{name}"] = value


def ask() -> Sought:
    """The filters as they stand above the table."""
    asked = st.session_state.get("history_task")
    task = get_task(str(asked or acting.TASK))
    names = {POSITIVE: f"Any {acting.looked_for(asked)}"} | {c.key: c.name.capitalize() for c in task.classes}
    _take_address(names)
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom", gap="medium"):
        person = _one_patient()
        patient = st.text_input(
            "Patient", key="history_patient", placeholder="Name or hospital identifier", icon=":material/search:",
            width=260,
        )  # fmt: skip
        chosen_task = _task()
        label = st.pills("Class", list(names), format_func=names.__getitem__, key="history_label", wrap=True)
        verdict = st.pills(
            "Verdict", list(VERDICTS), format_func=lambda v: VERDICTS[Verdict(v)].capitalize(), key="history_verdict",
            wrap=True,
        )  # fmt: skip
        state = st.pills(
            "Review", list(STATES), format_func=lambda s: STATES[State(s)].capitalize(), key="history_state", wrap=True
        )
        saved = st.pills("Saved", [WEEK], format_func=lambda _: "Last 7 days", key="history_saved")
        first, last = _days()
        with st.popover("More", icon=":material/tune:", key="history_more"):
            least, most = _confidence()
            network, reader = _network(), _reader()
        # A range of study dates is read along the study dates, or all that was saved since would be gone through.
        orders = BY_DAY if first or last else tuple(SORTS)
        sort = st.selectbox("Order", orders, format_func=SORTS.__getitem__, key="history_sort", width=230)
    filters = StudyFilters(
        patient=patient or "",
        patient_public_id=person,
        first=first,
        last=last,
        this_week=saved is not None,
        label=label if label != POSITIVE else None,
        positive=label == POSITIVE,
        verdict=Verdict(verdict) if verdict else None,
        task=chosen_task,
        state=State(state) if state else None,
        network=network,
        least=least,
        most=most,
        reader=reader,
    )
    return Sought(filters, sort)


def _task() -> str | None:
    tasks = [task.key for task in acting.answered()]
    if len(tasks) == 1:
        return None
    return st.pills("Task", tasks, format_func=lambda key: get_task(key).title, key="history_task", wrap=True)


def _days() -> tuple[date | None, date | None]:
    today = date.today()  # noqa: DTZ011 - the study's day is the local one
    first, last = (
        st.date_input(f"Study date {end}", None, EARLIEST, today, key=f"history_{name}", format="YYYY-MM-DD", width=140)
        for name, end in (("first", "from"), ("last", "to"))
    )
    return _as_date(first), _as_date(last)


def _confidence() -> tuple[float, float]:
    """The bounds in 0..1."""
    low, high = st.slider("Confidence", 0, 100, (0, 100), format="%d%%", key="history_confidence")
    return low / 100, high / 100


def _network() -> str | None:
    networks = sorted({network for task in acting.answered() for network in task.networks})
    return st.selectbox("Model", networks, index=None, placeholder="Any", key="history_network")


def _reader() -> uuid.UUID | None:
    people = {reader.public_id: reader.full_name for reader in readers(acting.store(), acting.person())}
    return st.selectbox(
        "Reader", list(people), index=None, placeholder="Anybody", format_func=people.__getitem__, key="history_reader"
    )


def _one_patient() -> uuid.UUID | None:
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


def _as_date(value: object) -> date | None:
    return value if isinstance(value, date) else None
