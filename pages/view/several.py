"""Flipping between the images of a study, and which of them leads."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.view import words
from services.inference.prediction import Prediction, Verdict
from services.reports import words as said
from services.tasks.task import Task


def choose(names: Sequence[str], lead: int | None, *, first: int = 1, key: str) -> int:
    """The index of the image that is shown: the leading one at first, then whichever the person chooses.

    ``names`` say what each image showed, and are numbered from ``first`` on. ``lead`` is the index of the leading one,
    which is told, None where that is not known. Draws nothing where there is but one image.
    """
    if len(names) == 1:
        return 0
    widget, chosen = f"image_{key}", f"shown_{key}"

    def remember() -> None:
        # A widget whose words change is another one to Streamlit, and would forget what was chosen.
        st.session_state[chosen] = st.session_state[widget]

    st.session_state.setdefault(widget, st.session_state.get(chosen, lead or 0))
    with st.container(key="several", gap="xsmall"):
        at = st.segmented_control(
            "Images of this study", range(len(names)), format_func=lambda index: f"{first + index}: {names[index]}",
            required=True, key=widget, on_change=remember, label_visibility="collapsed", wrap=True,
        )  # fmt: skip
        if lead is not None:
            st.caption(said.leads(first + lead, len(names)))
    return int(at)


def name(task: Task, answer: Prediction | None) -> str:
    """What an image showed, in a few words; ``answer`` is None where the check refused it."""
    if answer is None:
        return "refused"
    likeliest = f"{task.class_info(answer.label).name} {words.percent(answer.confidence)}"
    return words.plain(f"uncertain, {likeliest}" if answer.verdict is Verdict.UNCERTAIN else likeliest)
