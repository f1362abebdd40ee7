"""How far the models can be trusted: one table with intervals, then one chart at a time."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.view import acting, charts, frame, rows
from pages.view.words import interval, plain
from services.inference.card import Card
from services.inference.figures import Evaluation
from services.inference.prediction import ModelRef
from services.records.rights import Action, require
from services.tasks import get_task
from services.tasks.task import Task


def table(cards: list[Card]) -> None:
    st.table(
        {
            "Model": [f"{card.network_title}, version {card.version}" for card in cards],
            "Macro-F1": [interval(card.test.macro_f1) for card in cards],
            "Accuracy": [interval(card.test.accuracy) for card in cards],
            "Precision": [interval(card.test.precision) for card in cards],
            "Recall": [interval(card.test.recall) for card in cards],
            "Calibration error": [interval(card.test.calibration_error) for card in cards],
            "Images": [f"{card.test.images:,}" for card in cards],
            "Groups": [f"{card.test.groups:,}" for card in cards],
        },
        border="horizontal", hide_index=True, alt="Figures of each model on its test images, with 95% intervals.",
    )  # fmt: skip


def by_class(task: Task, card: Card, data: Evaluation) -> None:
    figures = card.test.classes
    infos = [info for info in task.classes if info.key in figures]
    rows_ = [
        (f"{info.name} ({figures[info.key].images})", figures[info.key].f1, figures[info.key].images) for info in infos
    ]
    charts.estimates(rows_, colours=[info.colour for info in infos], title="F1 on the test images", key="by_class")
    st.table(
        {
            "Class": [info.name for info in infos],
            "Precision": [interval(figures[info.key].precision) for info in infos],
            "Recall": [interval(figures[info.key].recall) for info in infos],
            "F1": [interval(figures[info.key].f1) for info in infos],
            "Images": [f"{figures[info.key].images:,}" for info in infos],
        },
        border="horizontal", hide_index=True, alt="Precision, recall and F1 of each class.",
    )  # fmt: skip


def confusion(task: Task, card: Card, data: Evaluation) -> None:
    rates = st.toggle("As shares of the true class", key="rates")
    charts.confusion(task, card.test, rates=rates, key="confusion")


def reliability(task: Task, card: Card, data: Evaluation) -> None:
    st.markdown(
        f"Expected calibration error {interval(card.test.calibration_error)}. Points on the dotted line are "
        "confidences that mean what they say; below it the model is too sure. Lines are 95% intervals; larger points "
        "hold more images."
    )
    charts.reliability(data.reliability, key="reliability")
    answered = data.uncertain
    st.caption(
        f"The model answers from a confidence of {100 * answered['threshold']:.3g}% on. On the test images it leaves "
        f"{100 * answered['share_uncertain']:.1f}% as uncertain, and {100 * answered['accuracy_of_answered']:.1f}% of "
        "the others are right."
    )


def by_source(task: Task, card: Card, data: Evaluation) -> None:
    if not card.breakdown:
        st.info("This version's card has no figures by source.")
        return
    parts = card.breakdown
    charts.estimates(
        [(f"{part.name} ({part.images})", part.accuracy, part.images) for part in parts],
        colours=[charts.accent()] * len(parts), title="Accuracy by part of the test images", key="by_source",
    )  # fmt: skip


def presence(task: Task, card: Card, data: Evaluation) -> None:
    st.markdown(
        "Tumour against none, on sources and sequences whose labels say no more than that. The area under the curve is "
        "the chance that a slice with a tumour gets a higher tumour score than one without."
    )
    measured = [(f"{part.name} ({part.images})", part.auc, part.images) for part in card.presence if part.auc]
    if measured:
        charts.estimates(
            [(name, auc, images) for name, auc, images in measured if auc],
            colours=[charts.accent()] * len(measured), title="Area under the ROC curve, in percent", key="presence",
        )  # fmt: skip
    st.table(
        {
            "Images of": [plain(part.name) for part in card.presence],
            "Images (tumours)": [f"{part.images:,} ({part.tumours:,})" for part in card.presence],
            "AUC": [interval(part.auc, share=False) for part in card.presence],
            "Sensitivity": [interval(part.sensitivity) for part in card.presence],
            "Specificity": [interval(part.specificity) for part in card.presence],
        },
        border="horizontal", hide_index=True, alt="Tumour against none by source and sequence.",
    )  # fmt: skip


def roc(task: Task, card: Card, data: Evaluation) -> None:
    charts.roc(task, data.roc, key="roc")


VIEWS: dict[str, Callable[[Task, Card, Evaluation], None]] = {
    "By class": by_class,
    "Confusion": confusion,
    "Calibration": reliability,
    "By source": by_source,
    "Tumour or none": presence,
    "ROC": roc,
}

SQUARE = {"Confusion", "Calibration", "ROC"}


def page() -> None:
    require(acting.person(), Action.METRICS_VIEW)
    frame.title(
        "How far can I trust it?",
        "Figures on images of patients that the model never saw, with 95% intervals over groups of images.",
    )
    repository = acting.workbench().engine.repository
    live = repository.live()
    refs = [ModelRef(task, network, version) for task, s in live.items() for network, version in s.versions.items()]
    if not refs:
        rows.none_yet("monitoring", "No model serves yet. Register one with “python -m training register”.")
        return
    cards = [repository.card(ref) for ref in refs]
    with st.container(key="figures"):
        table(cards)
    names = [f"{card.network_title}, version {card.version}" for card in cards]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        index = 0
        if len(names) > 1:
            index = st.selectbox(
                "Model", range(len(names)), format_func=names.__getitem__, key="compare_model", width=280
            )
        view = st.segmented_control(
            "Chart", list(VIEWS), default="By class", required=True, key="compare_view", wrap=True
        )
    with st.container(key="chart", width=720 if view in SQUARE else "stretch"):
        VIEWS[str(view)](get_task(refs[index].task), cards[index], repository.evaluation(refs[index]))


frame.run(page)
