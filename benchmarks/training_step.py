"""What the input pipeline costs training: steps fed by it over the same step on one batch that is already there."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from benchmarks.measure import Result, by_turns, milliseconds, pair_ratios
from benchmarks.subjects import TASK, prepared_squares
from services.inference.networks import build
from services.tasks import get_task
from training.augment import Draws, Geometry, keras_cv_batches
from training.losses import PartialLabelLoss

NETWORK, BATCH = "efficientnet", 32
PAIRS, STEPS, DRAINED = 7, 4, 3


def result() -> Result:
    """The ratio, blocks of a few steps by turns.

    While the other side runs, the pipeline fills its buffer; a few steps before each of its blocks empty that buffer
    outside the clock, so that nothing counts which was made ready on somebody else's time.
    """
    model, batches = _model(), _real_batches()
    images, labels = next(batches)
    one_batch = itertools.repeat((np.array(images), np.array(labels)))

    def train(source: Iterable[Any], steps: int) -> None:
        for images, labels in itertools.islice(source, steps):
            model.train_on_batch(images, labels)

    ours, theirs = by_turns(
        lambda: train(batches, STEPS),
        lambda: train(one_batch, STEPS),
        pairs=PAIRS,
        warm_up=1,
        before=lambda: train(batches, DRAINED),
    )
    return Result(
        "Training step with input pipeline / without",
        f"blocks of {STEPS} steps of {BATCH} images for {NETWORK}: balanced draws, style changes and keras-cv's "
        "geometry, over the same step on one batch in memory",
        pair_ratios(ours, theirs),
        1.1,
        milliseconds(ours) / STEPS,
        milliseconds(theirs) / STEPS,
        "ms",
    )


def _model() -> keras.Model:
    """The network as the main phase trains it: everything but batch normalisation, AdamW with averaged weights."""
    model = build(NETWORK, len(get_task(TASK).classes))
    for layer in model.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    optimizer = keras.optimizers.AdamW(1e-4, use_ema=True, ema_momentum=0.99, clipnorm=1.0)
    model.compile(optimizer, PartialLabelLoss(0.03))
    return model


def _real_batches() -> Iterator[Any]:
    """The batches that a run on the drawn samples would get."""
    squares, classes = prepared_squares(), len(get_task(TASK).classes)
    labels = np.eye(classes, dtype=np.float32)[np.arange(len(squares)) % classes]
    weights = np.full(len(squares), 1 / len(squares))
    return iter(keras_cv_batches(Draws(squares, labels, weights, BATCH, 64, 1), Geometry()))
