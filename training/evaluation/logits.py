"""What a network says of many prepared images."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray


def logits_of(model: keras.Model, images: NDArray[np.uint8], *, flips: bool, batch: int = 32) -> NDArray[np.float32]:
    """Logits float32 (n, classes) of prepared images uint8 (n, side, side); with ``flips`` the mean over both views."""

    def logits(views: NDArray[np.float32]) -> NDArray[np.float32]:
        said = model.predict_on_batch(views)
        return np.asarray(said["logits"] if isinstance(said, dict) else said, np.float32)

    found = []
    for start in range(0, len(images), batch):
        views = images[start : start + batch, ..., None].astype(np.float32) / np.float32(255)
        found.append((logits(views) + logits(views[:, :, ::-1])) / 2 if flips else logits(views))
    return np.concatenate(found)
