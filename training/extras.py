"""What is learnt on a finished network that stays as it is: the head for outlines, and the input gate."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from services.inference.figures import GateFigures
from services.inference.networks import get_arrays
from services.inference.outline import PREFIX, with_outline
from training.augment import Draws
from training.corpus import allowed_classes, load_images, load_outlines, outline_known, sampling_weights
from training.finished import FinishedRun
from training.fit import batches, verbosity
from training.gate import SEED, Features, gate_figures, learn, prepared, read_others
from training.losses import OutlineLoss, PartialLabelLoss
from training.run import GATE, GATE_FIGURES, OUTLINE
from training.strange import strange_pictures
from training.style import restyle

BRAINS = 1500
SEED_STEP = 1_000  # so that the head does not see the run's own draws again


def fit_outline(finished: FinishedRun, *, passes: int, rate: float) -> Path:
    """Learn the head from every outlined slice of the training part and from those that have nothing to outline.

    It goes on from what the run's own training left of it. Returns the file beside the run's weights.
    """
    settings, task = finished.settings, finished.task
    keras.utils.set_random_seed(settings.seed)
    samples = [s for s in finished.samples if s.part == "train"]
    samples = [s for s, known in zip(samples, outline_known(samples, task), strict=True) if known]
    learner = finished.model
    if not isinstance(learner.output, dict):
        learner = with_outline(learner, settings.network)
    draws = Draws(
        images=load_images(samples, task, finished.cache),
        labels=allowed_classes(samples, task),
        weights=sampling_weights(samples),
        outlines=load_outlines(samples, task, finished.cache),
        known=np.ones(len(samples), np.bool_),
        cells=int(learner.output["outline"].shape[1]),
        batch=settings.batch,
        steps=settings.steps,
        seed=settings.seed + SEED_STEP,
    )
    for layer in learner.layers:
        layer.trainable = layer.name.startswith(PREFIX)
    schedule = keras.optimizers.schedules.CosineDecay(0.0, passes * draws.steps, warmup_target=rate, warmup_steps=50)
    learner.compile(
        keras.optimizers.AdamW(schedule, weight_decay=settings.weight_decay, clipnorm=1.0),
        {"logits": PartialLabelLoss(), "outline": OutlineLoss()},
        loss_weights={"logits": 0.0, "outline": 1.0},
    )
    learner.fit(batches(draws), epochs=passes, steps_per_epoch=draws.steps, shuffle=False, verbose=verbosity())
    np.savez(finished.run / OUTLINE, allow_pickle=False, **get_arrays(learner, PREFIX))
    return finished.run / OUTLINE


def fit_gate(finished: FinishedRun, folders: Sequence[Path]) -> tuple[GateFigures, ...]:
    """Learn the gate from train and val, write it into the run's folder, and measure it on val and test."""
    task, rng = finished.task, np.random.default_rng(SEED)
    features = Features(finished.model, finished.settings.network, flips=finished.flips)
    others = read_others(folders, task)
    parts = {part: [s for s in finished.samples if s.part == part] for part in ("train", "val")}
    chosen = np.sort(rng.permutation(len(parts["train"]))[:BRAINS])
    brains = load_images(parts["train"], task, finished.cache)[chosen]
    val = load_images(parts["val"], task, finished.cache)
    strange = np.stack([prepared(picture, task) for picture in strange_pictures(brains, rng)])
    learnt = {part: [o.square for o in others if o.part == part] for part in sorted({o.part for o in others})}
    sets = [np.stack(squares) for part, squares in learnt.items() if part.endswith("train")]
    gate = learn(
        features(brains),
        features(np.stack([restyle(image, rng) for image in brains])),
        [features(np.concatenate([squares, *_copies(squares, rng)])) for squares in sets] + [features(strange)],
        features(np.concatenate([val, *(np.stack([restyle(image, rng) for image in val]) for _ in range(2))])),
    )
    np.savez_compressed(finished.run / GATE, allow_pickle=False, **gate.arrays())
    figures = gate_figures(gate, features, others, finished.samples, task, finished.cache)
    stored = json.dumps([row.model_dump() for row in figures], indent=1)
    (finished.run / GATE_FIGURES).write_text(stored, encoding="utf-8")
    return figures


def _copies(squares: NDArray[np.uint8], rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Each picture turned by a quarter, a half and three quarters, in other styles: there are few, of many kinds."""
    turned = [np.ascontiguousarray(np.rot90(squares, turns, axes=(1, 2))) for turns in (1, 2, 3)]
    return [np.stack([restyle(square, rng) for square in each]) for each in turned]
