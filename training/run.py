"""What a training run was told to do, and the files of its folder; known without TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from services.errors import FalxError, ModelNotFound
from services.inference.networks import get_network
from services.tasks import get_task
from services.tasks.task import Task
from training.corpus import TEST_FOLD, CorpusError, Sample, read_corpora

BEST, HEAD, SETTINGS, HISTORY = "best.weights.h5", "head.weights.h5", "run.json", "history.csv"
TRAINED, OUTLINE, GATE = "trained.weights.h5", "outline.npz", "gate.npz"
GATE_FIGURES, CALIBRATION, HEAT = "gate.json", "calibration.json", "heat.json"
STRIDE = 32


class RunError(FalxError):
    """A run's folder lacks what a command needs, or says something else than the command."""


@dataclass(frozen=True)
class RunSettings:
    """Everything that decides a run's outcome; written into its folder and onto the model's card.

    ``passes`` of ``draws`` images each; ``rate`` is AdamW's peak learning rate after ``warm_up`` passes, then cosine to
    0; ``patience`` passes without a lower val loss end the run; ``val_share`` of the val groups are kept for validation
    and calibration, the rest joins the training part; ``outline_weight`` is the weight of the lesson where
    the tumour lies beside that of the class, which has 1; ``augmentation`` 0..1 is the strength of the
    changes of style and place, less than 1 in a last run that refines (He et al., "Data Augmentation Revisited", 2019);
    ``mixup`` is the alpha by which pictures are blended, 0 for not at all; ``ema`` is the momentum of the averaged
    weights that are kept: those of the lowest val loss, or with ``keep_last`` those of the last pass. ``averaged``
    names the runs whose weights were averaged, ``adopted`` the registered version whose weights these are;
    ``test_fold`` is the fold that nothing is learnt from or chosen by.
    ``teachers`` are the folders of finished runs whose mean answer to the same changed pictures takes ``teaching`` of
    the lesson's weight; one of another task speaks of its classes as this task's labels do. ``pixels`` is the side of
    the slices it learns from, 0 for the task's own: most of a run costs half at 160 with EfficientNet, and a shorter
    one may go on from it at full size (Touvron et al., "Fixing the train-test resolution discrepancy", NeurIPS 2019).
    Where none does, the network reduces slices to that side when it answers, too. With ``places`` the network answers
    from its likeliest place, and its places learn the outlines; its last layer is solved rather than stepped where
    ``head_passes`` is not 0. Without ``passes`` nothing else learns.
    ``kept`` begins the names of further layers that stay as the starting weights have them.
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
    weight_decay: float = 0.02
    smoothing: float = 0.03
    outline_weight: float = 0.5
    augmentation: float = 1.0
    mixup: float = 0.0
    dropout: float = 0.3
    ema: float = 0.99
    patience: int = 6
    val_share: float = 0.4
    seed: int = 1
    mixed_precision: bool = False
    keep_last: bool = False
    averaged: tuple[str, ...] = ()
    adopted: str = ""
    test_fold: str = TEST_FOLD
    teachers: tuple[str, ...] = ()
    teaching: float = 0.7
    pixels: int = 0
    places: bool = False
    kept: tuple[str, ...] = ()

    @property
    def steps(self) -> int:
        """Optimiser steps a pass."""
        return max(1, self.draws // self.batch)


def read_settings(run: Path) -> RunSettings:
    """The settings of an existing run folder; raises RunError where it holds none that read."""
    path = run / SETTINGS
    if not path.exists():
        raise RunError(f"{run} holds no {SETTINGS}, so it is no run; train first, or name the run's folder with --run.")
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        listed = {key: tuple(value) for key, value in stored.items() if isinstance(value, list)}
        return RunSettings(**(stored | listed))
    except (ValueError, TypeError, KeyError) as error:
        raise RunError(f"{path} does not read ({error}); restore it, or train again.") from error


def samples_of(settings: RunSettings) -> list[Sample]:
    """Every sample of the run's corpora, in their order, in the parts that the run saw."""
    folders = [Path(folder) for folder in settings.data]
    return read_corpora(folders, get_task(settings.task), val_share=settings.val_share, test_fold=settings.test_fold)


def resumed(run: Path, asked: RunSettings, given: Collection[str]) -> RunSettings:
    """The settings of the run that is to go on; raises RunError where ``asked`` differs in a ``given`` field."""
    stored = read_settings(run)
    for field in sorted(given):
        here, there = _shown(getattr(stored, field)), _shown(getattr(asked, field))
        if here != there:
            raise RunError(
                f"The run in {run} has {field.replace('_', ' ')} {here}, and {there} was asked for. A run goes on with "
                "its own settings: leave the option out, or train into another folder."
            )
    return stored


def _shown(value: Any) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def check_start(settings: RunSettings) -> None:
    """Raise the sentence for whatever keeps the run from starting: task, network, starting weights or data."""
    get_task(settings.task)
    get_network(settings.network)
    weights = Path(settings.weights)
    if weights.is_dir():
        if not (weights / BEST).exists():
            raise RunError(
                f"{weights} holds no {BEST}; name the folder of a run whose training is over with --weights."
            )
        earlier = read_settings(weights)
        if earlier.network != settings.network:
            raise RunError(
                f"The run in {weights} trained {earlier.network}, which {settings.network} cannot go on from; name "
                "another with --weights."
            )
    if settings.pixels % STRIDE:
        raise RunError(f"{settings.pixels} pixels do not halve five times; give --pixels a multiple of {STRIDE}.")
    if settings.places and len(get_task(settings.task).classes) > 2:
        raise RunError(f"Places are for a task that detects one class, which {settings.task} is not; omit --places.")
    for teacher in map(Path, settings.teachers):
        check_finished(teacher)
        groups_between(get_task(read_settings(teacher).task), get_task(settings.task))
    if settings.weights not in ("imagenet", "none") and not weights.exists():
        raise ModelNotFound(f"The starting weights {weights} are not there. Give a file, “imagenet” or “none”.")
    parts = {sample.part for sample in samples_of(settings)}
    if missing := {"train", "val"} - parts:
        raise CorpusError(f"The folders hold no image of the part {' or '.join(sorted(missing))}; add one with --data.")


def check_finished(run: Path) -> None:
    """Raise RunError where the folder holds no trained weights."""
    if not (run / BEST).exists():
        raise RunError(f"{run} holds no {BEST}; train first with “python -m training train --run {run}”.")


def groups_between(teacher: Task, task: Task) -> list[list[int]] | None:
    """For each class of ``task`` the places of the ``teacher``'s classes that it holds; None where both are one task.

    Raises RunError where the task's labels do not put each of the teacher's classes into exactly one of its own, or a
    class of its own holds none of them.
    """
    if teacher.key == task.key:
        return None
    allowed = [task.labels.get(key, ()) for key in teacher.class_keys]
    groups = [[place for place, keys in enumerate(allowed) if keys == (key,)] for key in task.class_keys]
    if sum(map(len, groups)) < len(allowed) or not all(groups):
        raise RunError(
            f"A run of {teacher.key} cannot teach {task.key}, whose labels do not put each of its classes into one. "
            "Name a run of the same task, or of one whose classes are its labels, with --teacher."
        )
    return groups


def averaged_settings(runs: Sequence[Path]) -> RunSettings:
    """What the average of ``runs`` is: the last run's settings, with the val groups that none of them learnt from.

    Raises RunError where there are fewer than two, one is not finished, or they differ in task, network or data.
    """
    if len(runs) < 2:
        raise RunError("An average needs at least two runs; name each with --of.")
    for run in runs:
        check_finished(run)
    all_settings = [read_settings(run) for run in runs]
    if len({(s.task, s.network, s.data, s.test_fold, s.places) for s in all_settings}) > 1:
        raise RunError(
            "Runs of different tasks, networks, data or folds, or with and without places, have no average; name runs "
            "that agree in these."
        )
    # The groups kept at a smaller share are among those kept at a larger one.
    least = min(s.val_share for s in all_settings)
    # At the largest side that one of them learnt from; 0 is the task's own, which is larger than any.
    sides = [s.pixels for s in all_settings]
    pixels = 0 if 0 in sides else max(sides)
    return replace(all_settings[-1], val_share=least, pixels=pixels, averaged=tuple(str(run) for run in runs))


def starting_weights(settings: RunSettings) -> str:
    """The file, "imagenet" or "none" that the run began with, also where it went on from other runs."""
    while Path(settings.weights).is_dir():
        settings = read_settings(Path(settings.weights))
    return settings.weights


def recipe_of(run: Path) -> RunSettings:
    """The settings of a finished run as any fold can use them: from the starting weights, in one go.

    Teachers have seen the other folds' test images, so they go. Raises RunError where the run is a mean of runs or a
    version, which have seen them too.
    """
    settings = read_settings(run)
    if settings.averaged or settings.adopted:
        raise RunError(f"{run} is a mean of runs or a version, which no fold can repeat; name another with --like.")
    return replace(settings, weights=starting_weights(settings), teachers=())
