"""A model's figures on val and test, from its logits; what the card and evaluation.json hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import keras
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from sklearn.metrics import roc_curve

from services.inference.calibration import probabilities
from services.inference.card import PartFigures, PresenceFigures
from services.tasks.task import Task
from training.corpus import Sample
from training.metrics import Floats, part_figures, presence_figures, reliability_curve

CURVE_POINTS = 200


class Evaluation(BaseModel):
    """evaluation.json: the card's figures with the curves that a page draws.

    ``roc`` is class key → {"false_positive_rate": […], "true_positive_rate": […]} on test, one class against the
    others; ``reliability`` holds {confidence, right, images} a bin; ``uncertain`` is the share of test slices below the
    threshold and the accuracy of the others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    val: PartFigures
    test: PartFigures
    breakdown: tuple[PartFigures, ...]
    presence: tuple[PresenceFigures, ...]
    reliability: tuple[dict[str, float], ...]
    roc: dict[str, dict[str, list[float]]]
    uncertain: dict[str, float]


def logits_of(model: keras.Model, images: NDArray[np.uint8], *, flips: bool, batch: int = 32) -> NDArray[np.float32]:
    """Logits float32 (n, classes) of prepared images uint8 (n, side, side); with ``flips`` the mean over both views."""
    found = []
    for start in range(0, len(images), batch):
        views = images[start : start + batch, ..., None].astype(np.float32) / np.float32(255)
        logits = model.predict_on_batch(views)
        if flips:
            logits = (logits + model.predict_on_batch(views[:, :, ::-1])) / 2
        found.append(np.asarray(logits, np.float32))
    return np.concatenate(found)


def evaluate(
    task: Task, samples: Sequence[Sample], logits: NDArray[np.float32], temperature: float, threshold: float
) -> Evaluation:
    """Figures of ``logits`` (n, classes) for ``samples``, of which only the val and test parts are looked at.

    Figures per class are of the corpora that name the class of every image; the others are scored as tumour or none.
    """
    shares = probabilities(logits, temperature)
    vague = {s.corpus for s in samples if len(task.labels[s.label]) > 1}
    named = [i for i, s in enumerate(samples) if s.corpus not in vague]
    test = [i for i in named if samples[i].part == "test"]
    return Evaluation(
        val=_part("val", task, samples, shares, [i for i in named if samples[i].part == "val"]),
        test=_part("test", task, samples, shares, test),
        breakdown=tuple(_breakdown(task, samples, shares, test)),
        presence=tuple(_presence(task, samples, shares)),
        reliability=tuple(reliability_curve(*_confidence(task, samples, shares, test))),
        roc=_roc(task, samples, shares, test),
        uncertain=_uncertain(task, samples, shares, test, threshold),
    )


def _part(name: str, task: Task, samples: Sequence[Sample], shares: Floats, chosen: list[int]) -> PartFigures:
    groups = [samples[i].group for i in chosen]
    return part_figures(name, _truth(task, samples, chosen), shares[chosen], groups, task.class_keys)


def _truth(task: Task, samples: Sequence[Sample], chosen: list[int]) -> NDArray[np.int64]:
    return np.array([task.class_keys.index(task.labels[samples[i].label][0]) for i in chosen], np.int64)


def _confidence(task: Task, samples: Sequence[Sample], shares: Floats, chosen: list[int]) -> tuple[Floats, Floats]:
    right = shares[chosen].argmax(axis=1) == _truth(task, samples, chosen)
    return shares[chosen].max(axis=1), right.astype(np.float64)


def _breakdown(task: Task, samples: Sequence[Sample], shares: Floats, test: list[int]) -> Iterator[PartFigures]:
    """The test part by source and by plane, wherever more than one class was scored."""
    for what in ("source", "plane"):
        for value in sorted({str(getattr(samples[i], what)) for i in test} - {""}):
            chosen = [i for i in test if getattr(samples[i], what) == value]
            if len({samples[i].label for i in chosen}) > 1:
                yield _part(f"{what}: {value}", task, samples, shares, chosen)


def _presence(task: Task, samples: Sequence[Sample], shares: Floats) -> Iterator[PresenceFigures]:
    """Tumour against none by corpus, source and sequence of the test part.

    Tumours of a source without healthy slices are scored against the healthy slices of the other corpora.
    """
    positive = [i for i, info in enumerate(task.classes) if info.positive]
    score = shares[:, positive].sum(axis=1)
    tumour = np.array([task.class_info(task.labels[s.label][0]).positive for s in samples])
    test = np.array([s.part == "test" for s in samples])
    for corpus in sorted({s.corpus for s in samples}):
        inside = test & np.array([s.corpus == corpus for s in samples])
        if all(len(task.labels[s.label]) == 1 for s in samples if s.corpus == corpus):
            yield _presence_of(f"{corpus}: tumour against none", inside, tumour, score, samples)
            continue
        for source, sequence in sorted(
            {(samples[i].source, samples[i].sequence) for i in np.flatnonzero(inside).tolist()}
        ):
            chosen = inside & np.array([(s.source, s.sequence) == (source, sequence) for s in samples])
            name = f"{corpus}: {source} {sequence}"
            if tumour[chosen].all():
                chosen |= test & ~tumour & np.array([s.corpus != corpus for s in samples])
                name += " against healthy slices of the other corpora"
            yield _presence_of(name, chosen, tumour, score, samples)


def _presence_of(
    name: str, chosen: NDArray[np.bool_], tumour: NDArray[np.bool_], score: Floats, samples: Sequence[Sample]
) -> PresenceFigures:
    return presence_figures(
        name, tumour[chosen], score[chosen], [samples[i].group for i in np.flatnonzero(chosen).tolist()]
    )


def _roc(task: Task, samples: Sequence[Sample], shares: Floats, test: list[int]) -> dict[str, dict[str, list[float]]]:
    truth, curves = _truth(task, samples, test), {}
    for index, key in enumerate(task.class_keys):
        if (truth == index).any():
            false_positive, true_positive, _ = roc_curve(truth == index, shares[test, index])
            chosen = np.unique(np.linspace(0, len(false_positive) - 1, CURVE_POINTS).astype(int))
            curves[key] = {
                "false_positive_rate": np.round(false_positive[chosen], 4).tolist(),
                "true_positive_rate": np.round(true_positive[chosen], 4).tolist(),
            }
    return curves


def _uncertain(task: Task, samples: Sequence[Sample], shares: Floats, test: list[int], cut: float) -> dict[str, float]:
    confidence, right = _confidence(task, samples, shares, test)
    answered = confidence >= cut
    return {
        "threshold": cut,
        "share_uncertain": round(float(1 - answered.mean()), 4),
        "accuracy_of_answered": round(float(right[answered].mean()), 4) if answered.any() else 0.0,
    }
