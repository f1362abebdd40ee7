"""Several networks as one: the mean of their calibrated probabilities, and of their heat maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from services.inference.calibration import probabilities

Floats = NDArray[np.float32]
Explanation = Callable[[Floats, int], tuple[Floats, Floats]]
METHOD, LAYER = "mean", "of the members' maps"
SMALLEST = 1e-9


def mean_logits(shares: Sequence[NDArray[np.float64]]) -> Floats:
    """The logarithm of the mean of the members' probabilities, each (…, classes): logits float32 of that shape.

    Source of the mean: Lakshminarayanan et al., "Simple and Scalable Predictive Uncertainty Estimation using Deep
    Ensembles" (NeurIPS 2017).
    """
    return np.asarray(np.log(np.maximum(np.mean(shares, axis=0), SMALLEST)), np.float32)


def joint_explanation(members: Sequence[tuple[Explanation, float]]) -> Explanation:
    """One call for the members' calls, each with its temperature; see ``compile_explanation`` for what it takes.

    The map is that of the jointly likeliest class, or of the one asked for: the mean of the members' maps, each scaled
    to a highest value of 1, at the finest member's resolution.
    """

    def run(square: Floats, wanted: int = -1) -> tuple[Floats, Floats]:
        answers = [explain(square, wanted) for explain, _ in members]
        own = [probabilities(logits, t) for (logits, _), (_, t) in zip(answers, members, strict=True)]
        logits = mean_logits(own)
        index = int(logits.argmax()) if wanted < 0 else wanted
        heats = []
        for (explain, _), (_, heat), shares in zip(members, answers, own, strict=True):
            another = wanted < 0 and int(shares.argmax()) != index
            heats.append(explain(square, index)[1] if another else heat)
        return logits, _mean_map(heats)

    return run


def _mean_map(heats: Sequence[Floats]) -> Floats:
    rows, columns = max(heat.shape for heat in heats)
    even = [heat / heat.max() if heat.max() > 0 else heat for heat in heats]
    larger = [cv2.resize(heat, (columns, rows), interpolation=cv2.INTER_LINEAR) for heat in even]
    return np.asarray(np.mean(larger, axis=0), np.float32)
