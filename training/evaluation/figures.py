"""Figures with 95% intervals, bootstrapped over groups of images that may show the same head.

Point estimates are those of scikit-learn, or agree with its. An interval is the 2.5th to 97.5th percentile over
resamples of whole groups with replacement (Efron & Tibshirani, 1993, ch. 8): slices of one patient are alike, so
resampling slices would flatter it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from services.inference.figures import ClassFigures, Estimate, PartFigures, PresenceFigures

RESAMPLES, BINS, SEED = 1000, 15, 20100
SPARED = 0.95
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Ranking = Callable[[Bools, Floats, Floats], Floats]


def multiplicities(groups: Sequence[str]) -> tuple[Ints, Ints]:
    """How often each group is drawn in each resample (RESAMPLES, groups), and each image's group index (images,)."""
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    rng = np.random.default_rng(SEED)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    return drawn, np.asarray(index, np.int64)


def estimate(value: float, resampled: Floats) -> Estimate:
    """A value with the interval of its resamples; those where it is undefined are left out."""
    low, high = np.nanpercentile(resampled, (2.5, 97.5))
    return Estimate(value=round(float(value), 4), low=round(float(low), 4), high=round(float(high), 4))


def expected_calibration_error(confidence: Floats, correct: Floats) -> float:
    """Mean gap between confidence and share right over 15 equal bins, weighted by count (Naeini et al., 2015)."""
    return float(_calibration_error(_bin_sums(confidence, correct, np.zeros(len(confidence), np.int64), 1))[0])


def reliability_curve(confidence: Floats, correct: Floats) -> list[dict[str, float]]:
    """Of each filled bin: its mean confidence, the share right, and the count."""
    sums = _bin_sums(confidence, correct, np.zeros(len(confidence), np.int64), 1)[0]
    return [
        {"confidence": round(c / n, 4), "right": round(r / n, 4), "images": int(n)} for c, r, n in sums.tolist() if n
    ]


def part_figures(
    name: str, truth: Ints, shares: Floats, groups: Sequence[str], classes: tuple[str, ...], *, areas: bool = False
) -> PartFigures:
    """Everything about images whose one true class is known; the areas under each class's curves only where asked.

    ``truth`` int (n,) class indices, ``shares`` float (n, classes) probabilities, ``groups`` (n,) names.
    """
    labels = np.arange(len(classes))
    answer = shares.argmax(axis=1)
    confidence, correct = shares.max(axis=1), (answer == truth).astype(np.float64)
    matrix = confusion_matrix(truth, answer, labels=labels)
    present = np.unique(truth)
    precision, recall, f1, support = precision_recall_fscore_support(truth, answer, labels=labels, zero_division=0)
    drawn, index = multiplicities(groups)
    by_group = np.zeros((drawn.shape[1], len(classes), len(classes)), np.int64)
    np.add.at(by_group, (index, truth, answer), 1)
    resampled = np.tensordot(drawn, by_group, axes=1).astype(np.float64)
    re_precision, re_recall, re_f1, re_specificity = _rates(resampled)
    others = len(truth) - matrix.sum(axis=1)
    specificity = 1 - (matrix.sum(axis=0) - matrix.diagonal()) / np.maximum(others, 1)
    squares = ((shares - np.eye(len(classes))[truth]) ** 2).sum(axis=1)
    weights = drawn[:, index].astype(np.float64)
    bins = np.tensordot(drawn, _bin_sums(confidence, correct, index, drawn.shape[1]), axes=1)
    return PartFigures(
        name=name,
        images=len(truth),
        groups=drawn.shape[1],
        accuracy=estimate(correct.mean(), np.trace(resampled, axis1=1, axis2=2) / resampled.sum(axis=(1, 2))),
        precision=estimate(precision[present].mean(), np.nanmean(re_precision[:, present], axis=1)),
        recall=estimate(recall[present].mean(), np.nanmean(re_recall[:, present], axis=1)),
        macro_f1=estimate(f1[present].mean(), np.nanmean(re_f1[:, present], axis=1)),
        calibration_error=estimate(expected_calibration_error(confidence, correct), _calibration_error(bins)),
        brier=estimate(squares.mean(), weights @ squares / weights.sum(axis=1)),
        classes={
            key: ClassFigures(
                precision=estimate(precision[i], re_precision[:, i]),
                recall=estimate(recall[i], re_recall[:, i]),
                f1=estimate(f1[i], re_f1[:, i]),
                images=int(support[i]),
                specificity=estimate(specificity[i], re_specificity[:, i]) if others[i] else None,
                roc_auc=_ranked(roc_auc, truth == i, shares[:, i], weights) if areas else None,
                pr_auc=_ranked(pr_auc, truth == i, shares[:, i], weights) if areas else None,
            )
            for i, key in enumerate(classes)
            if i in present
        },
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
    )


def presence_figures(name: str, tumour: Bools, score: Floats, groups: Sequence[str]) -> PresenceFigures:
    """Tumour against none: ``tumour`` bool (n,), ``score`` the probability of any tumour (n,); the cut is one half."""
    drawn, index = multiplicities(groups)
    weights = drawn[:, index].astype(np.float64)
    found = (score >= 0.5).astype(np.float64)
    return PresenceFigures(
        name=name,
        images=len(tumour),
        tumours=int(tumour.sum()),
        groups=drawn.shape[1],
        auc=_ranked(roc_auc, tumour, score, weights),
        sensitivity=_share(found, tumour, weights),
        specificity=_share(1 - found, ~tumour, weights),
        pr_auc=_ranked(pr_auc, tumour, score, weights),
        sensitivity_at_95=_ranked(sensitivity_at, tumour, score, weights),
    )


def roc_auc(truth: Bools, score: Floats, weights: Floats) -> Floats:
    """Area under the ROC curve (resamples,) by the trapezoidal rule; ``weights`` (resamples, n)."""
    found, alarms = _curves(truth, score, weights)
    areas: Floats = (np.diff(alarms, axis=1) * (found[:, 1:] + found[:, :-1]) / 2).sum(axis=1)
    return areas


def pr_auc(truth: Bools, score: Floats, weights: Floats) -> Floats:
    """Average precision (resamples,), the step-wise area under the precision-recall curve."""
    found, alarms = _curves(truth, score, weights)
    hits = found * weights[:, truth].sum(axis=1, keepdims=True)
    called = hits + alarms * weights[:, ~truth].sum(axis=1, keepdims=True)
    precision = hits[:, 1:] / np.maximum(called[:, 1:], 1e-300)
    areas: Floats = (np.diff(found, axis=1) * precision).sum(axis=1)
    return areas


def sensitivity_at(truth: Bools, score: Floats, weights: Floats, specificity: float = SPARED) -> Floats:
    """The highest share found (resamples,) at a cut that spares at least ``specificity`` of those without."""
    found, alarms = _curves(truth, score, weights)
    highest: Floats = np.where(alarms <= 1 - specificity + 1e-9, found, 0).max(axis=1)
    return highest


def _curves(truth: Bools, score: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Shares found and false alarms (resamples, cuts + 1), from calling none to calling all, of weighted images.

    What scikit-learn's roc_curve gives for one row of weights at a time, which a thousand calls make too slow.
    """
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    truth, weights = truth[order], weights[:, order]
    both = []
    for kind in (truth, ~truth):
        counted = np.cumsum(weights * kind, axis=1)[:, ends]
        both.append(np.hstack([np.zeros((len(weights), 1)), counted / counted[:, -1:]]))
    return both[0], both[1]


def _ranked(measure: Ranking, truth: Bools, score: Floats, weights: Floats) -> Estimate | None:
    """``measure`` with its interval, or None where there is only one kind of image."""
    if truth.all() or not truth.any():
        return None
    both = (weights[:, truth].sum(axis=1) > 0) & (weights[:, ~truth].sum(axis=1) > 0)
    return estimate(measure(truth, score, np.ones((1, len(truth))))[0], measure(truth, score, weights[both]))


def _share(hits: Floats, among: Bools, weights: Floats) -> Estimate | None:
    if not among.any():
        return None
    with np.errstate(invalid="ignore"):
        resampled = (weights[:, among] * hits[among]).sum(axis=1) / weights[:, among].sum(axis=1)
    return estimate(hits[among].mean(), resampled)


def _rates(matrices: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Precision, recall, F1, specificity (resamples, classes) of confusion matrices (resamples, classes, classes)."""
    hits = np.diagonal(matrices, axis1=1, axis2=2)
    answered, true = matrices.sum(axis=1), matrices.sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(answered > 0, hits / answered, 0.0)
        recall = np.where(true > 0, hits / true, np.nan)
        f1 = np.where(true > 0, 2 * hits / (answered + true), np.nan)
        others = matrices.sum(axis=(1, 2))[:, None] - true
        specificity = np.where(others > 0, 1 - (answered - hits) / others, np.nan)
    return precision, recall, f1, specificity


def _bin_sums(confidence: Floats, correct: Floats, index: Ints, groups: int) -> Floats:
    """(groups, BINS, 3): sum of confidence, sum of right answers and count."""
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    sums = np.zeros((groups, BINS, 3))
    np.add.at(sums, (index, bins), np.stack([confidence, correct, np.ones_like(confidence)], axis=1))
    return sums


def _calibration_error(sums: Floats) -> Floats:
    gaps = np.abs(sums[..., 0] - sums[..., 1]).sum(axis=-1)
    total: Floats = gaps / sums[..., 2].sum(axis=-1)
    return total
