"""What a version does besides naming a class: it estimates where a tumour is, and refuses strange pictures."""

from __future__ import annotations

import streamlit as st

from pages.view.measured import Chosen, table
from pages.view.words import interval, plain


def outlines(chosen: Chosen) -> None:
    st.markdown(
        "Where a model has learnt tumours' outlines, its estimate against what radiologists drew, on slices with a "
        "tumour. It is no segmentation for treatment."
    )
    rows = [(model.name, row) for model in chosen.models for row in model.figures.outlines]
    table(
        {
            "Model": [plain(name) for name, _ in rows],
            "Slices of": [f"{plain(row.part)} ({row.images})" for _, row in rows],
            "Dice": [interval(row.dice, share=False) for _, row in rows],
            "Overlaps at all": [interval(row.found) for _, row in rows],
            "Likeliest point inside": [interval(row.pointing) for _, row in rows],
            "Nothing outlined where nothing is": [interval(row.clear) for _, row in rows],
        },
        "Estimated outlines against drawn ones.",
    )


def gate(chosen: Chosen) -> None:
    st.markdown(
        "Before any class is shown, a picture is checked: simple rules of format, size, colour and rim, and whether "
        f"the model's own features are like those of the {chosen.task.image}s it learnt from. Pictures that are no "
        f"{chosen.task.subject} should be refused, {chosen.task.subject}s should not. A version that is not listed "
        "refuses by the simple rules alone; an ensemble uses what its first member has learnt."
    )
    rows = [(model.name, row) for model in chosen.models for row in model.figures.gate]
    table(
        {
            "Model": [plain(name) for name, _ in rows],
            "Pictures": [plain(row.part) for _, row in rows],
            "Of the kind": ["yes" if row.belongs else "no" for _, row in rows],
            "Number": [f"{row.images:,}" for _, row in rows],
            "Refused": [interval(row.refused) for _, row in rows],
            "By the model's features": [interval(row.learnt) for _, row in rows],
        },
        "What the input gate refuses.",
    )
