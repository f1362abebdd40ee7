"""A probe for shortcuts: what can be told of a slice without seeing the head.

A class that a linear classifier finds in the background, the border or the mere outline of the head is told by how the
picture was made, not by what it shows (DeGrave et al., "AI for radiographic COVID-19 detection selects shortcuts over
signal", 2021). A network trained on the same pictures may use it too, so its answers to the same views stand beside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from services.inference.calibration import probabilities
from services.inference.figures import ShortcutFigures
from services.tasks.task import Task
from training.corpus import Sample, allowed_classes, load_images
from training.evaluation.figures import Floats, part_figures
from training.evaluation.logits import Answering, logits_of
from training.evaluation.outlines import head_of

Squares = NDArray[np.uint8]
CELLS, GROWN, BORDER = 28, 9, 12


def without_head(square: Squares) -> Squares:
    """The square with the head, grown by some pixels, painted black."""
    head = cv2.dilate(head_of(square).astype(np.uint8), np.ones((GROWN, GROWN), np.uint8))
    return np.where(head > 0, 0, square).astype(np.uint8)


def border(square: Squares) -> Squares:
    """The outermost pixels of the square, the rest black."""
    kept = square.copy()
    kept[BORDER:-BORDER, BORDER:-BORDER] = 0
    return kept


def silhouette(square: Squares) -> Squares:
    """White where the head is, black elsewhere."""
    return np.where(head_of(square), 255, 0).astype(np.uint8)


def whole(square: Squares) -> Squares:
    """The square as it is, to compare with."""
    return square


VIEWS: dict[str, Callable[[Squares], Squares]] = {
    "whole slice": whole,
    "head blacked out": without_head,
    "border": border,
    "outline of the head": silhouette,
}


def probe(
    model: Answering, samples: Sequence[Sample], task: Task, cache: Path | None, *, flips: bool
) -> tuple[ShortcutFigures, ...]:
    """Of each view the figures on test of a linear classifier fitted to train, and those of ``model``.

    Only the corpora that name each image's class are looked at. The classifier sees 28 by 28 means of the view.
    """
    vague = {s.corpus for s in samples if len(task.labels[s.label]) > 1}
    parts = {part: [s for s in samples if s.part == part and s.corpus not in vague] for part in ("train", "test")}
    images = {part: load_images(chosen, task, cache) for part, chosen in parts.items()}
    truth = {part: allowed_classes(chosen, task).argmax(axis=1) for part, chosen in parts.items()}
    groups = [s.group for s in parts["test"]]
    found = []
    for name, view in VIEWS.items():
        seen = {part: np.stack([view(image) for image in images[part]]) for part in parts}
        fitted = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000))
        fitted.fit(_cells(seen["train"]), truth["train"])
        linear = np.zeros((len(groups), len(task.classes)))
        linear[:, fitted.classes_] = fitted.predict_proba(_cells(seen["test"]))
        network = probabilities(logits_of(model, seen["test"], flips=flips))
        for who, shares in (("linear classifier", linear), ("network", network)):
            figures = part_figures(name, truth["test"], shares, groups, task.class_keys)
            found.append(
                ShortcutFigures(
                    view=name,
                    who=who,
                    images=figures.images,
                    accuracy=figures.accuracy,
                    macro_f1=figures.macro_f1,
                    recall=figures.recall,
                )
            )
    return tuple(found)


def _cells(squares: Squares) -> Floats:
    small = [cv2.resize(s, (CELLS, CELLS), interpolation=cv2.INTER_AREA).ravel() for s in squares]
    cells: Floats = np.stack(small).astype(np.float64) / 255
    return cells
