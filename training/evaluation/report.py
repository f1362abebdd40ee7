"""A model's figures on val and test, from its scores; what the card and evaluation.json hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from services.inference.calibration import probabilities
from services.inference.figures import Evaluation, Mistake, PartFigures, PresenceFigures
from services.inference.scores import Scores
from services.tasks.task import Task
from training.evaluation.figures import Bools, Floats, Ints, part_figures, presence_figures, reliability_curve

CURVE_POINTS, MISTAKES = 200, 24
Curves = dict[str, dict[str, list[float]]]
CUTS = np.round(np.linspace(0, 1, 201), 3)


def evaluate(task: Task, scores: Scores, temperature: float, threshold: float) -> Evaluation:
    """Figures of ``scores`` at a temperature, with the share left uncertain below ``threshold``.

    Figures per class are of the corpora that name the class of every image; the others are scored as tumour or none.
    """
    known = Known(task, scores, temperature)
    return Evaluation(
        val=known.figures("val", known.named & (scores.part == "val"), areas=True),
        test=known.figures("test", known.test, areas=True),
        breakdown=tuple(_breakdown(known)),
        presence=(*(known.presence(name, chosen) for name, chosen in _presence(known)), *by_patient(known)),
        reliability=tuple(reliability_curve(*known.confidence(known.test))),
        roc=_curves(known, roc_curve, "false_positive_rate", "true_positive_rate"),
        uncertain=_uncertain(known, threshold),
        pr=_curves(known, precision_recall_curve, "precision", "recall"),
        cuts=dict(_cuts(known)),
        mistakes=tuple(_mistakes(known)),
    )


class Known:
    """Scores beside what is known of their images.

    ``shares`` (n, classes) calibrated probabilities, ``truth`` (n,) the first class that the label allows, ``tumour``
    (n,) whether that is a finding, ``found`` (n,) the probability of any finding, ``named`` (n,) whether the image's
    corpus names one class for each of its images, ``test`` (n,) the named images of the test part.
    """

    def __init__(self, task: Task, scores: Scores, temperature: float) -> None:
        self.task, self.scores = task, scores
        self.shares: Floats = probabilities(scores.logits, temperature)
        self.truth: Ints = np.array([task.class_keys.index(task.labels[label][0]) for label in scores.label], np.int64)
        self.tumour: Bools = np.array([info.positive for info in task.classes])[self.truth]
        self.found: Floats = self.shares[:, [info.positive for info in task.classes]].sum(axis=1)
        vague = [label for label, classes in task.labels.items() if len(classes) > 1]
        self.named: Bools = ~np.isin(scores.corpus, np.unique(scores.corpus[np.isin(scores.label, vague)]))
        self.test: Bools = self.named & (scores.part == "test")

    def figures(self, name: str, chosen: Bools, *, areas: bool = False) -> PartFigures:
        """Everything about the named images of a mask (n,)."""
        groups = self.scores.group[chosen].tolist()
        return part_figures(name, self.truth[chosen], self.shares[chosen], groups, self.task.class_keys, areas=areas)

    def presence(self, name: str, chosen: Bools) -> PresenceFigures:
        """Tumour against none on the images of a mask (n,)."""
        groups = self.scores.group[chosen].tolist()
        return presence_figures(name, self.tumour[chosen], self.found[chosen], groups)

    def confidence(self, chosen: Bools) -> tuple[Floats, Floats]:
        """The highest probability and whether it is right (1.0 or 0.0), of the named images of a mask."""
        shares = self.shares[chosen]
        return shares.max(axis=1), (shares.argmax(axis=1) == self.truth[chosen]).astype(np.float64)


def _breakdown(known: Known) -> Iterator[PartFigures]:
    """The test part by source, plane and sharpness, wherever more than one class was scored."""
    scores, test = known.scores, known.test
    thirds = np.searchsorted(np.quantile(scores.sharpness[test], (1 / 3, 2 / 3)), scores.sharpness)
    columns = {
        "source": scores.source,
        "plane": scores.plane,
        "sharpness": np.array(["least sharp third", "middle third", "sharpest third"])[thirds],
    }
    for what, column in columns.items():
        for value in np.unique(column[test]).tolist():
            chosen = test & (column == value)
            if value and len(np.unique(known.truth[chosen])) > 1:
                yield known.figures(f"{what}: {value}", chosen)


def _presence(known: Known) -> Iterator[tuple[str, Bools]]:
    """The images to score tumour against none on: by corpus, source and sequence of the test part.

    A corpus that names the class of each image is scored as a whole, and where the task only detects also in parts: the
    labels of its other corpora say as much. Tumours of a source without healthy slices are scored against the healthy
    slices of the other corpora.
    """
    scores, tumour = known.scores, known.tumour
    test = scores.part == "test"
    for corpus in np.unique(scores.corpus).tolist():
        inside = test & (scores.corpus == corpus)
        pairs = set(zip(scores.source[inside].tolist(), scores.sequence[inside].tolist(), strict=True))
        if known.named[inside].all():
            detects = known.task.detects
            yield f"{corpus}: {detects.name if detects else 'tumour'} against none", inside
            if detects is None or len(pairs) == 1:
                continue
        for source, sequence in sorted(pairs):
            chosen = inside & (scores.source == source) & (scores.sequence == sequence)
            name = f"{corpus}: {source} {sequence}"
            if tumour[chosen].all():
                chosen |= test & ~tumour & (scores.corpus != corpus)
                name += " against healthy slices of the other corpora"
            yield name, chosen


def by_patient(known: Known) -> tuple[PresenceFigures, ...]:
    """A line each for the mean and for the highest probability over a patient's test images, where the task asks it."""
    if not known.task.by_patient:
        return ()
    names, index = np.unique(known.scores.group[known.test], return_inverse=True)
    found, positive = known.found[known.test], np.zeros(len(names), np.bool_)
    np.logical_or.at(positive, index, known.tumour[known.test])
    highest = np.zeros(len(names))
    np.maximum.at(highest, index, found)
    mean = np.bincount(index, found) / np.bincount(index)
    return tuple(
        presence_figures(f"by patient, {how} over the {known.task.image}s", positive, score, names.tolist())
        for how, score in (("mean", mean), ("highest", highest))
    )


def _curves(known: Known, measure: Callable[[Bools, Floats], tuple[Floats, ...]], *names: str) -> Curves:
    """Of each class against the others the first two columns that ``measure`` gives, thinned out, under ``names``."""
    truth, shares, curves = known.truth[known.test], known.shares[known.test], {}
    for index, key in enumerate(known.task.class_keys):
        if (truth == index).any():
            columns = measure(truth == index, shares[:, index])[:2]
            chosen = np.unique(np.linspace(0, len(columns[0]) - 1, CURVE_POINTS).astype(int))
            curves[key] = {
                name: np.round(column[chosen], 4).tolist() for name, column in zip(names, columns, strict=True)
            }
    return curves


def _cuts(known: Known) -> Iterator[tuple[str, dict[str, list[float]]]]:
    for name, chosen in _presence(known):
        tumour, found = known.tumour[chosen], known.found[chosen]
        if tumour.any() and not tumour.all():
            called = found[:, None] >= CUTS
            yield (
                name,
                {
                    "cut": CUTS.tolist(),
                    "sensitivity": np.round(called[tumour].mean(axis=0), 4).tolist(),
                    "specificity": np.round(1 - called[~tumour].mean(axis=0), 4).tolist(),
                },
            )


def _mistakes(known: Known) -> Iterator[Mistake]:
    keys, scores = known.task.class_keys, known.scores
    answer, confidence = known.shares.argmax(axis=1), known.shares.max(axis=1)
    wrong = np.flatnonzero(known.test & (answer != known.truth))
    for i in wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES].tolist():
        yield Mistake(
            name=str(scores.name[i]),
            corpus=str(scores.corpus[i]),
            source=str(scores.source[i]),
            plane=str(scores.plane[i]),
            truth=keys[known.truth[i]],
            answer=keys[answer[i]],
            confidence=round(float(confidence[i]), 4),
        )


def _uncertain(known: Known, cut: float) -> dict[str, float]:
    confidence, right = known.confidence(known.test)
    answered = confidence >= cut
    return {
        "threshold": cut,
        "share_uncertain": round(float(1 - answered.mean()), 4),
        "accuracy_of_answered": round(float(right[answered].mean()), 4) if answered.any() else 0.0,
    }
