"""How often the answers are right, and how sure: by class, by source, by threshold."""

from __future__ import annotations

import streamlit as st

from pages.view import charts, curves
from pages.view.measured import Chosen, Measured, each, table
from pages.view.words import DASH, class_name, interval, percent, plain
from services.inference.figures import predictive_values
from services.tasks.task import Task


def by_class(chosen: Chosen) -> None:
    each(chosen, _by_class)


def _by_class(task: Task, model: Measured) -> None:
    figures = model.figures.test.classes
    infos = [info for info in task.classes if info.key in figures]
    rows = [(f"{i.name} ({figures[i.key].images})", figures[i.key].f1, figures[i.key].images) for i in infos]
    colours = [info.colour for info in infos]
    charts.estimates(rows, colours=colours, title="F1 on the test images", key=f"by_class {model.card.ref}")
    found = [figures[info.key] for info in infos]
    table(
        {
            "Class": [info.name for info in infos],
            "Precision": [interval(f.precision) for f in found],
            "Recall": [interval(f.recall) for f in found],
            "F1": [interval(f.f1) for f in found],
            "Specificity": [interval(f.specificity) for f in found],
            "ROC AUC": [interval(f.roc_auc, share=False) for f in found],
            "PR AUC": [interval(f.pr_auc, share=False) for f in found],
            "Images": [f"{f.images:,}" for f in found],
        },
        "Figures of each class.",
    )


def confusion(chosen: Chosen) -> None:
    rates = st.toggle("As shares of the true class", key="rates")
    each(chosen, lambda task, model: charts.confusion(
        task, model.figures.test, rates=rates, key=f"confusion {model.card.ref}"
    ))  # fmt: skip


def reliability(chosen: Chosen) -> None:
    each(chosen, _reliability)


def _reliability(task: Task, model: Measured) -> None:
    st.markdown(
        f"Expected calibration error {interval(model.figures.test.calibration_error)}. Points on the dotted line are "
        "confidences that mean what they say; below it the model is too sure. Lines are 95% intervals; larger points "
        "hold more images."
    )
    charts.reliability(model.figures.reliability, key=f"reliability {model.card.ref}")
    answered = model.figures.uncertain
    st.caption(
        f"The model answers from a confidence of {100 * answered['threshold']:.3g}% on. On the test images it leaves "
        f"{100 * answered['share_uncertain']:.1f}% as uncertain, and {100 * answered['accuracy_of_answered']:.1f}% of "
        "the others are right."
    )


def by_part(chosen: Chosen) -> None:
    each(chosen, _by_part)


def _by_part(task: Task, model: Measured) -> None:
    parts = model.figures.breakdown
    charts.estimates(
        [(f"{part.name} ({part.images})", part.accuracy, part.images) for part in parts],
        colours=[charts.accent()] * len(parts), title="Accuracy by part of the test images",
        key=f"by_part {model.card.ref}",
    )  # fmt: skip


def presence(chosen: Chosen) -> None:
    st.markdown(
        "Tumour against none, on sources and sequences whose labels say no more than that. The area under the curve is "
        "the chance that a slice with a tumour gets a higher tumour score than one without."
    )
    each(chosen, _presence)


def _presence(task: Task, model: Measured) -> None:
    parts = model.figures.presence
    measured = [(f"{part.name} ({part.images})", part.auc, part.images) for part in parts if part.auc]
    charts.estimates(
        [(name, auc, images) for name, auc, images in measured if auc], colours=[charts.accent()] * len(measured),
        title="Area under the ROC curve, in percent", key=f"presence {model.card.ref}",
    )  # fmt: skip
    table(
        {
            "Images of": [plain(part.name) for part in parts],
            "Images (tumours)": [f"{part.images:,} ({part.tumours:,})" for part in parts],
            "AUC": [interval(part.auc, share=False) for part in parts],
            "Sensitivity": [interval(part.sensitivity) for part in parts],
            "Specificity": [interval(part.specificity) for part in parts],
            "Sensitivity at 95% specificity": [interval(part.sensitivity_at_95) for part in parts],
        },
        "Tumour against none by source and sequence.",
    )


def roc(chosen: Chosen) -> None:
    lines, what = _class_lines(chosen, "roc", "false_positive_rate", "true_positive_rate")
    curves.overlay(
        lines, x="False alarms among the other classes", y="Share of the class that is found", diagonal=True,
        alt=f"Receiver operating characteristic on the test images, {what}.", key="roc",
    )  # fmt: skip


def precision_recall(chosen: Chosen) -> None:
    lines, what = _class_lines(chosen, "pr", "recall", "precision")
    curves.overlay(
        lines, x="Recall: share of the class that is found", y="Precision: share of these answers that are right",
        alt=f"Precision by recall on the test images, {what}.", key="pr",
    )  # fmt: skip


def _class_lines(chosen: Chosen, kind: str, x: str, y: str) -> tuple[list[curves.Line], str]:
    """Every class of one model, or one class of several, which is chosen first."""
    task = chosen.task
    if len(chosen.models) == 1:
        found = getattr(chosen.models[0].figures, kind)
        infos = [info for info in task.classes if info.key in found]
        return [curves.Line(i.name, found[i.key][x], found[i.key][y], i.colour) for i in infos], "each class"
    key = st.segmented_control(
        "Class", task.class_keys, default=task.class_keys[0], required=True,
        format_func=lambda key: class_name(task.key, key), key=f"class_of_{kind}",
    )  # fmt: skip
    colour = task.class_info(str(key)).colour
    having = [(m.name, getattr(m.figures, kind)) for m in chosen.models]
    lines = [curves.Line(name, found[key][x], found[key][y], colour) for name, found in having if key in found]
    return lines, class_name(task.key, str(key))


@st.fragment
def threshold(chosen: Chosen) -> None:
    names = list(dict.fromkeys(name for model in chosen.models for name in model.figures.cuts))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Test images", names, key="cut_on", width=420)
        cut = st.slider("Called a tumour from a probability of", 0.0, 1.0, 0.5, 0.005, key="cut", width=320)
        share = st.slider("Of 100 patients, tumours", 1, 99, 20, key="prevalence", width=260) / 100
    lines, rows = [], []
    for model in chosen.models:
        cuts = model.figures.cuts.get(str(name))
        if cuts is None:
            continue
        at = min(range(len(cuts["cut"])), key=lambda i: abs(cuts["cut"][i] - cut))
        found, spared = cuts["sensitivity"][at], cuts["specificity"][at]
        rows.append((model.name, found, spared, *predictive_values(found, spared, share)))
        several = f"{model.name}: " if len(chosen.models) > 1 else ""
        lines.append(curves.Line(f"{several}sensitivity", cuts["cut"], cuts["sensitivity"]))
        lines.append(curves.Line(f"{several}specificity", cuts["cut"], cuts["specificity"], charts.muted()))
    table(
        {
            "Model": [plain(row[0]) for row in rows],
            "Sensitivity": [percent(row[1]) for row in rows],
            "Specificity": [percent(row[2]) for row in rows],
            "PPV": [DASH if row[3] is None else percent(row[3]) for row in rows],
            "NPV": [DASH if row[4] is None else percent(row[4]) for row in rows],
        },
        "What this cut and this share of tumours come to.",
    )
    st.caption(
        "PPV: of those called a tumour, the share that has one. NPV: of those called none, the share without. Both for "
        f"{100 * share:.0f} tumours among 100 patients."
    )
    curves.overlay(
        lines, x="Called a tumour from this probability on", y="Share of the test images", mark=cut,
        alt="Sensitivity and specificity by the probability from which a slice is called a tumour.", key="cuts",
    )  # fmt: skip
