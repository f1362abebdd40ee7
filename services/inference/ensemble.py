"""Several networks as one: the mean of their calibrated probabilities, and of their heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from services.inference.calibration import probabilities

if TYPE_CHECKING:
    from services.inference.explain import Explanation

Floats = NDArray[np.float32]
METHOD, LAYER = "mean", "of the members' maps"
SMALLEST = 1e-9


def mean_logits(shares: Sequence[NDArray[np.float64]]) -> Floats:
    """The logarithm of the mean of the members' probabilities, each (…, classes): logits float32 of that shape.

    Source of the mean: Lakshminarayanan et al., "Simple and Scalable Predictive Uncertainty Estimation using Deep
    Ensembles" (NeurIPS 2017).
    """
    return np.asarray(np.log(np.maximum(np.mean(shares, axis=0), SMALLEST)), np.float32)


def map_words(method: str, layer: str) -> str:
    """How a heat map came about, as part of a sentence: a method and the layer it reads, or the mean of members'."""
    return f"{method} {layer}" if (method, layer) == (METHOD, LAYER) else f"{method} at {layer}"


def joint_explanation(members: Sequence[tuple[Explanation, float]]) -> Explanation:
    """One call for the members' calls, each with its temperature; see ``compile_explanation`` for what it takes.

    The map is that of the jointly likeliest class, or of the one asked for: the mean of the members' maps, each scaled
    to a highest value of 1, at the finest member's resolution. The outline is the mean of those that members have
    learnt; the features are those of the first member that gives any.
    """
    from services.inference.explain import Explained

    def run(square: Floats, wanted: int = -1) -> Explained:
        answers = [explain(square, wanted) for explain, _ in members]
        own = [probabilities(answer.logits, t) for answer, (_, t) in zip(answers, members, strict=True)]
        logits = mean_logits(own)
        index = int(logits.argmax()) if wanted < 0 else wanted
        heats = []
        for (explain, _), answer, shares in zip(members, answers, own, strict=True):
            another = wanted < 0 and int(shares.argmax()) != index
            heats.append(explain(square, index).heat if another else answer.heat)
        outlines = [answer.outline for answer in answers if answer.outline is not None]
        outline = mean_map(outlines) if outlines else None
        features = next((answer.features for answer in answers if answer.features is not None), None)
        return Explained(logits, mean_map([_even(heat) for heat in heats]), outline, features)

    return run


def _even(heat: Floats) -> Floats:
    return heat / heat.max() if heat.max() > 0 else heat


def mean_map(maps: Sequence[Floats]) -> Floats:
    """The mean of maps (rows, columns), each enlarged to the finest one's resolution."""
    rows, columns = max(each.shape for each in maps)
    larger = [cv2.resize(each, (columns, rows), interpolation=cv2.INTER_LINEAR) for each in maps]
    return np.asarray(np.mean(larger, axis=0), np.float32)
