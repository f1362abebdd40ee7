"""Batches for training: draws balanced over cells, style changes, then rotation, flip, zoom and shift.

Two input paths give batches of the same kind: keras-cv inside tf.data (TensorFlow backend), and NumPy with OpenCV for
Keras's other backends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.style import restyle

FINER = 2  # outlines are moved at this many times the cells a side
Batch = tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]


@dataclass(frozen=True)
class Geometry:
    """Ranges of the spatial changes: turns of a full circle, shares of the side, and how often a slice is mirrored."""

    rotation: float = 0.08
    zoom: float = 0.15
    shift: float = 0.05
    flip: float = 0.5

    def weaker(self, strength: float) -> Geometry:
        """The ranges times ``strength`` 0..1; slices are mirrored as often as before."""
        return Geometry(strength * self.rotation, strength * self.zoom, strength * self.shift, self.flip)


@dataclass(frozen=True, eq=False)
class Draws:
    """What batches are drawn from.

    ``images`` uint8 (n, side, side), ``labels`` float32 (n, classes) of allowed classes, ``weights`` float64 (n,) that
    sum to 1. ``outlines`` uint8 (n, side, side) with 255 inside a tumour, ``known`` bool (n,) where they mean anything,
    ``cells`` the side of the map that outlines are averaged to. ``augmentation`` 0..1 is the strength of the changes.
    ``mixup`` is the alpha of the Beta distribution from which a blend's shares come; 0 blends nothing. ``mirrored``
    says whether half of the pictures are shown mirrored.
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
    augmentation: float = 1.0
    mixup: float = 0.0
    mirrored: bool = True

    def indices(self, epoch: int) -> NDArray[np.int64]:
        """(steps, batch) of drawn images; the same for the same seed and epoch."""
        rng = np.random.default_rng((self.seed, epoch))
        drawn = rng.choice(len(self.images), size=(self.steps, self.batch), p=self.weights)
        return np.asarray(drawn, np.int64)


Styled = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]


def styled_batch(draws: Draws, epoch: int, step: int) -> Styled:
    """One batch before it is moved.

    Images uint8 (batch, side, side) restyled, outlines uint8 (batch, FINER * cells, FINER * cells), labels float32
    (batch, classes), or (batch, 2, classes) of a blend, and bool (batch,) where the outline is known.
    """
    rng = np.random.default_rng((draws.seed, epoch, step, 1))
    chosen, small = draws.indices(epoch)[step], (draws.cells * FINER,) * 2
    images = np.stack([restyle(draws.images[index], rng, draws.augmentation) for index in chosen])
    outlines = [cv2.resize(draws.outlines[index], small, interpolation=cv2.INTER_AREA) for index in chosen]
    styled = images, np.stack(outlines).astype(np.uint8), draws.labels[chosen], draws.known[chosen]
    return blended(styled, draws.mixup, rng) if draws.mixup else styled


def blended(styled: Styled, alpha: float, rng: np.random.Generator) -> Styled:
    """Each picture and its outline blended with another of the batch: Zhang et al., "mixup" (ICLR 2018).

    The outline of a blend is known where both are.
    """
    images, outlines, labels, known = styled
    other = rng.permutation(len(images))
    share = rng.beta(alpha, alpha, len(images)).astype(np.float32)
    share = np.maximum(share, 1 - share)

    def blend(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        own = share[:, None, None]
        return np.asarray(own * pictures + (1 - own) * pictures[other] + np.float32(0.5), np.uint8)

    both = np.stack([share[:, None] * labels, (1 - share)[:, None] * labels[other]], axis=1)
    return blend(images), blend(outlines), both, known & known[other]


def numpy_batches(draws: Draws, geometry: Geometry, first_epoch: int = 0) -> Iterator[Batch]:
    """Endless batches: images float32 (batch, side, side, 1) in 0..1, and what is to be learnt of them.

    That is ``logits``, the allowed classes as the loss takes them, and ``outline``, the share of each cell inside a
    tumour (batch, cells, cells, 1), -1 where unknown.
    """
    epoch = first_epoch
    while True:
        for step in range(draws.steps):
            rng = np.random.default_rng((draws.seed, epoch, step, 2))
            styled, drawn, labels, known = styled_batch(draws, epoch, step)
            moved = [_move(image, outline, geometry, rng) for image, outline in zip(styled, drawn, strict=True)]
            images = np.stack([image for image, _ in moved])[..., None].astype(np.float32) / np.float32(255)
            outlines = np.stack([outline for _, outline in moved]).astype(np.float32) / np.float32(255)
            shares = outlines.reshape(len(known), draws.cells, FINER, draws.cells, FINER, 1).mean(axis=(2, 4))
            shares[~known] = -1
            yield images, {"logits": labels, "outline": shares}
        epoch += 1


def _move(
    image: NDArray[np.uint8], outline: NDArray[np.uint8], geometry: Geometry, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Image and outline moved alike."""
    angle = 360 * rng.uniform(-geometry.rotation, geometry.rotation)
    zoom = 1 + rng.uniform(-geometry.zoom, geometry.zoom)
    shift, mirrored = rng.uniform(-geometry.shift, geometry.shift, 2), rng.random() < geometry.flip

    def moved(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        side = picture.shape[0]
        matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), angle, zoom)
        matrix[:, 2] += shift * side
        there = cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR)
        return np.asarray(there[:, ::-1] if mirrored else there, np.uint8)

    return moved(image), moved(outline)


def keras_cv_batches(draws: Draws, geometry: Geometry, first_epoch: int = 0) -> Any:
    """An endless tf.data.Dataset of the same batches, moved by keras-cv, prepared while the network works."""
    import tensorflow as tf

    from training.placement import RandomPlacement

    place = RandomPlacement(geometry, seed=draws.seed)
    side, classes = draws.images.shape[1], draws.labels.shape[1]
    sets = (draws.batch, 2, classes) if draws.mixup else (draws.batch, classes)
    small = draws.cells * FINER
    types = [tf.uint8, tf.uint8, tf.float32, tf.bool]

    def styled(number: Any) -> Styled:
        return styled_batch(draws, *divmod(int(number), draws.steps))

    def batch(number: Any) -> tuple[Any, Any]:
        images, outlines, labels, known = tf.numpy_function(styled, [number], types, stateful=False)
        images = tf.ensure_shape(images, (draws.batch, side, side))[..., None]
        outlines = tf.ensure_shape(outlines, (draws.batch, small, small))[..., None]
        moved = place({"images": images, "segmentation_masks": outlines}, training=True)
        shares = tf.nn.avg_pool2d(moved["segmentation_masks"], FINER, FINER, "VALID")
        known = tf.reshape(tf.ensure_shape(known, (draws.batch,)), (draws.batch, 1, 1, 1))
        learnt = {"logits": tf.ensure_shape(labels, sets), "outline": tf.where(known, shares, -1.0)}
        return moved["images"], learnt

    # Not from_generator: in TensorFlow 2.21 it lowers glibc's trim threshold, and each step pays for it in the kernel.
    numbers = tf.data.Dataset.range(first_epoch * draws.steps, np.iinfo(np.int64).max)
    return numbers.map(batch).prefetch(2)
