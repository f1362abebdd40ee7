"""Losses over labels that may allow several classes."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class PartialLabelLoss(keras.losses.Loss):
    """Negative log of the probability given to the allowed classes together.

    ``y_true`` is (batch, classes) of 0 and 1, at least one 1 a row; ``y_pred`` are logits. With one allowed class it is
    the cross-entropy. Source: the maximum marginal likelihood loss of Jin & Ghahramani, "Learning with Multiple Labels"
    (NIPS 2002). ``smoothing`` takes that share of the weight for the mean of all classes (Szegedy et al., 2016).
    """

    def __init__(self, smoothing: float = 0.0, name: str = "partial_label_loss") -> None:
        super().__init__(name=name)
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each sample, shape (batch,)."""
        logits = ops.cast(y_pred, "float32")
        allowed = ops.cast(y_true, "float32")
        everything = ops.logsumexp(logits, axis=-1)
        inside = ops.logsumexp(logits + (allowed - 1.0) * 1e9, axis=-1)
        loss = everything - inside
        if self.smoothing:
            uniform = everything - ops.mean(logits, axis=-1)
            loss = (1.0 - self.smoothing) * loss + self.smoothing * uniform
        return loss

    def get_config(self) -> dict[str, Any]:
        """What rebuilds the loss."""
        return {"smoothing": self.smoothing, "name": self.name}
