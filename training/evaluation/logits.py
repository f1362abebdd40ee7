"""What a network says of many prepared images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from services.inference.networks import LOGITS

BATCH = 32
Floats = NDArray[np.float32]


class Answering(Protocol):
    """A Keras model, or what is asked in its place."""

    def predict_on_batch(self, x: Floats, /) -> Any:
        """Its outputs for views float32 (b, side, side, 1) in 0..1, by name where it has several."""


def named(said: Any) -> dict[str, Any]:
    """What a model gave, by name also where logits are all that it gives."""
    return said if isinstance(said, dict) else {LOGITS: said}


class Once:
    """A model asked once about each view, whichever of its outputs is wanted, and however often."""

    def __init__(self, outputs: dict[str, Any], model: keras.Model) -> None:
        self._model = keras.Model(model.inputs[0], outputs)
        self._said: dict[bytes, dict[str, Floats]] = {}

    def predict_on_batch(self, x: Floats, /) -> dict[str, Floats]:
        """Every output by name, float32 (b, …), of views float32 (b, side, side, 1)."""
        keys = [hashlib.blake2b(view.tobytes()).digest() for view in x]
        new = [index for index, key in enumerate(keys) if key not in self._said]
        if new:
            said = {name: np.asarray(each, np.float32) for name, each in self._model.predict_on_batch(x[new]).items()}
            for place, index in enumerate(new):
                self._said[keys[index]] = {name: each[place] for name, each in said.items()}
        return {name: np.stack([self._said[key][name] for key in keys]) for name in self._model.output}


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


def logits_of(model: Answering, images: NDArray[np.uint8], *, flips: bool) -> Floats:
    """Logits float32 (n, classes) of prepared images uint8 (n, side, side); with ``flips`` the mean over both views."""

    def logits(views: Floats) -> Floats:
        return np.asarray(named(model.predict_on_batch(views))[LOGITS], np.float32)

    return over_views(logits, images, flips=flips, maps=False)
