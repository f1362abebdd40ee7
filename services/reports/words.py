"""What an answer says in words; the report and the pages say it alike."""

from __future__ import annotations

import numpy as np

from services.inference.prediction import HeatMap, Prediction, Verdict
from services.tasks import get_task
from services.tasks.task import Task

DISCLAIMER = "Decision support for research and demonstration. Not a medical device; not for diagnosis."


EXPERIMENTAL = "Experimental: not better than chance is possible."


def percent(share: float) -> str:
    """A share in 0..1 with one decimal; never a false 0 or 100."""
    if share < 0.0005:
        return "<0.1%"
    if share >= 0.9995:
        return ">99.9%"
    return f"{100 * share:.1f}%"


def in_a_hundred(share: float) -> str:
    """How many of a hundred: “about 93”, “more than 99”, “fewer than 1”."""
    if share >= 0.995:
        return "more than 99"
    if share < 0.01:
        return "fewer than 1"
    return f"about {100 * share:.0f}"


def finding(task: Task, prediction: Prediction | None) -> str:
    """The answer as one sentence."""
    if prediction is None or prediction.verdict is Verdict.REFUSED:
        return f"No answer: this does not look like a {task.subject}."
    if prediction.verdict is Verdict.UNCERTAIN:
        return task.uncertain_finding
    return task.class_info(prediction.label).finding


def confidence(task: Task, prediction: Prediction, *, overruled: bool = False, experimental: bool = False) -> str:
    """What the confidence means, in one or two sentences; ``experimental`` is the model that may know nothing."""
    share = prediction.confidence
    name = task.class_info(prediction.label).name
    if overruled:
        return (
            f"The model's figure for {name} is {percent(share)}. It is calibrated on images that pass the check, and "
            "this one did not: do not read it as a share of right answers."
        )
    if experimental:
        return (
            f"The model's figure for {name} is {percent(share)}. The model may be no better than chance: do not read "
            "the figure as a share of right answers."
        )
    if prediction.verdict is Verdict.UNCERTAIN:
        # Both are rounded, and may look the same.
        below = "; this is just below" if percent(share) == percent(prediction.threshold) else ""
        return (
            f"The likeliest class is {name}: of 100 such answers, {in_a_hundred(share)} would be right. "
            f"The model gives an answer from {100 * prediction.threshold:.3g}% on{below}."
        )
    return f"Confidence {percent(share)}: of 100 such answers, {in_a_hundred(share)} are right."


def leads(number: int, images: int) -> str:
    """Which of a study's images the answer of the study is about, and by which rule."""
    return f"Image {number} of {images} leads, because its answer is the one to look at first."


def reviewed(task: Task, label: str, *, agrees: bool) -> str:
    """What a doctor's review comes to, in one sentence."""
    if agrees:
        return f"The doctor agrees with the model: {task.finding_name(label)}."
    return f"The doctor overrides the model: {task.finding_name(label)}."


def second_opinion(prediction: Prediction) -> str:
    """What the other model says of the same slice, and whether the two agree; empty where none was asked."""
    second = prediction.second
    if second is None:
        return ""
    other = get_task(second.model.task)
    same = "The two agree." if second.agrees else "The two disagree: refer the slice to a radiologist."
    return (
        f"The model for {other.title.lower()} says {other.class_info(second.label).name} with a confidence of "
        f"{percent(second.confidence)}. {same}"
    )


def _place(row: float, column: float) -> str:
    """Where a point lies in the picture; both coordinates in 0..1, the middle fifth counts as the middle."""
    vertical = "upper" if row < 0.4 else "lower" if row > 0.6 else ""
    horizontal = "left" if column < 0.4 else "right" if column > 0.6 else ""
    if not vertical and not horizontal:
        return "the middle"
    if vertical and horizontal:
        return f"the {vertical} {horizontal}"
    return f"the {vertical} middle" if vertical else f"the middle {horizontal}"


def looked_at(task: Task, heat: HeatMap | None) -> str:
    """What the heat map says: where it is hottest, how far it spreads, and what it is not."""
    if heat is None:
        return "No heat map was made for this answer."
    name = task.class_info(heat.label).name
    values = np.nan_to_num(heat.values, nan=0.0)
    total = float(values.sum())
    if total <= 0.0:
        return f"Nothing in the {task.image} spoke for {name}: the heat map is empty."
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    ranked = np.cumsum(np.sort(values, axis=None)[::-1])
    half = (int(np.searchsorted(ranked, total / 2)) + 1) / values.size
    where = _place((float(row) + 0.5) / values.shape[0], (float(column) + 0.5) / values.shape[1])
    return (
        f"The hottest point lies in {where} of the picture; half of the heat covers {percent(half)} of it. The warmer "
        f"a place, the more it spoke for {name}. The map shows what the model used, not the outline of a lesion, and 1 "
        f"is the hottest point of this image alone. Method: {heat.method}, layer {heat.layer}."
    )
