"""All studies that this person may see, filtered and in order; two side by side; all of them to take away."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.view import acting, failures, frame, reviewing, rows, sought
from pages.view.sought import TRAIL, Sought
from services.records.exports import MOST_EXPORTED, Export, export_studies
from services.records.filters import StudyFilters
from services.records.history import PageKey, StudySummary, find_studies
from services.records.removal import restore_study
from services.records.rights import Action, may

SIZE = 20
KINDS = {
    Export.REPORTS: ("Reports (PDFs in a ZIP)", "falx-reports.zip", "application/zip"),
    Export.CSV: ("Table (CSV)", "falx-studies.csv", "text/csv"),
    Export.JSON: ("Table (JSON)", "falx-studies.json", "application/json"),
}
TAKING = "history_taking"


def step(asked: Sought, keys: tuple[PageKey, ...]) -> None:
    """Go to the page after the last of ``keys``, or to the first one where there are none."""
    st.session_state[TRAIL] = asked, keys


def gone_through(asked: Sought) -> tuple[PageKey, ...]:
    """The keys of the pages before this one; other filters and another order start on the first page."""
    belongs_to, keys = st.session_state.get(TRAIL, (None, ()))
    return keys if belongs_to == asked else ()


def undo() -> None:
    """A word on the study that was just deleted, and the way back."""
    deleted = st.session_state.get(reviewing.DELETED)
    if deleted is None:
        return
    with st.container(key="deleted", border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(":material/delete: The study was deleted.")
        if st.button("Restore it", key="restore", type="tertiary"):
            with failures.told():
                restore_study(acting.store(), acting.person(), deleted)
                st.session_state.pop(reviewing.DELETED)
                st.rerun()


def beside(ticked: Sequence[StudySummary]) -> None:
    """Two ticked studies of one patient lead to the page that shows both."""
    if not ticked:
        return
    with st.container(key="ticked", horizontal=True, vertical_alignment="center"):
        if len(ticked) == 2 and len({study.patient_public_id for study in ticked}) == 1:
            st.page_link(
                "pages/side_by_side.py", label="See the two side by side", icon=":material/compare:",
                query_params={"one": str(ticked[0].public_id), "other": str(ticked[1].public_id)},
            )  # fmt: skip
        else:
            st.caption(f"{len(ticked)} ticked. Tick two studies of one patient to see them side by side.")


def take(asked: Sought | None = None) -> None:
    """Open the dialog that makes the files; nothing closes it."""
    st.session_state[TAKING] = asked


@st.dialog("Take these studies away", on_dismiss=take)
def taken_away(asked: Sought) -> None:
    """Make one file of all studies found, on all pages, and hand it out."""
    acting.check()
    st.markdown(
        f"All studies that fit the filters, on all pages, {MOST_EXPORTED} at most. The files name patients: keep them "
        "where only you can read them. Each study is noted as taken away."
    )
    kind = st.radio("As", list(KINDS), format_func=lambda k: KINDS[k][0], key="export_kind")
    if not st.button("Make the file", icon=":material/archive:", key="export_make"):
        return
    with failures.told():
        with st.spinner("Gathering the studies"):
            content = export_studies(acting.store(), acting.person(), kind, asked.filters, asked.sort)
        _, name, media_type = KINDS[kind]
        st.download_button(
            f"Download {name}", content, name, media_type, icon=":material/download:", type="primary",
            key="export_get", on_click="ignore",
        )  # fmt: skip


def page() -> None:
    frame.title("Where is that study?")
    undo()
    asked = sought.ask()
    trail = gone_through(asked)
    found = find_studies(
        acting.store(), acting.person(), asked.filters, trail[-1] if trail else None, SIZE, sort=asked.sort
    )
    if not found.studies:
        if asked.filters == StudyFilters():
            rows.none_yet("history", "There is no study that you may see yet.")
            if may(acting.person(), Action.STUDY_SAVE):
                st.page_link("pages/analyse.py", label="Analyse a slice", icon=":material/neurology:")
        else:
            rows.none_yet("filter_alt_off", "No study fits these filters. Take one away.")
        return
    beside(rows.draw(found.studies, key="history", ticks=True))
    with st.container(key="pager", horizontal=True, vertical_alignment="center"):
        back, on = (asked, trail[:-1]), (asked, (*trail, *([found.after] if found.after else [])))
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
        st.caption(f"{first} to {first + len(found.studies) - 1}, {sought.SORTS[asked.sort]}", width="stretch")
        if may(acting.person(), Action.STUDY_EXPORT):
            st.button("Take away", icon=":material/download:", key="take_away", on_click=take, args=(asked,))
    if st.session_state.get(TAKING) == asked:
        taken_away(asked)


frame.run(page)
