"""Batches for training: draws balanced over cells, style changes, then rotation, flip, zoom and shift.

Two input paths give batches of the same kind: keras-cv inside tf.data (TensorFlow backend), and NumPy with OpenCV for
Keras's other backends. keras-cv is imported here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.style import restyle

Batch = tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]


@dataclass(frozen=True)
class Geometry:
    """Ranges of the spatial changes: turns of a full circle, shares of the side, and how often a slice is mirrored."""

    rotation: float = 0.08
    zoom: float = 0.15
    shift: float = 0.05
    flip: float = 0.5


@dataclass(frozen=True, eq=False)
class Draws:
    """What batches are drawn from.

    ``images`` uint8 (n, side, side), ``labels`` float32 (n, classes) of allowed classes, ``weights`` float64 (n,) that
    sum to 1. ``outlines`` uint8 (n, side, side) with 255 inside a tumour, ``known`` bool (n,) where they mean anything,
    ``cells`` the side of the map that outlines are averaged to.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.float32]
    weights: NDArray[np.float64]
    outlines: NDArray[np.uint8]
    known: NDArray[np.bool_]
    cells: int
    batch: int
    steps: int
    seed: int

    def indices(self, epoch: int) -> NDArray[np.int64]:
        """(steps, batch) of drawn images; the same for the same seed and epoch."""
        rng = np.random.default_rng((self.seed, epoch))
        drawn = rng.choice(len(self.images), size=(self.steps, self.batch), p=self.weights)
        return np.asarray(drawn, np.int64)


def styled_batch(draws: Draws, epoch: int, step: int, chosen: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The chosen images restyled, with their outlines behind them: uint8 (batch, side, side, 2)."""
    rng = np.random.default_rng((draws.seed, epoch, step, 1))
    return np.stack([np.stack([restyle(draws.images[i], rng), draws.outlines[i]], axis=-1) for i in chosen])


def numpy_batches(draws: Draws, geometry: Geometry, first_epoch: int = 0) -> Iterator[Batch]:
    """Endless batches: images float32 (batch, side, side, 1) in 0..1, and what is to be learnt of them.

    That is ``logits``, the allowed classes (batch, classes), and ``outline``, the share of each cell inside a tumour
    (batch, cells, cells, 1), -1 where unknown.
    """
    epoch, side = first_epoch, draws.images.shape[1]
    while True:
        for step, chosen in enumerate(draws.indices(epoch)):
            rng = np.random.default_rng((draws.seed, epoch, step, 2))
            styled = styled_batch(draws, epoch, step, chosen)
            moved = np.stack([_move(image, geometry, rng) for image in styled]).astype(np.float32) / np.float32(255)
            cut = (len(chosen), draws.cells, side // draws.cells, draws.cells, side // draws.cells)
            shares = moved[..., 1].reshape(cut).mean(axis=(2, 4))[..., None]
            shares[~draws.known[chosen]] = -1
            yield moved[..., :1], {"logits": draws.labels[chosen], "outline": shares}
        epoch += 1


def _move(image: NDArray[np.uint8], geometry: Geometry, rng: np.random.Generator) -> NDArray[np.uint8]:
    side = image.shape[0]
    angle = 360 * rng.uniform(-geometry.rotation, geometry.rotation)
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), angle, 1 + rng.uniform(-geometry.zoom, geometry.zoom))
    matrix[:, 2] += rng.uniform(-geometry.shift, geometry.shift, 2) * side
    moved = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR)
    return np.asarray(moved[:, ::-1] if rng.random() < geometry.flip else moved, np.uint8)


def keras_cv_batches(draws: Draws, geometry: Geometry, first_epoch: int = 0) -> Any:
    """An endless tf.data.Dataset of the same batches, moved by keras-cv, prepared while the network works."""
    import keras_cv
    import tensorflow as tf

    zoom = (-geometry.zoom, geometry.zoom)
    layers = [
        keras_cv.layers.RandomFlip("horizontal", rate=geometry.flip, seed=draws.seed),
        keras_cv.layers.RandomRotation(geometry.rotation, fill_mode="constant", seed=draws.seed + 1),
        keras_cv.layers.RandomZoom(zoom, fill_mode="constant", seed=draws.seed + 2),
        keras_cv.layers.RandomTranslation(geometry.shift, geometry.shift, fill_mode="constant", seed=draws.seed + 3),
    ]
    side, classes = draws.images.shape[1], draws.labels.shape[1]
    types = [tf.uint8, tf.float32, tf.bool]

    def styled(number: Any) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]:
        epoch, step = divmod(int(number), draws.steps)
        chosen = draws.indices(epoch)[step]
        return styled_batch(draws, epoch, step, chosen), draws.labels[chosen], draws.known[chosen]

    def batch(number: Any) -> tuple[Any, Any]:
        images, labels, known = tf.numpy_function(styled, [number], types, stateful=False)
        moved = tf.cast(tf.ensure_shape(images, (draws.batch, side, side, 2)), tf.float32)
        for layer in layers:
            moved = layer(moved, training=True)
        moved = tf.clip_by_value(moved / 255.0, 0.0, 1.0)
        shares = tf.nn.avg_pool2d(moved[..., 1:], side // draws.cells, side // draws.cells, "VALID")
        known = tf.reshape(tf.ensure_shape(known, (draws.batch,)), (draws.batch, 1, 1, 1))
        outlines = tf.where(known, shares, -1.0)
        return moved[..., :1], {"logits": tf.ensure_shape(labels, (draws.batch, classes)), "outline": outlines}

    # Not from_generator: in TensorFlow 2.21 it lowers glibc's trim threshold, and each step pays for it in the kernel.
    numbers = tf.data.Dataset.range(first_epoch * draws.steps, np.iinfo(np.int64).max)
    return numbers.map(batch).prefetch(2)
