"""The head that estimates a tumour's outline, fitted to a finished network that stays as it is."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from services.inference.networks import get_arrays
from services.inference.outline import PREFIX, with_outline
from training.augment import Draws
from training.corpus import allowed_classes, load_images, load_outlines, outline_known, sampling_weights
from training.finished import FinishedRun
from training.fit import batches, verbosity
from training.losses import OutlineLoss, PartialLabelLoss
from training.run import OUTLINE, RunError

SEED_STEP = 1_000  # so that the head does not see the run's own draws again


def fit_outline(finished: FinishedRun, *, passes: int, rate: float) -> Path:
    """Learn the head from every outlined slice of the training part and from those that have nothing to outline.

    It goes on from what the run's own training left of it. Returns the file beside the run's weights. Raises RunError
    where the network answers from places, which have learnt the outlines already.
    """
    settings, task = finished.settings, finished.task
    if settings.places:
        raise RunError(f"{finished.run} answers from places, which need no head for outlines; register it as it is.")
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
        mirrored=task.mirrored,
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
