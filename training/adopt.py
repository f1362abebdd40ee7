"""A registered version as a run again: others go on from it, are taught by it, or are averaged with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from services.inference.card import WEIGHTS, Card
from services.inference.networks import build, set_arrays
from services.inference.prediction import ModelRef
from services.inference.repository import ModelRepository
from training.run import BEST, OUTLINE, SETTINGS, RunError, RunSettings
from training.scoring import measured_samples


def adopt(repository: ModelRepository, ref: ModelRef, data: Sequence[Path], run: Path, *, weights: str = "") -> Path:
    """Write the version into the folder ``run``, rounded to half precision as it ships; returns its weights' file.

    ``data`` are the folders that it learnt from, ``weights`` is the file that it began with, needed where the network
    is trained otherwise in the layers that the file lacks. Raises RunError where ``run`` holds a run or the version is
    an ensemble, CorpusError where the folders hold other images, ModelDamaged where a file was changed.
    """
    if (run / SETTINGS).exists():
        raise RunError(f"{run} holds a run already; name another folder with --run.")
    card = repository.verify(ref)
    if card.members:
        raise RunError(f"{ref} has no weights of its own; adopt one of its members, {', '.join(card.members)}.")
    measured_samples(card, data)
    model = build(card.network, len(card.classes), size=card.preparation["size"])
    with np.load(repository.folder(ref) / WEIGHTS, allow_pickle=False) as arrays:
        set_arrays(model, arrays)
    run.mkdir(parents=True, exist_ok=True)
    model.save_weights(run / BEST)
    if OUTLINE in card.files:
        shutil.copyfile(repository.folder(ref) / OUTLINE, run / OUTLINE)
    settings = adopted_settings(card, data, weights)
    (run / SETTINGS).write_text(json.dumps(asdict(settings), indent=2), encoding="utf-8")
    return run / BEST


def adopted_settings(card: Card, data: Sequence[Path], weights: str) -> RunSettings:
    """The settings that the card gives, for ``data`` as it lies here; runs that came before it have no folder here."""
    known = {field.name for field in fields(RunSettings)}
    given: dict[str, Any] = {key: value for key, value in card.hyperparameters.items() if key in known}
    given |= {
        "data": tuple(str(folder.resolve()) for folder in data),
        "weights": weights or _beginning(card.hyperparameters),
        "averaged": (),
        "teachers": (),
        "adopted": str(card.ref),
    }
    return RunSettings(**given)


def _beginning(hyperparameters: dict[str, Any]) -> str:
    while isinstance(hyperparameters["weights"], dict):
        hyperparameters = hyperparameters["weights"]
    return str(hyperparameters["weights"])
