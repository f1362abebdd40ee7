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


def in_words(confidence: float) -> str:
    """What a calibrated confidence means: how many of 100 such answers are right."""
    right = min(99, max(1, round(confidence * 100)))
    about = "more than 99" if confidence >= 0.995 else f"about {right}"
    return f"of 100 answers given with this confidence, {about} are right"
