"""What a network says of many prepared images."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray

BATCH = 32
Floats = NDArray[np.float32]


def over_views(answer: Callable[[Floats], Floats], images: NDArray[np.uint8], *, flips: bool, maps: bool) -> Floats:
    """``answer`` of prepared images uint8 (n, side, side), asked in batches (b, side, side, 1) in 0..1: float32 (n, …).

    With ``flips`` the mean over slice and mirror image, as it is served; that of ``maps`` is turned back first.
    """
    found = []
    for start in range(0, len(images), BATCH):
        views = images[start : start + BATCH, ..., None].astype(np.float32) / np.float32(255)
        said = np.asarray(answer(views), np.float32)
        if flips:
            mirrored = np.asarray(answer(views[:, :, ::-1]), np.float32)
            said = np.mean([said, mirrored[:, :, ::-1] if maps else mirrored], axis=0)
        found.append(said)
    return np.concatenate(found)


def logits_of(model: keras.Model, images: NDArray[np.uint8], *, flips: bool) -> Floats:
    """Logits float32 (n, classes) of prepared images uint8 (n, side, side); with ``flips`` the mean over both views."""

    def logits(views: Floats) -> Floats:
        said = model.predict_on_batch(views)
        return np.asarray(said["logits"] if isinstance(said, dict) else said, np.float32)

    return over_views(logits, images, flips=flips, maps=False)
