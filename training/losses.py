"""Losses over labels that may allow several classes."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class PartialLabelLoss(keras.losses.Loss):
    """Negative log of the probability given to the allowed classes together.

    ``y_true`` is (batch, classes) of 0 and 1, at least one 1 a row; ``y_pred`` are logits. With one allowed class it is
    the cross-entropy. Source: the maximum marginal likelihood loss of Jin & Ghahramani, "Learning with Multiple Labels"
    (NIPS 2002). A blend of several pictures has ``y_true`` (batch, pictures, classes), each picture's share of the
    blend where it allows the class and 0 elsewhere; its loss is the sum of their losses by share, which for one allowed
    class each is that of mixup. ``smoothing`` takes that share of the weight for the mean of all classes (Szegedy et
    al., 2016).
    """

    def __init__(self, smoothing: float = 0.0, name: str = "partial_label_loss") -> None:
        super().__init__(name=name)
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each sample, shape (batch,)."""
        logits = ops.cast(y_pred, "float32")
        allowed = ops.cast(y_true, "float32")
        if len(allowed.shape) == 2:
            allowed = ops.expand_dims(allowed, 1)
        everything = ops.logsumexp(logits, axis=-1)
        forbidden = ops.where(allowed > 0, 0.0, -1e9)
        inside = ops.logsumexp(ops.expand_dims(logits, 1) + forbidden, axis=-1)
        loss = everything - ops.sum(ops.max(allowed, axis=-1) * inside, axis=-1)
        if self.smoothing:
            uniform = everything - ops.mean(logits, axis=-1)
            loss = (1.0 - self.smoothing) * loss + self.smoothing * uniform
        return loss

    def get_config(self) -> dict[str, Any]:
        """What rebuilds the loss."""
        return {"smoothing": self.smoothing, "name": self.name}


class PlacesLoss(keras.losses.Loss):
    """Cross-entropy of each cell of the map where what lies inside the outlines weighs ``found`` times as much.

    ``y_true`` and ``y_pred`` as of OutlineLoss. No overlap is asked for: the places are to be ranked, not cut.
    """

    def __init__(self, found: float = 30.0, name: str = "places_loss") -> None:
        super().__init__(name=name)
        self.found = found

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each sample, shape (batch,)."""
        logits, share = ops.cast(y_pred, "float32"), ops.cast(y_true, "float32")
        known = ops.cast(ops.all(share >= 0, axis=(1, 2, 3)), "float32")
        share = ops.clip(share, 0.0, 1.0)
        entropy = self.found * share * ops.softplus(-logits) + (1 - share) * ops.softplus(logits)
        return known * ops.mean(entropy, axis=(1, 2, 3))

    def get_config(self) -> dict[str, Any]:
        """What rebuilds the loss."""
        return {"found": self.found, "name": self.name}


class OutlineLoss(keras.losses.Loss):
    """Cross-entropy of each cell of the map, plus one less the soft Dice overlap where there is something to outline.

    ``y_true`` is (batch, side, side, 1): the share of each cell inside the outline in 0..1, or -1 everywhere where
    nobody has drawn one, which costs nothing. ``y_pred`` are logits of the same shape. Source of the overlap: Milletari
    et al., "V-Net" (3DV 2016).
    """

    def __init__(self, name: str = "outline_loss") -> None:
        super().__init__(name=name)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each sample, shape (batch,)."""
        logits, share = ops.cast(y_pred, "float32"), ops.cast(y_true, "float32")
        known = ops.cast(ops.all(share >= 0, axis=(1, 2, 3)), "float32")
        share = ops.clip(share, 0.0, 1.0)
        entropy = ops.mean(ops.softplus(logits) - share * logits, axis=(1, 2, 3))
        found = ops.sigmoid(logits)
        both, inside = ops.sum(found * share, axis=(1, 2, 3)), ops.sum(share, axis=(1, 2, 3))
        overlap = (2 * both + 1) / (ops.sum(found, axis=(1, 2, 3)) + inside + 1)
        return known * (entropy + ops.where(inside > 0, 1 - overlap, 0.0))

    def get_config(self) -> dict[str, Any]:
        """What rebuilds the loss."""
        return {"name": self.name}
