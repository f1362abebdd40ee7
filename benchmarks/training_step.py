"""What the input pipeline costs training: steps fed by it over the same step on one batch that is already there."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from benchmarks.measure import Result, by_turns, milliseconds, pair_ratios
from benchmarks.subjects import TASK, prepared_squares
from services.inference.networks import build
from services.inference.outline import with_outline
from services.settings import ROOT
from services.tasks import get_task
from training.__main__ import KEEP_MEMORY
from training.augment import Draws, Geometry, keras_cv_batches
from training.fit import compile_whole
from training.run import RunSettings

NETWORK, BATCH = "efficientnet", 32
PAIRS, STEPS, DRAINED = 7, 4, 3


def result() -> Result:
    """The ratio, measured in a process of its own with glibc set up as training sets it up."""
    environment = {**os.environ, **KEEP_MEMORY}
    command = [sys.executable, "-m", "benchmarks.training_step"]
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    ours, theirs = json.loads(answer.stdout.splitlines()[-1])
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


def measure(network: str = NETWORK, pairs: int = PAIRS) -> tuple[list[float], list[float]]:
    """Seconds of each block with the pipeline and of each without, by turns.

    While the other side runs, the pipeline fills its buffer; a few steps before each of its blocks empty that buffer
    outside the clock, so that nothing counts which was made ready on somebody else's time.
    """
    model = _model(network)
    batches = _real_batches(int(model.output["outline"].shape[1]))
    one_batch = itertools.repeat(keras.tree.map_structure(np.array, next(batches)))

    def train(source: Iterable[Any], steps: int) -> None:
        for images, answers in itertools.islice(source, steps):
            model.train_on_batch(images, answers)

    return by_turns(
        lambda: train(batches, STEPS),
        lambda: train(one_batch, STEPS),
        pairs=pairs,
        warm_up=1,
        before=lambda: train(batches, DRAINED),
    )


def _model(network: str) -> keras.Model:
    """The network as the main phase trains it, with its outline branch."""
    learner = with_outline(build(network, len(get_task(TASK).classes)), network)
    compile_whole(learner, RunSettings(TASK, network, (), "none"))
    return learner


def _real_batches(cells: int) -> Iterator[Any]:
    """The batches that a run on the drawn samples would get."""
    squares, classes = prepared_squares(), len(get_task(TASK).classes)
    labels = np.eye(classes, dtype=np.float32)[np.arange(len(squares)) % classes]
    weights, known = np.full(len(squares), 1 / len(squares)), np.ones(len(squares), bool)
    nothing = np.zeros_like(squares)
    draws = Draws(squares, labels, weights, nothing, known, cells=cells, batch=BATCH, steps=64, seed=1)
    return iter(keras_cv_batches(draws, Geometry()))


if __name__ == "__main__":
    print(json.dumps(measure()))
