"""What happens to a run or a version after training: scoring, calibration, registration, scoring again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import cv2
import keras
import numpy as np
from pydantic import BaseModel

from services.inference import card as shipped
from services.inference.calibration import probabilities
from services.inference.card import Card
from services.inference.familiarity import Familiarity
from services.inference.figures import Estimate, Evaluation, GateFigures
from services.inference.findings import PublishedFigures
from services.inference.networks import LOGITS, build, set_arrays
from services.inference.outline import PREFIX, shipped_network, with_outline
from services.inference.prediction import ModelRef
from services.inference.repository import ModelRepository
from services.inference.scores import Scores, Texts
from services.tasks import get_task
from services.tasks.task import Task
from training.calibrate import Calibration, calibrate
from training.corpus import TEST_FOLD, CorpusError, Sample, allowed_classes, data_hash, load_images, read_corpora
from training.ensemble import joint_scores
from training.evaluation.estimated import measure_outlines
from training.evaluation.figures import part_figures
from training.evaluation.logits import Answering, Once, logits_of
from training.evaluation.published import published_figures
from training.evaluation.report import evaluate
from training.evaluation.robustness import robustness
from training.evaluation.shortcuts import probe
from training.gate import FEATURES, Features, gate_figures, pooled_features, read_others
from training.register import in_half_precision, register
from training.run import BEST, CALIBRATION, GATE, GATE_FIGURES, OUTLINE, RunError, read_settings, samples_of

FIGURES = "val.json"
TOLERANCE = 0.002
WITH_PICTURES = ("robustness", "shortcuts", "outlines", "gate")


class FinishedRun:
    """A run folder whose training is over, as ``check_finished`` found, with its model and its data at hand."""

    def __init__(self, run: Path, cache: Path | None, *, flips: bool = True) -> None:
        self.run, self.cache, self.flips = run, cache, flips
        self.settings = read_settings(run)
        self.task = get_task(self.settings.task)

    @cached_property
    def samples(self) -> list[Sample]:
        """Val and test samples behind the train ones, as the run saw them."""
        return samples_of(self.settings)

    @cached_property
    def model(self) -> keras.Model:
        """The best weights, rounded to half precision as they ship; with the head for outlines if it was fitted."""
        settings = self.settings
        model = build(settings.network, len(self.task.classes), size=self.task.preparation.size, side=settings.pixels)
        model.load_weights(self.run / BEST)
        model = in_half_precision(model)
        if not (self.run / OUTLINE).exists():
            return model
        model = with_outline(model, self.settings.network)
        with np.load(self.run / OUTLINE, allow_pickle=False) as arrays:
            set_arrays(model, arrays, PREFIX)
        return model

    def calibrate(self) -> Calibration:
        """Temperature and threshold from val, kept in the run's folder with the choice of flips and val's figures."""
        val = [s for s in self.samples if s.part == "val"]
        logits = logits_of(self.model, load_images(val, self.task, self.cache), flips=self.flips)
        allowed = allowed_classes(val, self.task)
        found = calibrate(logits, allowed, self.task.detection_threshold)
        vague = {sample.corpus for sample, row in zip(val, allowed, strict=True) if row.sum() > 1}
        named = [i for i, sample in enumerate(val) if sample.corpus not in vague]
        groups, truth = [val[i].group for i in named], allowed[named].argmax(axis=1)
        shares = probabilities(logits[named], found.temperature)
        figures = part_figures("val", truth, shares, groups, self.task.class_keys, areas=True)
        (self.run / FIGURES).write_text(figures.model_dump_json(indent=1) + "\n", encoding="utf-8")
        stored = json.dumps(asdict(found) | {"flips": self.flips}, indent=2)
        (self.run / CALIBRATION).write_text(stored, encoding="utf-8")
        return found

    def register(self, repository: ModelRepository) -> tuple[ModelRef, Evaluation]:
        """A new version of the model, with figures of val and test."""
        calibration, flips = self.calibrated()
        scores = score(self.model, self.samples, self.task, self.cache, flips=flips)
        evaluation = evaluate(self.task, scores, calibration.temperature, calibration.threshold)
        evaluation = evaluation.model_copy(
            update=_from_pictures(self.model, self.samples, self.task, self.cache, calibration.temperature, flips=flips)
        )
        outline, extras = None, {}
        if (self.run / OUTLINE).exists():
            outline, rows = measure_outlines(self.model, self.samples, self.task, self.cache, flips=flips)
            evaluation = evaluation.model_copy(update={"outlines": rows})
        if (self.run / GATE).exists():
            with np.load(self.run / GATE, allow_pickle=False) as arrays:
                extras[shipped.GATE] = dict(arrays)
            gate = json.loads((self.run / GATE_FIGURES).read_text(encoding="utf-8"))
            evaluation = evaluation.model_copy(update={"gate": tuple(GateFigures(**row) for row in gate)})
        ref = register(
            self.model,
            self.settings,
            self.samples,
            calibration,
            evaluation,
            scores,
            repository,
            flips=flips,
            outline=outline,
            extras=extras,
        )
        return ref, evaluation

    def published(self) -> PublishedFigures:
        """Figures on the published split that the run learnt from."""
        calibration, flips = self.calibrated()
        scores = score(self.model, self.samples, self.task, self.cache, flips=flips)
        network = self.settings.network
        return published_figures(self.task, network, self.samples, scores, calibration.temperature)

    def calibrated(self) -> tuple[Calibration, bool]:
        """What ``calibrate`` found, and whether flips were averaged; RunError where it has not been done."""
        path = self.run / CALIBRATION
        if not path.exists():
            raise RunError(f"{self.run} is not calibrated; run “python -m training calibrate --run {self.run}” first.")
        stored = json.loads(path.read_text(encoding="utf-8"))
        flips = bool(stored.pop("flips"))
        return Calibration(**stored), flips


def score_again(
    repository: ModelRepository,
    ref: ModelRef,
    data: Sequence[Path],
    cache: Path | None,
    *,
    others: Sequence[Path] = (),
    quick: bool = False,
) -> Evaluation:
    """The figures of a registered version, from its shipped weights and the images in ``data``.

    Those of the input gate need the pictures of other kinds in ``others``. Those on pictures made worse or without the
    head take minutes; ``quick`` leaves them out.
    """
    card, task = repository.verify(ref), get_task(ref.task)
    samples = measured_samples(card, data)
    if card.members:
        members = [repository.verify(ModelRef(*name.split("/"))) for name in card.members]
        models = [shipped_network(repository, member) for member in members]
        answers = [
            score(model, samples, task, cache, flips=member.flips)
            for model, member in zip(models, members, strict=True)
        ]
        return evaluate(task, joint_scores(members, answers), card.temperature, card.threshold)
    model = shipped_network(repository, card)
    said = model.output if isinstance(model.output, dict) else {LOGITS: model.output}
    once = Once({**said, FEATURES: pooled_features(model, card.network)}, model)
    scores = score(once, samples, task, cache, flips=card.flips)
    evaluation = evaluate(task, scores, card.temperature, card.threshold)
    found: dict[str, object] = {}
    if not quick:
        found |= _from_pictures(model, samples, task, cache, card.temperature, flips=card.flips)
    if card.outline:
        _, found["outlines"] = measure_outlines(once, samples, task, cache, flips=card.flips, facts=card.outline)
    if shipped.GATE in card.files and others:
        with (repository.folder(ref) / shipped.GATE).open("rb") as file:
            gate = Familiarity.read(file)
        features = Features(once, flips=card.flips)
        found["gate"] = gate_figures(gate, features, read_others(others, task), samples, task, cache)
    return evaluation.model_copy(update=found)


def measured_samples(card: Card, data: Sequence[Path]) -> list[Sample]:
    """The samples in ``data``, in the parts that the version saw; CorpusError where they are not those."""
    settings = card.hyperparameters
    samples = read_corpora(
        data,
        get_task(card.task),
        val_share=float(settings["val_share"]),
        test_fold=str(settings.get("test_fold", TEST_FOLD)),
    )
    if data_hash(samples) != card.data.sha256:
        raise CorpusError(
            f"These folders do not hold the images that {card.ref} was measured on ({', '.join(card.data.corpora)}, in "
            "this order); name the same ones with --data."
        )
    return samples


def _from_pictures(
    model: keras.Model, samples: Sequence[Sample], task: Task, cache: Path | None, temperature: float, *, flips: bool
) -> dict[str, object]:
    return {
        "robustness": robustness(model, samples, task, temperature, flips=flips),
        "shortcuts": probe(model, samples, task, cache, flips=flips),
    }


def differences(shipped: Evaluation, evaluation: Evaluation) -> list[str]:
    """Each of the shipped figures that came out otherwise by more than rounding on another processor explains."""
    there, here = dict(_values(shipped)), dict(_values(evaluation))
    left_out = tuple(name for name in WITH_PICTURES if not getattr(evaluation, name))
    there = {name: value for name, value in there.items() if not name.startswith(left_out)}
    return [
        f"{name}: {value} there, {here.get(name, 'not measured')} here"
        for name, value in there.items()
        if abs(value - here.get(name, float("inf"))) > TOLERANCE
    ]


def _values(figures: object, name: str = "") -> Iterator[tuple[str, float]]:
    """Every estimate below ``figures`` as (where it stands, value)."""
    if isinstance(figures, Estimate):
        yield name, figures.value
    elif isinstance(figures, BaseModel):
        called = f"{name} {_called(figures) or ''}".strip()
        for field in type(figures).model_fields:
            yield from _values(getattr(figures, field), f"{called} {field}".strip())
    elif isinstance(figures, dict):
        for key, value in figures.items():
            yield from _values(value, f"{name} {key}")
    elif isinstance(figures, tuple):
        for index, value in enumerate(figures):
            yield from _values(value, name if _called(value) is not None else f"{name} {index + 1}")


def _called(figures: object) -> str | None:
    """What figures are of, where they say it: more of their kind before them do not change where they stand."""
    return getattr(figures, "name", getattr(figures, "part", None))


def score(model: Answering, samples: Sequence[Sample], task: Task, cache: Path | None, *, flips: bool) -> Scores:
    """What ``model`` answers for the val and the test samples."""
    kept = [s for s in samples if s.part in ("val", "test")]
    logits, sharpness = [], []
    for part in ("val", "test"):
        images = load_images([s for s in kept if s.part == part], task, cache)
        logits.append(logits_of(model, images, flips=flips))
        sharpness += [float(cv2.Laplacian(image, cv2.CV_32F).std()) for image in images]
    # Val and test were read apart, for the cache's sake; the scores stand in the manifests' order.
    order = np.argsort(np.argsort([s.part == "test" for s in kept], kind="stable"), kind="stable")

    def column(name: str) -> Texts:
        return np.array([getattr(s, name) for s in kept])

    return Scores(
        logits=np.concatenate(logits)[order],
        sharpness=np.array(sharpness, np.float32)[order],
        name=np.array([s.path.name for s in kept]),
        corpus=column("corpus"),
        label=column("label"),
        source=column("source"),
        sequence=column("sequence"),
        plane=column("plane"),
        group=column("group"),
        part=column("part"),
    )
