"""What a version does besides naming a class: it refuses strange pictures, and estimates where a tumour is."""

from __future__ import annotations

import streamlit as st

from pages.view.measured import Chosen, Measured, each
from pages.view.words import DASH, interval, plain
from services.tasks.task import Task


def outlines(chosen: Chosen) -> None:
    st.markdown(
        "Where a model has learnt tumours' outlines, its estimate against what radiologists drew, on slices with a "
        "tumour. It is no segmentation for treatment."
    )
    each(chosen, _outlines)


def _outlines(task: Task, model: Measured) -> None:
    rows = model.figures.outlines
    if not rows:
        st.caption("This version has learnt no outlines.")
        return
    st.table(
        {
            "Slices of": [f"{plain(row.part)} ({row.images})" for row in rows],
            "Dice": [interval(row.dice, share=False) for row in rows],
            "Overlaps at all": [interval(row.found) for row in rows],
            "Likeliest point inside": [interval(row.pointing) for row in rows],
            "Nothing outlined where nothing is": [interval(row.clear) if row.clear else DASH for row in rows],
        },
        border="horizontal", hide_index=True, alt="Estimated outlines against drawn ones.",
    )  # fmt: skip


def gate(chosen: Chosen) -> None:
    st.markdown(
        "Before any class is shown, a picture is checked: simple rules of format, size, colour and rim, and whether "
        "the model's own features are like those of the slices it learnt from. Pictures that are no brain MRI should "
        "be refused, brain slices should not."
    )
    each(chosen, _gate)


def _gate(task: Task, model: Measured) -> None:
    rows = model.figures.gate
    if not rows:
        st.caption("This version refuses by the simple rules alone.")
        return
    st.table(
        {
            "Pictures": [plain(row.part) for row in rows],
            "Of the kind": ["yes" if row.belongs else "no" for row in rows],
            "Number": [f"{row.images:,}" for row in rows],
            "Refused": [interval(row.refused) for row in rows],
            "By the model's features": [interval(row.learnt) for row in rows],
        },
        border="horizontal", hide_index=True, alt="What the input gate refuses.",
    )  # fmt: skip
