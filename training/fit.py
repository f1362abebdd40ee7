"""One training run: a network fitted to the corpora, head first, then the whole of it, all kept in a folder."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from services.inference.networks import build, get_network, load_starting_weights
from services.tasks import get_task
from training.augment import Draws, Geometry, keras_cv_batches, numpy_batches
from training.corpus import allowed_classes, load_images, read_corpora, sampling_weights
from training.losses import PartialLabelLoss

BEST, HEAD, SETTINGS, HISTORY = "best.weights.h5", "head.weights.h5", "run.json", "history.csv"
HEAD_EPOCH = 100_000  # far from the passes of the main phase, so that its draws differ


@dataclass(frozen=True)
class RunSettings:
    """Everything that decides a run's outcome; written into its folder and onto the model's card.

    ``passes`` of ``draws`` images each; ``rate`` is AdamW's peak learning rate after ``warm_up`` passes, then cosine to
    0; ``patience`` passes without a lower val loss end the run; ``val_share`` of the val groups are kept for validation
    and calibration, the rest joins the training part; ``ema`` is the momentum of the averaged weights that are kept.
    """

    task: str
    network: str
    data: tuple[str, ...]
    weights: str
    passes: int = 14
    draws: int = 4480
    batch: int = 32
    rate: float = 1.5e-4
    head_rate: float = 2e-3
    head_passes: int = 1
    warm_up: float = 0.5
    weight_decay: float = 1e-4
    smoothing: float = 0.03
    dropout: float = 0.3
    ema: float = 0.99
    patience: int = 6
    val_share: float = 0.4
    seed: int = 1
    mixed_precision: bool = False

    @property
    def steps(self) -> int:
        """Optimiser steps a pass."""
        return max(1, self.draws // self.batch)


def read_settings(run: Path) -> RunSettings:
    """The settings of an existing run folder."""
    stored = json.loads((run / SETTINGS).read_text(encoding="utf-8"))
    stored["data"] = tuple(stored["data"])
    return RunSettings(**stored)


def fit(settings: RunSettings, run: Path, *, resume: bool = False, cache: Path | None = None) -> Path:
    """Train as ``settings`` say inside the folder ``run`` and return the file of the best averaged weights.

    With ``resume`` a run that was cut goes on after its last whole pass, with the optimiser's state.
    """
    run.mkdir(parents=True, exist_ok=True)
    (run / SETTINGS).write_text(json.dumps(asdict(settings), indent=2), encoding="utf-8")
    keras.utils.set_random_seed(settings.seed)
    keras.config.set_dtype_policy("mixed_bfloat16" if settings.mixed_precision else "float32")
    task = get_task(settings.task)
    samples = read_corpora([Path(folder) for folder in settings.data], task, val_share=settings.val_share)
    train = [sample for sample in samples if sample.part == "train"]
    val = [sample for sample in samples if sample.part == "val"]
    draws = Draws(
        load_images(train, task, cache),
        allowed_classes(train, task),
        sampling_weights(train),
        settings.batch,
        settings.steps,
        settings.seed,
    )
    val_images, val_labels = load_images(val, task, cache), allowed_classes(val, task)
    with _all_devices():
        model = build(settings.network, len(task.classes), size=task.preparation.size, dropout=settings.dropout)
        if not (resume and (run / HEAD).exists()):
            load_starting_weights(model, settings.network, settings.weights)
            _fit_head(model, settings, draws)
            model.save_weights(run / HEAD)
        else:
            model.load_weights(run / HEAD)
        _fit_all(model, settings, draws, (as_input(val_images), val_labels), run, resume=resume)
    return run / BEST


def as_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Prepared images uint8 (n, side, side) as the networks take them: float32 (n, side, side, 1) in 0..1."""
    return images[..., None].astype(np.float32) / np.float32(255)


def _fit_head(model: keras.Model, settings: RunSettings, draws: Draws) -> None:
    """The linear layer alone, on features of the starting weights."""
    for layer in model.layers:
        layer.trainable = layer.name == "logits"
    model.compile(keras.optimizers.AdamW(settings.head_rate), PartialLabelLoss(settings.smoothing))
    model.fit(
        _batches(draws, first_epoch=HEAD_EPOCH),
        epochs=settings.head_passes,
        steps_per_epoch=settings.steps,
        shuffle=False,
        verbose=_verbosity(),
    )


def _fit_all(
    model: keras.Model, settings: RunSettings, draws: Draws, val: tuple[Any, Any], run: Path, *, resume: bool
) -> None:
    adapts = get_network(settings.network).adapt_normalisation
    for layer in model.layers:
        layer.trainable = adapts or not isinstance(layer, keras.layers.BatchNormalization)
    total, warm_up = settings.passes * settings.steps, int(settings.warm_up * settings.steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, total - warm_up, warmup_target=settings.rate, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=settings.weight_decay, use_ema=True, ema_momentum=settings.ema, clipnorm=1.0
    )
    model.compile(optimizer, PartialLabelLoss(settings.smoothing))
    backup = run / "backup"
    if not resume and backup.exists():
        for stale in backup.iterdir():
            stale.unlink()
    callbacks = [
        keras.callbacks.BackupAndRestore(str(backup), delete_checkpoint=False),
        keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
        keras.callbacks.ModelCheckpoint(
            str(run / BEST),
            monitor="val_loss",
            save_best_only=True,
            save_weights_only=True,
            initial_value_threshold=_best_so_far(run, resume),
        ),
        keras.callbacks.CSVLogger(str(run / HISTORY), append=resume),
        keras.callbacks.EarlyStopping("val_loss", patience=settings.patience),
    ]
    if keras.backend.backend() == "tensorflow":
        callbacks.append(keras.callbacks.TensorBoard(str(run / "tensorboard"), write_graph=False))
    done = _passes_done(run) if resume else 0
    model.fit(
        _batches(draws, first_epoch=done),
        epochs=settings.passes,
        steps_per_epoch=settings.steps,
        shuffle=False,
        validation_data=val,
        validation_batch_size=64,
        callbacks=callbacks,
        verbose=_verbosity(),
    )


def _batches(draws: Draws, first_epoch: int) -> Any:
    make = keras_cv_batches if keras.backend.backend() == "tensorflow" else numpy_batches
    return make(draws, Geometry(), first_epoch)


def _passes_done(run: Path) -> int:
    history = run / HISTORY
    return max(0, len(history.read_text(encoding="utf-8").splitlines()) - 1) if history.exists() else 0


def _best_so_far(run: Path, resume: bool) -> float | None:
    if not (resume and (run / HISTORY).exists()):
        return None
    lines = [line.split(",") for line in (run / HISTORY).read_text(encoding="utf-8").splitlines()]
    return min((float(line[lines[0].index("val_loss")]) for line in lines[1:]), default=None)


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
