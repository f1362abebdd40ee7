"""What happens to a run or a version after training: scoring, calibration, registration, scoring again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from services.inference.card import WEIGHTS, Card, Estimate, PartFigures, PresenceFigures
from services.inference.networks import build, set_arrays
from services.inference.prediction import ModelRef
from services.inference.repository import ModelRepository
from services.tasks import get_task
from training.calibrate import Calibration, calibrate
from training.corpus import CorpusError, Sample, allowed_classes, data_hash, load_images, read_corpora
from training.evaluate import Evaluation, evaluate, logits_of
from training.register import in_half_precision, register
from training.run import BEST, RunError, read_settings

CALIBRATION = "calibration.json"
TOLERANCE = 0.002


class FinishedRun:
    """A run folder whose training is over, as ``check_finished`` found, with its model and its data at hand."""

    def __init__(self, run: Path, cache: Path | None, *, flips: bool = True) -> None:
        self.run, self.cache, self.flips = run, cache, flips
        self.settings = read_settings(run)
        self.task = get_task(self.settings.task)

    @cached_property
    def samples(self) -> list[Sample]:
        """Val and test samples behind the train ones, as the run saw them."""
        folders = [Path(folder) for folder in self.settings.data]
        return read_corpora(folders, self.task, val_share=self.settings.val_share)

    @cached_property
    def model(self) -> keras.Model:
        """The best weights, rounded to half precision as they will ship."""
        model = build(self.settings.network, len(self.task.classes), size=self.task.preparation.size)
        model.load_weights(self.run / BEST)
        return in_half_precision(model)

    def calibrate(self) -> Calibration:
        """Temperature and threshold from val; kept in the run's folder with the choice of flips."""
        val = [s for s in self.samples if s.part == "val"]
        logits = logits_of(self.model, load_images(val, self.task, self.cache), flips=self.flips)
        found = calibrate(logits, allowed_classes(val, self.task))
        stored = json.dumps(asdict(found) | {"flips": self.flips}, indent=2)
        (self.run / CALIBRATION).write_text(stored, encoding="utf-8")
        return found

    def register(self, repository: ModelRepository) -> tuple[ModelRef, Evaluation]:
        """A new version of the model, with figures of val and test."""
        path = self.run / CALIBRATION
        if not path.exists():
            raise RunError(f"{self.run} is not calibrated; run “python -m training calibrate --run {self.run}” first.")
        stored = json.loads(path.read_text(encoding="utf-8"))
        flips = bool(stored.pop("flips"))
        calibration = Calibration(**stored)
        logits = _scored(self.model, self.samples, self.cache, self.settings.task, flips=flips)
        evaluation = evaluate(self.task, self.samples, logits, calibration.temperature, calibration.threshold)
        ref = register(self.model, self.settings, self.samples, calibration, evaluation, repository, flips=flips)
        return ref, evaluation


def score_again(repository: ModelRepository, ref: ModelRef, data: Sequence[Path], cache: Path | None) -> Evaluation:
    """The figures of a registered version, from its shipped weights and the images in ``data``."""
    card, task = repository.verify(ref), get_task(ref.task)
    samples = read_corpora(data, task, val_share=float(card.hyperparameters["val_share"]))
    if data_hash(samples) != card.data.sha256:
        raise CorpusError(
            f"These folders do not hold the images that {ref} was measured on ({', '.join(card.data.corpora)}, in this "
            "order); name the same ones with --data."
        )
    model = build(ref.network, len(card.classes), size=task.preparation.size)
    with np.load(repository.folder(ref) / WEIGHTS, allow_pickle=False) as arrays:
        set_arrays(model, arrays)
    logits = _scored(model, samples, cache, ref.task, flips=card.flips)
    return evaluate(task, samples, logits, card.temperature, card.threshold)


def differences(card: Card, evaluation: Evaluation) -> list[str]:
    """Each of the card's figures that came out otherwise by more than rounding on another processor explains."""
    pairs = [(card.val, evaluation.val), (card.test, evaluation.test)]
    pairs += list(zip(card.breakdown, evaluation.breakdown, strict=True))
    both = list(pairs) + list(zip(card.presence, evaluation.presence, strict=True))
    return [
        f"{old.name} {name}: {was.value} there, {now.value} here"
        for old, new in both
        for (name, was), (_, now) in zip(_estimates(old), _estimates(new), strict=True)
        if abs(was.value - now.value) > TOLERANCE
    ]


def _estimates(figures: PartFigures | PresenceFigures) -> Iterator[tuple[str, Estimate]]:
    for name in type(figures).model_fields:
        value = getattr(figures, name)
        if isinstance(value, Estimate):
            yield name, value
        elif name == "classes":
            for key, one in value.items():
                yield from ((f"{key} {part}", getattr(one, part)) for part in ("precision", "recall", "f1"))


def _scored(
    model: keras.Model, samples: Sequence[Sample], cache: Path | None, task_key: str, *, flips: bool
) -> NDArray[np.float32]:
    """Logits for every sample; those of the train part, which nothing looks at, stay 0."""
    task = get_task(task_key)
    logits = np.zeros((len(samples), len(task.classes)), np.float32)
    for part in ("val", "test"):
        chosen = [i for i, s in enumerate(samples) if s.part == part]
        logits[chosen] = logits_of(model, load_images([samples[i] for i in chosen], task, cache), flips=flips)
    return logits
