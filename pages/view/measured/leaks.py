"""What a figure on the published split is worth, whose test images the training part holds already."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.view import curves
from pages.view.measured import Chosen, table
from pages.view.words import DASH, class_name, interval, percent, plain
from services.inference.findings import PublishedFigures


def leak(chosen: Chosen) -> None:
    st.markdown(
        "Most published figures for this task come from a split of a public collection whose test images show, for the "
        "most part, slices that are also in its training part, often mirrored. A model can remember those instead of "
        "recognising a tumour, so its figure there says little about the next patient. The honest figure is that by "
        f"patient: of patients of whom the model has seen nothing. {_leaked(chosen.findings.published)}"
    )
    by_patient = {model.card.network: model.figures.test.accuracy for model in chosen.models}
    rows = [figures for figures in chosen.findings.published if figures.network in by_patient] or list(
        chosen.findings.published
    )
    groups = [figures.network_title for figures in rows]
    curves.grouped_bars(
        groups,
        [
            ("published split, all test images", [f.every.accuracy for f in rows]),
            ("its slices that are in training", [f.seen.accuracy for f in rows]),
            ("its slices that are not", [f.others.accuracy for f in rows]),
            ("the version above, by patient", [by_patient.get(f.network) for f in rows]),
        ],
        y="Accuracy", key="leak", alt="Accuracy on the published split and on new patients.",
    )  # fmt: skip
    st.caption(
        "On the published split a network is trained on that split alone, and the bar by patient is of the version "
        "chosen above, which learnt from more hospitals, in more passes and from more pixels: its other patients and "
        "other classes make it no measure of the leak. Nor are the two bars of the split as they stand, since they "
        "hold different classes. “In the proportions of the rest” is the accuracy on the slices that are in training "
        "if their classes had the shares of those that are not: what is left of the gap is what the leak is worth. Of "
        "those that are not in training most still share their head with an image that is."
    )
    keys = chosen.task.class_keys
    parts = [(figures, name, part) for figures in rows for name, part in figures.parts]
    table(
        {
            "Network": [plain(figures.network_title) for figures, _, _ in parts],
            "Test images": [f"{name} ({part.images:,})" for _, name, part in parts],
            "Accuracy": [interval(part.accuracy) for _, _, part in parts],
            "In the proportions of the rest": [
                DASH if part is not figures.seen or figures.seen_alike is None else percent(figures.seen_alike)
                for figures, _, part in parts
            ],
        }
        | {
            f"Right of {class_name(chosen.task.key, key)}": [
                f"{percent(part.classes[key].recall.value)} of {part.classes[key].images:,}"
                if key in part.classes
                else DASH
                for _, _, part in parts
            ]
            for key in keys
        },
        "Accuracy on the parts of the published split, by class.",
    )


def _leaked(published: Sequence[PublishedFigures]) -> str:
    """How many of the split's test images leaked, and what that is worth to each network."""
    first = published[0]
    worth = [
        f"{_points(figures.seen_alike - figures.others.accuracy.value)} for {plain(figures.network_title)} "
        f"({percent(figures.seen_alike)} against {percent(figures.others.accuracy.value)})"
        for figures in published
        if figures.seen_alike is not None
    ]
    told = (
        " With the classes in the same proportions, a network that learnt the split is more often right on those than "
        f"on the rest by {', '.join(worth)}."
    )
    return (
        f"Of the {first.every.images:,} test images of this split {first.seen.images:,} "
        f"({100 * first.seen.images / first.every.images:.0f}%) show a slice that is also in its training part."
        + told
        * bool(worth)
    )


def _points(share: float) -> str:
    """A difference of shares in points of a hundred."""
    return f"{round(100 * share, 1) + 0.0:.1f} points".replace("-", "−")
