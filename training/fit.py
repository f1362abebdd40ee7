"""One training run: a network fitted to the corpora, head first, then the whole of it, all kept in a folder."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from services.inference.networks import build, get_network, load_file, load_starting_weights
from services.tasks import get_task
from training.augment import Draws, Geometry, keras_cv_batches, numpy_batches
from training.calibrate import fit_temperature
from training.corpus import (
    allowed_classes,
    load_images,
    load_outlines,
    outline_known,
    sampling_weights,
)
from training.evaluation.logits import logits_of
from training.losses import OutlineLoss, PartialLabelLoss
from training.run import BEST, HEAD, HISTORY, SETTINGS, RunSettings, samples_of
from training.style import restyle

WATCHED = "val_calibrated"
# Outlines fill a few hundredths of a slice.
OUTLINE_PRIOR = keras.initializers.Constant(-3.0)
COPIES = 2
HEAD_EPOCH = 100_000  # far from the passes of the main phase, so that its draws differ


def fit(settings: RunSettings, run: Path, *, resume: bool = False, cache: Path | None = None) -> Path:
    """Train as ``settings`` say inside the folder ``run`` and return the file of the best averaged weights.

    With ``resume`` a run that was cut goes on after its last whole pass, with the optimiser's state. Raises
    ModelNotFound or ModelDamaged where the weights to begin with do not load, before any image is prepared
    and anything is written.
    """
    keras.utils.set_random_seed(settings.seed)
    keras.config.set_dtype_policy("mixed_bfloat16" if settings.mixed_precision else "float32")
    task = get_task(settings.task)
    samples = samples_of(settings)
    train = [sample for sample in samples if sample.part == "train"]
    val = [sample for sample in samples if sample.part == "val"]
    with _all_devices():
        model = build(settings.network, len(task.classes), size=task.preparation.size, dropout=settings.dropout)
        learner = with_outline(model, settings.network)
        goes_on = resume and (run / HEAD).exists()
        if goes_on:
            load_file(learner, settings.network, run / HEAD)
        else:
            _start(model, settings)
        run.mkdir(parents=True, exist_ok=True)
        (run / SETTINGS).write_text(json.dumps(asdict(settings), indent=2), encoding="utf-8")
        draws = Draws(
            images=load_images(train, task, cache),
            labels=allowed_classes(train, task),
            weights=sampling_weights(train),
            outlines=load_outlines(train, task, cache),
            known=outline_known(train, task),
            cells=int(learner.output["outline"].shape[1]),
            batch=settings.batch,
            steps=settings.steps,
            seed=settings.seed,
            augmentation=settings.augmentation,
            mixup=settings.mixup,
        )
        if not goes_on:
            _fit_heads(learner, settings, draws)
            learner.save_weights(run / HEAD)
        scored = ScoreVal(model, load_images(val, task, cache), allowed_classes(val, task), settings.seed)
        _fit_all(learner, model, settings, draws, scored, run, resume=resume)
    return run / BEST


def with_outline(model: keras.Model, network: str) -> keras.Model:
    """``model`` with a second output, the logits of a map of the tumour's outline, for training only.

    Where the tumour is makes the features of the layer that explains the answer truer, and so the answer.
    """
    known = get_network(network)
    fine, top = model.get_layer(known.outline_layer).output, model.get_layer(known.top_layer).output
    top = keras.layers.Conv2D(64, 1, activation="relu", name="outline_top")(top)
    factor = fine.shape[1] // top.shape[1]
    if factor > 1:
        top = keras.layers.UpSampling2D(factor, interpolation="bilinear", name="outline_larger")(top)
    both = keras.layers.Concatenate(name="outline_both")([fine, top])
    both = keras.layers.Conv2D(64, 3, padding="same", activation="relu", name="outline_mix")(both)
    outline = keras.layers.Conv2D(1, 1, bias_initializer=OUTLINE_PRIOR, dtype="float32", name="outline")(both)
    return keras.Model(model.inputs[0], {"logits": model.outputs[0], "outline": outline})


def _start(model: keras.Model, settings: RunSettings) -> None:
    earlier = Path(settings.weights)
    if earlier.is_dir():
        load_file(model, settings.network, earlier / BEST)
    else:
        load_starting_weights(model, settings.network, settings.weights)


def _compile(learner: keras.Model, optimizer: keras.optimizers.Optimizer, settings: RunSettings) -> None:
    learner.compile(
        optimizer,
        {"logits": PartialLabelLoss(settings.smoothing), "outline": OutlineLoss()},
        loss_weights={"logits": 1.0, "outline": settings.outline_weight},
    )


def _fit_heads(learner: keras.Model, settings: RunSettings, draws: Draws) -> None:
    """The two last parts alone, on features of the starting weights."""
    for layer in learner.layers:
        layer.trainable = layer.name == "logits" or layer.name.startswith("outline")
    _compile(learner, keras.optimizers.AdamW(settings.head_rate), settings)
    if settings.head_passes == 0:
        return
    learner.fit(
        _batches(draws, first_epoch=HEAD_EPOCH),
        epochs=settings.head_passes,
        steps_per_epoch=settings.steps,
        shuffle=False,
        verbose=_verbosity(),
    )


class ScoreVal(keras.callbacks.Callback):
    """Adds to a pass's figures the val loss that calibration would leave, the temperature, and the share right.

    The loss before calibration would choose the pass that is surest of itself, not the one that ranks best. Beside
    each slice stand two copies in another scanner's style: val has few scanners, and the choice should not hang on
    them. ``images`` uint8 (n, side, side), ``allowed`` (n, classes) of 0 and 1.
    """

    def __init__(self, model: keras.Model, images: NDArray[np.uint8], allowed: NDArray[np.float32], seed: int) -> None:
        super().__init__()
        rng = np.random.default_rng(seed)
        copies = [restyle(image, rng) for _ in range(COPIES) for image in images]
        self.shipped, self.images = model, np.concatenate([images, np.stack(copies)])
        self.allowed = np.tile(allowed, (1 + COPIES, 1))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Called with the averaged weights in place, before whoever reads the figures."""
        logits = logits_of(self.shipped, self.images, flips=False)
        temperature, loss = fit_temperature(logits, self.allowed)
        right = self.allowed[np.arange(len(logits)), logits.argmax(axis=1)].mean()
        if logs is not None:
            logs.update({WATCHED: loss, "val_temperature": temperature, "val_right": float(right)})


class KeepBest(keras.callbacks.Callback):
    """Saves the shipped part of the learner at the lowest val loss so far, or after every pass."""

    def __init__(self, model: keras.Model, path: Path, best: float, *, always: bool) -> None:
        super().__init__()
        self.shipped, self.path, self.best, self.always = model, path, best, always

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Called with the averaged weights in place."""
        loss = (logs or {}).get(WATCHED, float("inf"))
        if loss < self.best or self.always:
            self.best = min(loss, self.best)
            self.shipped.save_weights(self.path)


def compile_whole(learner: keras.Model, settings: RunSettings) -> None:
    """Make everything learn that may, with the run's optimiser and losses."""
    adapts = get_network(settings.network).adapt_normalisation
    for layer in learner.layers:
        layer.trainable = adapts or not isinstance(layer, keras.layers.BatchNormalization)
    total, warm_up = settings.passes * settings.steps, int(settings.warm_up * settings.steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, total - warm_up, warmup_target=settings.rate, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=settings.weight_decay, use_ema=True, ema_momentum=settings.ema, clipnorm=1.0
    )
    _compile(learner, optimizer, settings)


def _fit_all(
    learner: keras.Model,
    model: keras.Model,
    settings: RunSettings,
    draws: Draws,
    scored: ScoreVal,
    run: Path,
    *,
    resume: bool,
) -> None:
    compile_whole(learner, settings)
    backup = run / "backup"
    if not resume and backup.exists():
        for stale in backup.iterdir():
            stale.unlink()
    callbacks = [
        keras.callbacks.BackupAndRestore(str(backup), delete_checkpoint=False),
        keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
        scored,
        KeepBest(model, run / BEST, _best_so_far(run) if resume else float("inf"), always=settings.keep_last),
        keras.callbacks.CSVLogger(str(run / HISTORY), append=resume),
    ]
    if not settings.keep_last:
        callbacks.append(keras.callbacks.EarlyStopping(WATCHED, mode="min", patience=settings.patience))
    if keras.backend.backend() == "tensorflow":
        callbacks.append(keras.callbacks.TensorBoard(str(run / "tensorboard"), write_graph=False))
    done = _passes_done(run) if resume else 0
    learner.fit(
        _batches(draws, first_epoch=done),
        epochs=settings.passes,
        steps_per_epoch=settings.steps,
        shuffle=False,
        callbacks=callbacks,
        verbose=_verbosity(),
    )


def _batches(draws: Draws, first_epoch: int) -> Any:
    make = keras_cv_batches if keras.backend.backend() == "tensorflow" else numpy_batches
    return make(draws, Geometry().weaker(draws.augmentation), first_epoch)


def _passes_done(run: Path) -> int:
    history = run / HISTORY
    return max(0, len(history.read_text(encoding="utf-8").splitlines()) - 1) if history.exists() else 0


def _best_so_far(run: Path) -> float:
    if not (run / HISTORY).exists():
        return float("inf")
    with (run / HISTORY).open(encoding="utf-8", newline="") as lines:
        return min((float(row[WATCHED]) for row in csv.DictReader(lines)), default=float("inf"))


def _verbosity() -> int:
    return 1 if sys.stdout.isatty() else 2


def _all_devices() -> Any:
    """A scope that spreads each batch over all GPUs where there are several."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if len(tf.config.list_physical_devices("GPU")) > 1:
            return tf.distribute.MirroredStrategy().scope()
    else:
        if len(keras.distribution.list_devices("gpu")) > 1:
            keras.distribution.set_distribution(keras.distribution.DataParallel())
    from contextlib import nullcontext

    return nullcontext()
