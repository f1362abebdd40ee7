"""How far the models can be trusted: one table with intervals, then one chart at a time."""

from __future__ import annotations

import csv
import io

import streamlit as st

from pages.view import acting, frame, rows
from pages.view.measured import Chosen, Measured
from pages.view.measured.views import SQUARE, VIEWS
from pages.view.words import interval, plain
from services.inference.repository import ModelRepository
from services.records.rights import Action, require
from services.tasks import TASKS, get_task

ESTIMATES = ("macro_f1", "accuracy", "precision", "recall", "calibration_error", "brier")


def table(models: list[Measured]) -> None:
    parts = [model.figures.test for model in models]
    st.table(
        {
            "Model": [plain(model.name) for model in models],
            "Macro-F1": [interval(part.macro_f1) for part in parts],
            "Accuracy": [interval(part.accuracy) for part in parts],
            "Precision": [interval(part.precision) for part in parts],
            "Recall (balanced accuracy)": [interval(part.recall) for part in parts],
            "Calibration error": [interval(part.calibration_error) for part in parts],
            "Images": [f"{part.images:,}" for part in parts],
            "Groups": [f"{part.groups:,}" for part in parts],
        },
        border="horizontal", hide_index=True, alt="Figures of each model on its test images, with 95% intervals.",
    )  # fmt: skip


def choose(repository: ModelRepository) -> Chosen | None:
    """The task and the versions to look at: those that serve unless others are asked for."""
    live = repository.live()
    refs = [ref for ref in repository.refs() if ref.task in live]
    if not refs:
        return None
    keys = [key for key in TASKS if any(ref.task == key for ref in refs)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        task = keys[0]
        if len(keys) > 1:
            task = st.selectbox("Task", keys, format_func=lambda key: get_task(key).title, key="compare_task")
        every = [ref for ref in refs if ref.task == task]
        # In the repository's order, whatever was promoted last.
        serving = [ref for ref in every if live[task].versions.get(ref.network) == ref.version]
        asked = st.pills(
            "Models", every, default=serving, selection_mode="multi", key=f"compare_models {task}", wrap=True,
            format_func=lambda ref: f"{repository.card(ref).network_title} {ref.version}"
            + (" (serves)" if ref in serving else ""),
        )  # fmt: skip
    models = [Measured(repository.card(ref), repository.evaluation(ref)) for ref in every if ref in (asked or serving)]
    return Chosen(get_task(task), models, repository.findings(task))


def downloads(models: list[Measured]) -> None:
    """The table as CSV, every figure and curve of each model as JSON."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(["model", "figure", "value", "low", "high", "images", "groups"])
    for model in models:
        test = model.figures.test
        for name in ESTIMATES:
            figure = getattr(test, name)
            if figure:
                writer.writerow([model.name, name, figure.value, figure.low, figure.high, test.images, test.groups])
    with st.container(horizontal=True):
        st.download_button(
            "Table as CSV", lines.getvalue(), "falx-models.csv", "text/csv", icon=":material/download:",
            on_click="ignore",
        )  # fmt: skip
        for model in models:
            st.download_button(
                f"{plain(model.name)} as JSON", model.figures.model_dump_json(indent=1),
                f"falx-{model.card.network}-{model.card.version}.json", "application/json",
                icon=":material/download:", key=f"json {model.card.ref}", on_click="ignore",
            )  # fmt: skip


def page() -> None:
    require(acting.person(), Action.METRICS_VIEW)
    frame.title(
        "How far can I trust it?",
        "Figures on images of patients that the model never saw, with 95% intervals over groups of images.",
    )
    chosen = choose(acting.workbench().engine.repository)
    if chosen is None:
        rows.none_yet("monitoring", "No model serves yet. Register one with “python -m training register”.")
        return
    unanswered = [task.title for task in TASKS.values() if task.key not in acting.workbench().engine.repository.live()]
    if unanswered:
        st.caption(f"No model serves yet: {', '.join(unanswered)}.")
    models = list(chosen.models)
    with st.container(key="figures"):
        table(models)
    views = [name for name, (_, has) in VIEWS.items() if has(chosen)]
    view = st.segmented_control(
        "Chart", views, default=views[0], required=True, key="compare_view", wrap=True, label_visibility="collapsed"
    )
    with st.container(key="chart", width=720 if view in SQUARE else "stretch"):
        VIEWS[str(view)][0](chosen)
    downloads(models)


frame.run(page)
