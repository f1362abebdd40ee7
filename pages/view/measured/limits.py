"""Where the figures end: worse pictures, shortcuts, leaks, other models, mistakes."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.view import curves
from pages.view.measured import Chosen, Measured, each, table
from pages.view.words import DASH, class_name, interval, percent, plain
from services.inference.card import Card
from services.inference.ensemble import map_words
from services.inference.figures import Estimate, Mistake
from services.settings import get_settings
from services.tasks.task import Task


def worse_pictures(chosen: Chosen) -> None:
    having = [model for model in chosen.models if model.figures.robustness]
    changes = list(dict.fromkeys(r.change for m in having for r in m.figures.robustness if r.change != "none"))
    change = st.segmented_control("Change", changes, default=changes[0], required=True, key="change", wrap=True)
    series, unit = [], ""
    for model in having:
        rows = [r for r in model.figures.robustness if r.change in ("none", change)]
        unit = rows[-1].unit
        steps = ["unchanged" if r.change == "none" else f"{r.amount:g}" for r in rows]
        series.append(curves.Series(model.name, steps, [r.accuracy for r in rows]))
    curves.steps(
        series, x=f"{change}: {unit}", y="Accuracy", key="worse",
        alt=f"Accuracy on the same {having[0].figures.robustness[0].images} test images by {change}.",
    )  # fmt: skip
    st.caption(f"The change is made to the decoded {chosen.task.image}, before it is prepared for the model.")


def shortcuts(chosen: Chosen) -> None:
    st.markdown(
        f"What can be told of a {chosen.task.image} without seeing the {chosen.task.pictured}. A linear classifier is "
        "trained on each view alone: where it beats chance, the pictures of the classes differ in how they were made, "
        f"and a network could have learnt that instead of {chosen.task.looks_for}. Beside it, what the network itself "
        "answers when it sees only that view."
    )
    having = [model for model in chosen.models if model.figures.shortcuts]
    first = having[0].figures.shortcuts
    views = list(dict.fromkeys(row.view for row in first))
    shown = [view.replace("slice", chosen.task.image).replace("head", chosen.task.pictured) for view in views]
    linear = {row.view: row.recall for row in first if row.who != "network"}
    bars: list[tuple[str, list[Estimate | None]]] = [("linear classifier", [linear.get(v) for v in views])]
    for model in having:
        own = {row.view: row.recall for row in model.figures.shortcuts if row.who == "network"}
        bars.append((model.name, [own.get(view) for view in views]))
    chance = 1 / len(chosen.task.classes)
    curves.grouped_bars(
        shown, bars, y=f"Balanced accuracy (chance: {chance:.0%})", key="shortcuts",
        alt="Balanced accuracy of a linear classifier and of the network on views that hide it.",
    )  # fmt: skip


def crossval(chosen: Chosen) -> None:
    st.markdown(
        "A recipe trained once for each patient fold, each time without that fold, which then tests it. Pooled over "
        "the folds, every patient is tested once by a model that never saw them. A version above may have had more "
        "passes and pixels than its network's recipe here, which says how the folds differ."
    )
    rows = [
        (figures.recipe, part)
        for figures in chosen.findings.crossval
        for part in (*figures.folds, figures.pooled, *figures.sources)
    ]
    table(
        {
            "Recipe": [plain(title) for title, _ in rows],
            "Tested on": [plain(part.name) for _, part in rows],
            "Macro-F1": [interval(part.macro_f1) for _, part in rows],
            "Accuracy": [interval(part.accuracy) for _, part in rows],
            "Calibration error": [interval(part.calibration_error) for _, part in rows],
            "Images": [f"{part.images:,}" for _, part in rows],
        },
        "Figures of each patient fold and of all folds together.",
    )
    if chosen.task.detects is None:
        return
    key, image = chosen.task.detects.key, chosen.task.image
    scored = [(one.recipe, part) for one in chosen.findings.crossval for part in one.detecting(key, image)]
    table(
        {
            "Recipe": [plain(title) for title, _ in scored],
            "Scored": [plain(part.name) for _, part in scored],
            "AUC": [interval(part.auc, share=False) for _, part in scored],
            "Precision and recall": [interval(part.pr_auc, share=False) for _, part in scored],
            "Sensitivity": [interval(part.sensitivity) for _, part in scored],
            "Specificity": [interval(part.specificity) for _, part in scored],
            "Number": [f"{part.images:,}" for _, part in scored],
        },
        "Figures of all images and of all patients, each tested once.",
    )
    st.caption("“Precision and recall” is the area under their curve.")


def heat(chosen: Chosen) -> None:
    st.markdown(
        f"Where radiologists outlined the {chosen.task.looks_for}: the share of test images whose hottest point lies "
        "inside the outline, for the way that is served, the one that val chose and plain Grad-CAM. The base rate is "
        f"what a point thrown at the {chosen.task.pictured} would hit."
    )
    for model, report in chosen.heat:
        if len(chosen.models) > 1:
            st.subheader(plain(model.name), anchor=False)
        served = (model.card.heat_method, model.card.heat_layer)
        # What is served comes first, which the chart sets off.
        ways = sorted(dict.fromkeys((row.method, row.layer) for row in report.test), key=lambda way: way != served)
        words = {way: map_words(*way) + ", served" * (way == served) for way in ways}
        parts = list(dict.fromkeys(row.part for row in report.test))
        at = {(row.part, row.method, row.layer): row for row in report.test}
        bars: list[tuple[str, list[Estimate | None]]] = [
            (words[way], [at[part, *way].pointing for part in parts]) for way in ways
        ]
        bars.append(("base rate", [at[part, *ways[0]].base_rate for part in parts]))
        curves.grouped_bars(
            parts, bars, y="Hottest point inside the outline", key=f"heat {model.card.ref}",
            alt="Share of outlined images whose hottest point lies inside the outline.",
        )  # fmt: skip
        chance = {(found.method, found.layer): found.correlation for found in report.sanity}
        rows = report.test
        table(
            {
                "Images of": [f"{plain(row.part)} ({row.images})" for row in rows],
                "Map": [plain(words[row.method, row.layer]) for row in rows],
                "Within 8 pixels": [interval(row.near) for row in rows],
                "Heat inside": [interval(row.inside) for row in rows],
                f"Heat off the {chosen.task.pictured}": [interval(row.outside_head) for row in rows],
                "IoU": [interval(row.iou, share=False) for row in rows],
                "Like random weights": [
                    f"{chance[row.method, row.layer].value:.2f}" if (row.method, row.layer) in chance else DASH
                    for row in rows
                ],
            },
            "Scores of the heat maps against the outlines.",
        )
    st.caption(
        "Like random weights: rank correlation with the maps of a network that learnt nothing; near 0 the maps show "
        "what was learnt, near 1 the picture alone."
    )


def agreement(chosen: Chosen) -> None:
    st.markdown(
        "Two models on the same test images. McNemar's test asks how probable so uneven a count of images that only "
        "one has right would be between equal models; it takes slices for independent, so the gain in accuracy with "
        "its interval over groups is the safer guide."
    )
    pairs = chosen.pairs
    table(
        {
            "First": [plain(pair.first.split("/", 1)[1]) for pair in pairs],
            "Second": [plain(pair.second.split("/", 1)[1]) for pair in pairs],
            "Only first right": [f"{pair.only_first:,}" for pair in pairs],
            "Only second right": [f"{pair.only_second:,}" for pair in pairs],
            "McNemar's p": [f"{pair.p_value:.3g}" for pair in pairs],
            "First more accurate by": [_points(pair.difference) for pair in pairs],
            "Same answer": [interval(pair.agreement) for pair in pairs],
            "Kappa": [f"{pair.kappa:.3f}" for pair in pairs],
        },
        "How two models each differ on the test images.",
    )


def _points(difference: Estimate) -> str:
    """A difference of shares in points of a hundred, with its interval."""
    shares = (difference.value, difference.low, difference.high)
    value, low, high = (_signed(share) for share in shares)
    return f"{value} points ({low} to {high})"


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def mistakes(chosen: Chosen) -> None:
    each(chosen, _mistakes)


def _mistakes(task: Task, model: Measured) -> None:
    rows = model.figures.mistakes
    st.markdown(f"The {len(rows)} wrong answers on test that the model was surest of.")
    table(
        {
            "Truly": [class_name(task.key, row.truth) for row in rows],
            "Answered": [class_name(task.key, row.answer) for row in rows],
            "Confidence": [percent(row.confidence) for row in rows],
            "Source": [plain(row.source) for row in rows],
            "Plane": [row.plane or DASH for row in rows],
            "Image": [plain(row.name) for row in rows],
        },
        "The surest mistakes of the model.",
    )
    pictures = [(row, path) for row in rows if (path := _picture(row)) is not None]
    if not pictures:
        st.caption("The pictures stand here where CORPORA_DIR names the folder of the corpora.")
        return
    with st.container(horizontal=True, key=f"mistakes {model.card.ref}"):
        for row, path in pictures:
            said = f"{class_name(task.key, row.truth)}, answered {class_name(task.key, row.answer)}"
            st.image(path.read_bytes(), caption=f"{said}, {percent(row.confidence)}", width=180, alt=f"Slice: {said}")


def cards(chosen: Chosen) -> None:
    """What each model is, what it learnt from, and what it is not for."""
    each(chosen, _card)


def _card(task: Task, model: Measured) -> None:
    card = model.card
    st.markdown(card.intended_use)
    facts = {
        "Registered": f"{card.registered:%d %b %Y}",
        "Started from": plain(card.starting_weights),
        "Learnt from": ", ".join(plain(corpus) for corpus in card.data.corpora),
        "Preparation": plain(str(card.preparation.get("version", DASH))),
        "Temperature": f"{card.temperature:g}",
        "Answers from": f"{100 * card.threshold:.3g}% confidence on, {card.threshold_reason}",
        "Heat map": _heat(card),
    }
    table(
        {
            "Fact": list(facts),
            "This version": list(facts.values()),
        },
        "Facts of the model's card.",
    )
    labels = sorted({label for counts in card.data.counts.values() for label in counts})
    table(
        {"Images of": [_label(task, label) for label in labels]}
        | {part: [f"{counts.get(label, 0):,}" for label in labels] for part, counts in card.data.counts.items()},
        "Images by label and part.",
    )
    st.markdown("\n".join(f"- {limit}" for limit in (*card.limits, card.terms, *card.data.licences)))


def _label(task: Task, label: str) -> str:
    """A corpus's label in words; one that several classes share names none of them."""
    if label in task.class_keys:
        return class_name(task.key, label)
    return f"{task.looks_for}, kind unknown" if len(task.labels.get(label, ())) > 1 else plain(label)


def _heat(card: Card) -> str:
    words = plain(map_words(card.heat_method, card.heat_layer))
    if card.members:
        return f"{words}, which are {', '.join(map(plain, card.members))}"
    return words + ", mean of slice and mirror image" * card.flips


def _picture(row: Mistake) -> Path | None:
    home = get_settings().corpora_dir
    path = home / row.corpus / "images" / row.name if home else None
    return path if path and path.is_file() else None
