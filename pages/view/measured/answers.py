"""How often the answers are right, and how sure: by class, by source, by threshold."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.view import charts, curves
from pages.view.measured import Chosen, Measured, each, table
from pages.view.words import DASH, class_name, interval, percent, plain
from services.inference.figures import Estimate, predictive_values

# Images a bin of the reliability diagram needs where several models stand in one.
FEWEST = 8


def by_class(chosen: Chosen) -> None:
    found = [(model, model.figures.test.classes) for model in chosen.models]
    infos = [info for info in chosen.task.classes if any(info.key in own for _, own in found)]
    title = "F1 on the test images"
    if len(found) == 1:
        ((model, own),) = found
        rows = [(f"{i.name} ({own[i.key].images})", own[i.key].f1, own[i.key].images) for i in infos]
        charts.estimates(rows, colours=[info.colour for info in infos], title=title, key=f"by_class {model.card.ref}")
    else:
        series = [(m.name, [own[i.key].f1 if i.key in own else None for i in infos]) for m, own in found]
        curves.dots([info.name for info in infos], series, title=title, key="by_class")
    rows_of = [(info, model, own[info.key]) for info in infos for model, own in found if info.key in own]
    table(
        {
            "Class": [info.name for info, _, _ in rows_of],
            **_model_column([model for _, model, _ in rows_of], chosen),
            "Precision": [interval(f.precision) for _, _, f in rows_of],
            "Recall": [interval(f.recall) for _, _, f in rows_of],
            "F1": [interval(f.f1) for _, _, f in rows_of],
            "Specificity": [interval(f.specificity) for _, _, f in rows_of],
            "ROC AUC": [interval(f.roc_auc, share=False) for _, _, f in rows_of],
            "PR AUC": [interval(f.pr_auc, share=False) for _, _, f in rows_of],
            "Images": [f"{f.images:,}" for _, _, f in rows_of],
        },
        "Figures of each class.",
    )


def _model_column(models: Sequence[Measured], chosen: Chosen) -> dict[str, list[str]]:
    """Which model a row is of, where that is a question."""
    return {"Model": [plain(model.name) for model in models]} if len(chosen.models) > 1 else {}


def confusion(chosen: Chosen) -> None:
    rates = st.toggle("As shares of the true class", key="rates")
    each(chosen, lambda task, model: charts.confusion(
        task, model.figures.test, rates=rates, key=f"confusion {model.card.ref}"
    ))  # fmt: skip


def reliability(chosen: Chosen) -> None:
    st.markdown(
        "Points on the dotted line are confidences that mean what they say; below it the model is too sure. Lines "
        "upright are 95% intervals; larger points hold more images."
        + f" Bins of fewer than {FEWEST} are left out."
        * (len(chosen.models) > 1)
    )
    least = FEWEST if len(chosen.models) > 1 else 0
    points = [(m.name, [p for p in m.figures.reliability if p["images"] >= least]) for m in chosen.models]
    charts.reliability(points, key="reliability")
    answered = [model.figures.uncertain for model in chosen.models]
    table(
        {
            "Model": [plain(model.name) for model in chosen.models],
            "Expected calibration error": [interval(m.figures.test.calibration_error) for m in chosen.models],
            "Answers from a confidence of": [f"{100 * a['threshold']:.3g}%" for a in answered],
            "Left uncertain": [f"{100 * a['share_uncertain']:.1f}%" for a in answered],
            "Right of the others": [f"{100 * a['accuracy_of_answered']:.1f}%" for a in answered],
        },
        "How each model's confidence is meant, and from which on it answers.",
    )


def by_part(chosen: Chosen) -> None:
    _over_names(
        chosen, [(model, {f"{p.name} ({p.images})": (p.accuracy, p.images) for p in model.figures.breakdown})
                 for model in chosen.models],
        title="Accuracy by part of the test images", key="by_part",
    )  # fmt: skip


def _over_names(
    chosen: Chosen, found: Sequence[tuple[Measured, dict[str, tuple[Estimate, int]]]], *, title: str, key: str
) -> None:
    """A dot a name, or one a name and model where several are chosen."""
    names = list(dict.fromkeys(name for _, own in found for name in own))
    if len(chosen.models) == 1:
        ((model, own),) = found
        charts.estimates(
            [(name, *own[name]) for name in names], colours=[charts.accent()] * len(names), title=title,
            key=f"{key} {model.card.ref}",
        )  # fmt: skip
        return
    series = [(model.name, [own[name][0] if name in own else None for name in names]) for model, own in found]
    curves.dots(names, series, title=title, key=key)


def presence(chosen: Chosen) -> None:
    st.markdown(
        f"{chosen.task.looks_for.capitalize()} against none, by source and sequence; the labels of some say no more "
        f"than that. The area under the curve is the chance that a {chosen.task.image} with {chosen.task.looks_for} "
        "gets a higher score than one without."
    )
    having = [model for model in chosen.models if model.figures.presence]
    _over_names(
        chosen, [(model, {f"{p.name} ({p.images})": (p.auc, p.images) for p in model.figures.presence if p.auc})
                 for model in having],
        title="Area under the ROC curve", key="presence",
    )  # fmt: skip
    names = list(dict.fromkeys(part.name for model in having for part in model.figures.presence))
    parts = [(m, part) for name in names for m in having for part in m.figures.presence if part.name == name]
    table(
        {
            "Images of": [plain(part.name) for _, part in parts],
            **_model_column([model for model, _ in parts], chosen),
            f"Images (with {chosen.task.looks_for})": [f"{part.images:,} ({part.tumours:,})" for _, part in parts],
            "AUC": [interval(part.auc, share=False) for _, part in parts],
            "Sensitivity": [interval(part.sensitivity) for _, part in parts],
            "Specificity": [interval(part.specificity) for _, part in parts],
            "Sensitivity at 95% specificity": [interval(part.sensitivity_at_95) for _, part in parts],
        },
        f"{chosen.task.looks_for.capitalize()} against none by source and sequence.",
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
    word = chosen.task.looks_for
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Test images", names, key="cut_on", width=420)
        cut = st.slider("Detected from a probability of", 0.0, 1.0, 0.5, 0.005, key="cut", width=320)
        share = st.slider(f"Of 100 patients, with {word}", 1, 99, 20, key="prevalence", width=260) / 100
    lines, rows = [], []
    for number, model in enumerate(chosen.models):
        cuts = model.figures.cuts.get(str(name))
        if cuts is None:
            continue
        at = min(range(len(cuts["cut"])), key=lambda i: abs(cuts["cut"][i] - cut))
        found, spared = cuts["sensitivity"][at], cuts["specificity"][at]
        rows.append((model.name, found, spared, *predictive_values(found, spared, share)))
        several = f"{model.name}: " if len(chosen.models) > 1 else ""
        dash = number if several else None
        lines.append(curves.Line(f"{several}sensitivity", cuts["cut"], cuts["sensitivity"], None, dash))
        lines.append(curves.Line(f"{several}specificity", cuts["cut"], cuts["specificity"], charts.muted(), dash))
    table(
        {
            "Model": [plain(row[0]) for row in rows],
            "Sensitivity": [percent(row[1]) for row in rows],
            "Specificity": [percent(row[2]) for row in rows],
            "PPV": [DASH if row[3] is None else percent(row[3]) for row in rows],
            "NPV": [DASH if row[4] is None else percent(row[4]) for row in rows],
        },
        f"What this cut and this share of patients with {word} come to.",
    )
    st.caption(
        f"PPV: of those with {word} detected, the share that has it. NPV: of the others, the share without. Both for "
        f"{100 * share:.0f} with {word} among 100 patients."
    )
    curves.overlay(
        lines, x="Detected from this probability on", y="Share of the test images", mark=cut,
        alt=f"Sensitivity and specificity by the probability from which {word} is detected.", key="cuts",
    )  # fmt: skip
