"""Figures with 95% intervals, bootstrapped over groups of images that may show the same head.

Point estimates are scikit-learn's. An interval is the 2.5th to 97.5th percentile over resamples of whole groups with
replacement (Efron & Tibshirani, 1993, ch. 8): slices of one patient are alike, so resampling slices would flatter it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, roc_auc_score

from services.inference.card import ClassFigures, Estimate, PartFigures, PresenceFigures

RESAMPLES, BINS, SEED = 1000, 15, 20100
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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
    name: str, truth: Ints, shares: Floats, groups: Sequence[str], classes: tuple[str, ...]
) -> PartFigures:
    """Everything about images whose one true class is known.

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
    re_precision, re_recall, re_f1 = _rates(resampled)
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
        classes={
            key: ClassFigures(
                precision=estimate(precision[i], re_precision[:, i]),
                recall=estimate(recall[i], re_recall[:, i]),
                f1=estimate(f1[i], re_f1[:, i]),
                images=int(support[i]),
            )
            for i, key in enumerate(classes)
            if i in present
        },
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
    )


def presence_figures(name: str, tumour: NDArray[np.bool_], score: Floats, groups: Sequence[str]) -> PresenceFigures:
    """Tumour against none: ``tumour`` bool (n,), ``score`` the probability of any tumour (n,); the cut is one half."""
    drawn, index = multiplicities(groups)
    weights = drawn[:, index].astype(np.float64)
    found = (score >= 0.5).astype(np.float64)
    both = bool(tumour.any() and not tumour.all())
    auc = None
    if both:
        resampled = np.array([_weighted_auc(tumour, score, w) for w in weights])
        auc = estimate(roc_auc_score(tumour, score), resampled)
    return PresenceFigures(
        name=name,
        images=len(tumour),
        tumours=int(tumour.sum()),
        groups=drawn.shape[1],
        auc=auc,
        sensitivity=_share(found, tumour, weights),
        specificity=_share(1 - found, ~tumour, weights),
    )


def _share(hits: Floats, among: NDArray[np.bool_], weights: Floats) -> Estimate | None:
    if not among.any():
        return None
    with np.errstate(invalid="ignore"):
        resampled = (weights[:, among] * hits[among]).sum(axis=1) / weights[:, among].sum(axis=1)
    return estimate(hits[among].mean(), resampled)


def _weighted_auc(truth: NDArray[np.bool_], score: Floats, weights: Floats) -> float:
    if weights[truth].sum() == 0 or weights[~truth].sum() == 0:
        return float("nan")
    return float(roc_auc_score(truth, score, sample_weight=weights))


def _rates(matrices: Floats) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1 (resamples, classes) of confusion matrices (resamples, classes, classes)."""
    hits = np.diagonal(matrices, axis1=1, axis2=2)
    answered, true = matrices.sum(axis=1), matrices.sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(answered > 0, hits / answered, 0.0)
        recall = np.where(true > 0, hits / true, np.nan)
        f1 = np.where(true > 0, 2 * hits / (answered + true), np.nan)
    return precision, recall, f1


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
