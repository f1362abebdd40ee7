"""From logits to probabilities that mean what they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def probabilities(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    """Softmax of logits / temperature along the last axis: float64 in 0..1, sums to 1 (Guo et al., 2017)."""
    scaled = np.asarray(logits, np.float64) / temperature
    scaled -= scaled.max(axis=-1, keepdims=True)
    exponents = np.exp(scaled)
    result: NDArray[np.float64] = exponents / exponents.sum(axis=-1, keepdims=True)
    return result
