"""One heat map against the outline of one tumour, and the means over many with 95% intervals over groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from services.inference.figures import Estimate
from services.inference.findings import HeatFigures
from training.evaluation.figures import Floats, estimate, multiplicities

NEAR = 8  # pixels of a square of 224
THRESHOLDS = np.arange(1, 20) / 20
SMALLEST_PART = 0.1
Mask = NDArray[np.bool_]
Map = tuple[str, str]


@dataclass(frozen=True)
class SliceScores:
    """One slice's scores; ``iou`` is float64 (19,), one for each of THRESHOLDS."""

    hit: float
    near: float
    base: float
    inside: float
    outside_head: float
    iou: Floats


def head_of(square: NDArray[np.uint8]) -> Mask:
    """Where the head lies in a prepared square uint8 (side, side): the convex hull of all that is not background."""
    root = np.sqrt(cv2.GaussianBlur(square, (5, 5), 0).astype(np.float32) * 255).astype(np.uint8)
    _, bright = cv2.threshold(root, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    areas = [cv2.contourArea(outline) for outline in outlines]
    head = np.zeros(square.shape, np.uint8)
    parts = [o for o, area in zip(outlines, areas, strict=True) if area >= SMALLEST_PART * max(areas)]
    if parts:
        cv2.fillConvexPoly(head, cv2.convexHull(np.concatenate(parts)), 1)
    return head.astype(bool)


def enlarged(heat: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """A map of a layer's size at the prepared square's, at least 0, as the reading room draws it."""
    return np.clip(np.asarray(cv2.resize(heat, (side, side), interpolation=cv2.INTER_CUBIC), np.float32), 0, None)


def score_slice(heat: NDArray[np.float32], outline: Mask, head: Mask) -> SliceScores:
    """Score a map of at least 0 against an outline that is not empty; all (side, side). A map of zeros hits nothing."""
    head = head | outline
    base = float(outline.sum() / head.sum())
    peak, total = float(heat.max()), float(heat.sum(dtype=np.float64))
    if peak <= 0:
        return SliceScores(0.0, 0.0, base, 0.0, 0.0, np.zeros(len(THRESHOLDS)))
    point = np.unravel_index(int(heat.argmax()), heat.shape)
    distance = cv2.distanceTransform((~outline).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # Level k holds what reaches THRESHOLDS[k - 1] and no higher one; sums from the top give what reaches each.
    level = np.searchsorted(THRESHOLDS, heat.ravel() / peak, side="right")
    hot = np.bincount(level, minlength=len(THRESHOLDS) + 1)[::-1].cumsum()[::-1][1:]
    both = np.bincount(level[outline.ravel()], minlength=len(THRESHOLDS) + 1)[::-1].cumsum()[::-1][1:]
    return SliceScores(
        hit=float(outline[point]),
        near=float(distance[point] <= NEAR * len(heat) / 224),
        base=base,
        inside=float(heat[outline].sum(dtype=np.float64) / total),
        outside_head=float(heat[~head].sum(dtype=np.float64) / total),
        iou=both / (hot + outline.sum() - both),
    )


def figures(
    part: str, wanted: Map, scores: Sequence[SliceScores], groups: Sequence[str], threshold: float | None = None
) -> HeatFigures:
    """Means over slices with intervals over ``groups``; without ``threshold`` the one of the highest mean IoU."""
    iou = np.stack([score.iou for score in scores])
    chosen = int(iou.mean(axis=0).argmax()) if threshold is None else int(np.abs(THRESHOLDS - threshold).argmin())

    def mean(name: str) -> Estimate:
        return mean_over_groups(np.array([getattr(score, name) for score in scores]), groups)

    return HeatFigures(
        part=part,
        method=wanted[0],
        layer=wanted[1],
        images=len(scores),
        groups=len(set(groups)),
        pointing=mean("hit"),
        near=mean("near"),
        base_rate=mean("base"),
        inside=mean("inside"),
        outside_head=mean("outside_head"),
        iou=mean_over_groups(iou[:, chosen], groups),
        threshold=round(float(THRESHOLDS[chosen]), 2),
    )


def mean_over_groups(values: Floats, groups: Sequence[str]) -> Estimate:
    """The mean of ``values`` (n,), one a slice, with its interval over the resampled ``groups`` (n,)."""
    drawn, index = multiplicities(groups)
    weights = drawn[:, index].astype(np.float64)
    return estimate(float(values.mean()), (weights * values).sum(axis=1) / weights.sum(axis=1))


def rank_correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Spearman's, of two maps of one shape; 0 where one of them is even, which agrees with nothing."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(spearmanr(one.ravel(), other.ravel()).statistic)
