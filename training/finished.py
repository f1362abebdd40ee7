"""What happens to a run after training: calibration and registration."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from services.inference import card as shipped
from services.inference.calibration import probabilities
from services.inference.figures import Evaluation, GateFigures
from services.inference.findings import HeatReport, PublishedFigures
from services.inference.networks import build, set_arrays
from services.inference.outline import PREFIX, with_outline
from services.inference.prediction import ModelRef
from services.inference.repository import ModelRepository
from services.tasks import get_task
from training.calibrate import Calibration, calibrate
from training.corpus import Sample, allowed_classes, load_images
from training.evaluation.estimated import measure_outlines
from training.evaluation.figures import part_figures
from training.evaluation.logits import logits_of
from training.evaluation.published import published_figures
from training.evaluation.report import evaluate
from training.register import in_half_precision, register
from training.run import BEST, CALIBRATION, GATE, GATE_FIGURES, HEAT, OUTLINE, RunError, read_settings, samples_of
from training.scoring import from_pictures, score

FIGURES = "val.json"


class FinishedRun:
    """A run folder whose training is over, as ``check_finished`` found, with its model and its data at hand."""

    def __init__(self, run: Path, cache: Path | None, *, flips: bool = True) -> None:
        self.run, self.cache = run, cache
        self.settings = read_settings(run)
        self.task = get_task(self.settings.task)
        self.flips = flips and self.task.mirrored

    @cached_property
    def samples(self) -> list[Sample]:
        """Val and test samples behind the train ones, as the run saw them."""
        return samples_of(self.settings)

    @cached_property
    def model(self) -> keras.Model:
        """The best weights, rounded to half precision as they ship; with the head for outlines if it was fitted."""
        settings = self.settings
        model = build(
            settings.network,
            len(self.task.classes),
            size=self.task.preparation.size,
            side=settings.pixels,
            places=settings.places,
        )
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
        """A new version, with figures of val and test; its heat map is the one that ``heat --run`` chose on val."""
        calibration, flips = self.calibrated()
        scores = score(self.model, self.samples, self.task, self.cache, flips=flips)
        evaluation = evaluate(self.task, scores, calibration.temperature, calibration.threshold)
        evaluation = evaluation.model_copy(
            update=from_pictures(self.model, flips, self.samples, self.task, self.cache, calibration.temperature)
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
            heat=self.chosen_heat(),
            outline=outline,
            extras=extras,
        )
        return ref, evaluation

    def chosen_heat(self) -> tuple[str, str] | None:
        """Method and layer that ``heat --run`` found best on val; None where it was not run."""
        if not (self.run / HEAT).exists():
            return None
        report = HeatReport.model_validate_json((self.run / HEAT).read_text(encoding="utf-8"))
        return report.chosen_method, report.chosen_layer

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
