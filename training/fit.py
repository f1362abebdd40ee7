"""One training run: a network fitted to the corpora, head first, then the whole of it, all kept in a folder."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from services.inference.networks import LOGITS, build, get_network, set_arrays
from services.inference.outline import PREFIX, with_outline
from services.inference.starting import copy_backbone, fresh_layers, load_file, load_starting_weights
from services.tasks import get_task
from services.tasks.task import Task
from training.augment import Draws, Geometry, keras_cv_batches, numpy_batches
from training.calibrate import fit_offset
from training.corpus import (
    allowed_classes,
    load_images,
    load_outlines,
    outline_known,
    sampling_weights,
)
from training.curves import draw_curves
from training.evaluation.logits import logits_of
from training.learner import TEACHER, Regrouped, with_teachers
from training.losses import OutlineLoss, PartialLabelLoss, PlacesLoss
from training.normalised import settle, with_normalisation
from training.places import solve_places
from training.run import (
    BEST,
    GATE,
    HEAD,
    HEAT,
    HISTORY,
    OUTLINE,
    SETTINGS,
    TRAINED,
    RunSettings,
    groups_between,
    read_settings,
    samples_of,
    starting_weights,
)
from training.watching import WATCHED, KeepBest, ScoreVal, as_after_a_pass

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
        side = settings.pixels or task.preparation.size
        model = build(settings.network, len(task.classes), size=side, dropout=settings.dropout, places=settings.places)
        goes_on = resume and (run / HEAD).exists()
        if not goes_on:
            _start(model, settings)
        trained = with_normalisation(model, fresh_layers(model, starting_weights(settings)))
        learner = with_outline(trained, settings.network)
        if settings.teachers:
            teachers = [_teacher(Path(teacher), task, side) for teacher in settings.teachers]
            learner = with_teachers(learner, teachers, settings.teaching)
        earlier, heads_fit = Path(settings.weights), False
        if goes_on:
            load_file(learner, settings.network, run / HEAD)
        elif earlier.is_dir():
            heads_fit = _take_over(learner, (trained, model), settings, earlier)
        run.mkdir(parents=True, exist_ok=True)
        (run / SETTINGS).write_text(json.dumps(asdict(settings), indent=2), encoding="utf-8")
        # Learnt on weights that are about to be others.
        for stale in (GATE, HEAT):
            (run / stale).unlink(missing_ok=True)
        draws = Draws(
            images=_resized(load_images(train, task, cache), side),
            labels=allowed_classes(train, task),
            # What is to be found fills few of a picture's places; no lesson is left in one where there is nothing.
            weights=sampling_weights(train, power=0.0 if settings.places else 0.5),
            outlines=load_outlines(train, task, cache),
            known=outline_known(train, task),
            cells=int(learner.output["outline"].shape[1]),
            batch=settings.batch,
            steps=settings.steps,
            seed=settings.seed,
            augmentation=settings.augmentation,
            mixup=settings.mixup,
            mirrored=task.mirrored,
        )
        if not goes_on:
            if get_network(settings.network).settle_normalisation and not earlier.is_dir():
                settle(model, draws)
            # Where normalisation has only begun, no features of starting weights are there to learn a head on.
            if trained is model and not heads_fit:
                _fit_heads(learner, model, settings, draws)
            learner.save_weights(run / HEAD)
        scored = ScoreVal(
            trained,
            _resized(load_images(val, task, cache), side),
            allowed_classes(val, task),
            settings.seed,
            offset=settings.places,
        )
        if settings.passes:
            _fit_all(learner, (trained, model), settings, draws, scored, run, resume=resume)
        else:
            keep = KeepBest(trained, model, run, float("inf"), always=True)
            as_after_a_pass(learner, scored, keep, keras.callbacks.CSVLogger(str(run / HISTORY)))
        if settings.places:
            model.load_weights(run / BEST)
            said = logits_of(model, _resized(load_images(val, task, cache), side), flips=False)
            kernel, bias = model.get_layer(LOGITS).get_weights()
            model.get_layer(LOGITS).set_weights([kernel, bias + fit_offset(said, allowed_classes(val, task))])
            model.save_weights(run / BEST)
    draw_curves(run)
    return run / BEST


def _start(model: keras.Model, settings: RunSettings) -> None:
    earlier = Path(settings.weights)
    if earlier.is_dir():
        before = read_settings(earlier)
        if before.task == settings.task:
            load_file(model, settings.network, earlier / BEST)
            return
        other = build(settings.network, len(get_task(before.task).classes), size=model.input_shape[1])
        load_file(other, settings.network, earlier / BEST)
        copy_backbone(other, model)
    else:
        load_starting_weights(model, settings.network, settings.weights)


def _take_over(
    learner: keras.Model, kept: tuple[keras.Model, keras.Model], settings: RunSettings, earlier: Path
) -> bool:
    """Fill ``learner`` with what the folder holds beyond the shipped weights; False where its heads are to be fitted.

    That is where no outline is among it, and where it answered another task or not from places as this one does.
    """
    (trained, model), before = kept, read_settings(earlier)
    if trained is not model and (earlier / TRAINED).exists():
        load_file(trained, settings.network, earlier / TRAINED)
    same = (before.task, before.places) == (settings.task, settings.places)
    if settings.places:
        return same
    if not (earlier / OUTLINE).exists():
        return False
    with np.load(earlier / OUTLINE, allow_pickle=False) as arrays:
        set_arrays(learner, arrays, PREFIX)
    return same


def _resized(images: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    if images.shape[1] == side:
        return images
    return np.stack([cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in images])


def _teacher(run: Path, task: Task, side: int) -> keras.Model:
    settings = read_settings(run)
    own = get_task(settings.task)
    teacher = build(settings.network, len(own.classes), size=side, side=settings.pixels, places=settings.places)
    load_file(teacher, settings.network, run / BEST)
    groups = groups_between(own, task)
    return keras.Model(teacher.inputs, Regrouped(groups)(teacher.outputs[0])) if groups else teacher


def _compile(learner: keras.Model, optimizer: keras.optimizers.Optimizer, settings: RunSettings) -> None:
    own = 1 - settings.teaching if settings.teachers else 1.0
    learner.compile(
        optimizer,
        {"logits": PartialLabelLoss(settings.smoothing), "outline": PlacesLoss() if settings.places else OutlineLoss()},
        loss_weights={"logits": own, "outline": settings.outline_weight},
    )


def _fit_heads(learner: keras.Model, model: keras.Model, settings: RunSettings, draws: Draws) -> None:
    """The last layer and what estimates outlines, alone, on features of the starting weights."""
    if settings.places and settings.head_passes:
        solve_places(model, draws)
        return
    for layer in learner.layers:
        layer.trainable = layer.name == LOGITS or layer.name.startswith(PREFIX)
    _compile(learner, keras.optimizers.AdamW(settings.head_rate), settings)
    if settings.head_passes == 0:
        return
    learner.fit(
        batches(draws, first_epoch=HEAD_EPOCH),
        epochs=settings.head_passes,
        steps_per_epoch=settings.steps,
        shuffle=False,
        verbose=verbosity(),
    )


def compile_whole(learner: keras.Model, settings: RunSettings) -> None:
    """Make everything learn that may, with the run's optimiser and losses."""
    fresh = {name for name in fresh_layers(learner, starting_weights(settings)) if not name.startswith(PREFIX)}
    begin = get_network(settings.network).kept
    kept = {layer.name for layer in learner.layers if layer.name.startswith((*begin, *settings.kept))} - fresh
    for layer in learner.layers:
        # Moments that move with every batch are for fresh weights; a pass costs nearly twice as much with them.
        stands = isinstance(layer, keras.layers.BatchNormalization) and not fresh
        layer.trainable = not (layer.name in kept or layer.name.startswith(TEACHER) or stands)
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
    kept: tuple[keras.Model, keras.Model],
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
        KeepBest(*kept, run, _best_so_far(run) if resume else float("inf"), always=settings.keep_last),
        keras.callbacks.CSVLogger(str(run / HISTORY), append=resume),
    ]
    if not settings.keep_last:
        callbacks.append(keras.callbacks.EarlyStopping(WATCHED, mode="min", patience=settings.patience))
    if keras.backend.backend() == "tensorflow":
        callbacks.append(keras.callbacks.TensorBoard(str(run / "tensorboard"), write_graph=False))
    done = _passes_done(run) if resume else 0
    learner.fit(
        batches(draws, first_epoch=done),
        epochs=settings.passes,
        steps_per_epoch=settings.steps,
        shuffle=False,
        callbacks=callbacks,
        verbose=verbosity(),
    )


def batches(draws: Draws, first_epoch: int = 0) -> Any:
    """Endless batches of ``draws`` by the input path of Keras's backend."""
    make = keras_cv_batches if keras.backend.backend() == "tensorflow" else numpy_batches
    geometry = Geometry().weaker(draws.augmentation)
    return make(draws, geometry if draws.mirrored else replace(geometry, flip=0.0), first_epoch)


def _passes_done(run: Path) -> int:
    history = run / HISTORY
    return max(0, len(history.read_text(encoding="utf-8").splitlines()) - 1) if history.exists() else 0


def _best_so_far(run: Path) -> float:
    if not (run / HISTORY).exists():
        return float("inf")
    with (run / HISTORY).open(encoding="utf-8", newline="") as lines:
        return min((float(row[WATCHED]) for row in csv.DictReader(lines)), default=float("inf"))


def verbosity() -> int:
    """Of ``fit``: a bar on a terminal, a line a pass in a log."""
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
