"""What is looked at after each pass of training: val, and whether these are the weights to keep."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from services.inference.networks import get_arrays
from services.inference.outline import PREFIX
from training.calibrate import fit_offset, fit_temperature
from training.evaluation.logits import logits_of
from training.normalised import fold
from training.run import BEST, OUTLINE, TRAINED
from training.style import restyle

WATCHED = "val_calibrated"
COPIES = 2


class ScoreVal(keras.callbacks.Callback):
    """Adds to a pass's figures the val loss that calibration would leave, the temperature, and the share right.

    The loss before calibration would choose the pass that is surest of itself, not the one that ranks best. Beside
    each slice stand two copies in another scanner's style: val has few scanners, and the choice should not hang on
    them. ``images`` uint8 (n, side, side), ``allowed`` (n, classes) of 0 and 1; with
    ``offset`` the figures are those after the offset that places get.
    """

    def __init__(
        self,
        model: keras.Model,
        images: NDArray[np.uint8],
        allowed: NDArray[np.float32],
        seed: int,
        *,
        offset: bool = False,
    ) -> None:
        super().__init__()
        rng = np.random.default_rng(seed)
        copies = [restyle(image, rng) for _ in range(COPIES) for image in images]
        self.shipped, self.images = model, np.concatenate([images, np.stack(copies)])
        self.allowed, self.offset = np.tile(allowed, (1 + COPIES, 1)), offset

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Called with the averaged weights in place, before whoever reads the figures."""
        logits = logits_of(self.shipped, self.images, flips=False)
        if self.offset:
            logits[:, 1] += fit_offset(logits, self.allowed)
        temperature, loss = fit_temperature(logits, self.allowed)
        right = self.allowed[np.arange(len(logits)), logits.argmax(axis=1)].mean()
        if logs is not None:
            logs.update({WATCHED: loss, "val_temperature": temperature, "val_right": float(right)})


class KeepBest(keras.callbacks.Callback):
    """Saves ``shipped``, and the outline's head, at the lowest val loss so far or after every pass.

    What ``trained`` has beyond it is folded in, and kept in a file of its own for a run that goes on from this one.
    """

    def __init__(self, trained: keras.Model, shipped: keras.Model, run: Path, best: float, *, always: bool) -> None:
        super().__init__()
        self.trained, self.shipped, self.run, self.best, self.always = trained, shipped, run, best, always

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Called with the averaged weights in place."""
        loss = (logs or {}).get(WATCHED, float("inf"))
        if loss < self.best or self.always:
            self.best = min(loss, self.best)
            fold(self.trained, self.shipped)
            self.shipped.save_weights(self.run / BEST)
            if arrays := get_arrays(self.model, PREFIX):
                np.savez(self.run / OUTLINE, allow_pickle=False, **arrays)
            if self.trained is not self.shipped:
                self.trained.save_weights(self.run / TRAINED)


def as_after_a_pass(model: keras.Model, *callbacks: keras.callbacks.Callback) -> None:
    """Let each do what it does after the first pass, with a model that needs none; the next reads what one finds."""
    figures: dict[str, float] = {}
    for callback in callbacks:
        callback.set_model(model)
        callback.on_train_begin()
        callback.on_epoch_end(0, figures)
        callback.on_train_end()
