"""Two studies of one patient beside each other, the earlier at the left."""

from __future__ import annotations

import streamlit as st

from pages.view import frame, kept, viewer, words
from services.errors import FalxError, NotFound
from services.imaging.overlay import at_most, overlay
from services.records.views import StudyView
from services.reopening import Reopened
from services.reports import words as said
from services.tasks import get_task

QUESTION = "What has changed?"


def page() -> None:
    one, other = (st.query_params.get(name, "") for name in ("one", "other"))
    try:
        if not one or not other:
            raise NotFound("This address does not name two studies. Tick two of one patient in the history.")
        with st.spinner("Opening both studies"):
            pair = kept.side_by_side(one, other)
    except FalxError:
        frame.title(QUESTION)
        raise
    who = pair[0].view.patient
    number = f" · {who.identifier}" if who.identifier else ""
    frame.title(QUESTION, words.plain(f"{who.name}{number}"))
    warm = st.toggle("Heat map", value=False, key="beside_heat")
    for column, stored in zip(st.columns(2, gap="medium"), pair, strict=True):
        with column:
            side(stored, warm=warm)


def side(stored: Reopened, *, warm: bool) -> None:
    """One study: its date, the slice, the answer and the review."""
    view, task = stored.view, get_task(stored.view.task)
    st.subheader(words.day(view.study_date), anchor=False)
    values = at_most(stored.heat.values, viewer.LONGEST) if warm and stored.heat else None
    pixels = overlay(at_most(stored.slice.pixels, viewer.LONGEST), values, opacity=0.6, colour_map="magma")
    seen = "with its heat map" if values is not None else "as uploaded"
    st.image(pixels, width="stretch", output_format="PNG", alt=f"The slice of {words.day(view.study_date)}, {seen}.")
    st.markdown(f"**{words.plain(said.finding(task, view.prediction))}**")
    if view.prediction is not None:
        st.caption(f"Confidence {words.percent(view.prediction.confidence)}, {words.plain(str(view.prediction.model))}")
    if len(view.images) > 1:
        st.caption(said.leads(view.lead.number, len(view.images)))
    st.markdown(reviewed(view))
    if view.description:
        st.caption(words.plain(view.description))
    st.page_link(
        "pages/study.py", label="Open this study", icon=":material/radiology:",
        query_params={"id": str(view.public_id)},
    )  # fmt: skip


def reviewed(view: StudyView) -> str:
    """The review in force as a sentence."""
    if view.review is None:
        return "Nobody has reviewed it yet."
    agrees = view.review.decision.value == "agree"
    return words.plain(said.reviewed(get_task(view.task), view.review.label, agrees=agrees))


frame.run(page)
