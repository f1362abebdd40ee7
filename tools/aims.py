"""What was aimed at and what was reached, from the files of the versions that serve, for docs/experiments.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from services.inference.figures import Estimate, Evaluation
from services.inference.findings import CrossvalFigures
from services.inference.prediction import ModelRef
from services.inference.repository import ModelRepository
from services.settings import ROOT
from services.tasks import get_task
from tools.figures import table

TYPE, PRESENCE, BREAST = "brain_tumor_type", "brain_tumor_presence", "breast_cancer"
MACRO_F1 = {"efficientnet": 0.96, "resnet50": 0.96, "vgg16": 0.95, "ensemble": 0.98}
FLAIR, T1C = "brain_presence: lgg FLAIR", "brain_presence: lgg T1c"
BR35H = "brain_presence: br35h mixed against healthy slices of the other corpora"
FOLD_5, OASIS = "brain_mri: tumour against none", "brain_presence: oasis T1"
# Part of test → the area asked of every network of the tumour types, and of the best of them.
AREAS = {FLAIR: (0.97, 0.99), T1C: (0.93, 0.96), BR35H: (0.96, 0.985)}
OWN_AREAS = {FOLD_5: 0.99, BR35H: 0.985, FLAIR: 0.99, T1C: 0.96}
NAMES = {FLAIR: "FLAIR", T1C: "T1c", BR35H: "Br35H", FOLD_5: "fold 5"}


@dataclass(frozen=True)
class Aim:
    """One figure that was asked for; ``reached`` has no interval where none was measured."""

    what: str
    of: str
    asked: float
    reached: Estimate | float
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure itself, not its interval, is as asked."""
        value = self.reached.value if isinstance(self.reached, Estimate) else self.reached
        return value <= self.asked if self.at_most else value >= self.asked

    @property
    def row(self) -> tuple[str, ...]:
        """The cells of the table."""
        # Four places, since some are missed by less than three show.
        reached = f"{self.reached.value:.4f}" if isinstance(self.reached, Estimate) else f"{self.reached:.4f}"
        if isinstance(self.reached, Estimate):
            reached += f" ({self.reached.low:.3f} to {self.reached.high:.3f})"
        sign = "≤" if self.at_most else "≥"
        return self.what, self.of, f"{sign} {self.asked:g}", reached, "yes" if self.met else "**no**"


def aims_table() -> list[str]:
    """Every aim, in the order of the tasks."""
    return table(("aim, on test unless said", "of", "asked", "reached", "met"), [aim.row for aim in aims()])


def aims() -> list[Aim]:
    """Every figure that was asked for of the versions that serve."""
    repository = ModelRepository(ROOT / "saved_models")
    return [*_of_types(repository), *_of_presence(repository), *_of_films(repository)]


def _serving(repository: ModelRepository, task: str) -> dict[str, tuple[str, Evaluation]]:
    """Name and figures of what serves the task, by network."""
    refs = [ModelRef(task, network, version) for network, version in repository.live()[task].versions.items()]
    return {
        ref.network: (f"{repository.card(ref).network_title} {ref.version}", repository.evaluation(ref))
        for ref in sorted(refs, key=str)
    }


def _of_types(repository: ModelRepository) -> Iterator[Aim]:
    serving = _serving(repository, TYPE)
    for network, (name, figures) in serving.items():
        yield Aim("macro-F1", name, MACRO_F1[network], figures.test.macro_f1)
        yield Aim("calibration error", name, 0.02, figures.test.calibration_error, at_most=True)
        found = {row.name: row for row in figures.presence}
        for part, (asked, _) in AREAS.items():
            if (area := found[part].auc) is not None:
                yield Aim(f"AUC of tumour against none, {NAMES[part]}", name, asked, area)
        if (spared := found[OASIS].specificity) is not None:
            yield Aim("OASIS brains that are called none", name, 1, spared)
        yield from _gate(name, figures)
    for part, (_, asked) in AREAS.items():
        name, area = _best({name: _area(figures, part) for name, figures in serving.values()})
        yield Aim(f"AUC of tumour against none, {NAMES[part]}, the best", name, asked, area)
    findings = repository.findings(TYPE)
    pointed = {
        f"{report.model}, {row.method}": row.pointing
        for report in findings.heat
        for row in report.test
        if row.part == "brain_mri test"
    }
    name, pointing = _best(pointed)
    yield Aim("hottest point inside Cheng's outlines, the best", name, 0.9, pointing)
    dice = {name: row.dice for name, e in serving.values() for row in e.outlines if row.part == "brain_mri test"}
    name, overlap = _best(dice)
    yield Aim("Dice of the estimated outline, fold 5, the best", name, 0.75, overlap)
    for recipe in findings.crossval:
        yield Aim("macro-F1 over the patient folds", recipe.recipe, 0.96, recipe.pooled.macro_f1)
        yield Aim("accuracy of the tumours' classes over the folds", recipe.recipe, 0.98, _right_of_tumours(recipe))


def _gate(name: str, figures: Evaluation) -> Iterator[Aim]:
    for row in figures.gate:
        if row.part == "not_mri test":
            yield Aim("other pictures that the input gate refuses", name, 0.99, row.refused)
        elif row.belongs and row.part.endswith(" test"):
            yield Aim(f"of {row.part} wrongly refused", name, 0.01, row.refused, at_most=True)


def _of_presence(repository: ModelRepository) -> Iterator[Aim]:
    for name, figures in _serving(repository, PRESENCE).values():
        found = {row.name: row for row in figures.presence}
        for part, asked in OWN_AREAS.items():
            area, sensitivity = found[part].auc, found[part].sensitivity
            if area is not None and sensitivity is not None:
                yield Aim(f"tumour or none: AUC, {NAMES[part]}", name, asked, area)
                yield Aim(f"tumour or none: sensitivity, {NAMES[part]}", name, 0.95, sensitivity)
        yield from _gate(name, figures)


def _of_films(repository: ModelRepository) -> Iterator[Aim]:
    areas = {
        f"{recipe.recipe}, {row.name}": row.auc
        for recipe in repository.findings(BREAST).crossval
        for row in recipe.patients
        if row.auc is not None
    }
    name, area = _best(areas)
    yield Aim("mammograms: AUC over the patient folds, the better", name, 0.75, area)


def _area(figures: Evaluation, part: str) -> Estimate:
    return next(row.auc for row in figures.presence if row.name == part and row.auc is not None)


def _best(found: dict[str, Estimate]) -> tuple[str, Estimate]:
    return max(found.items(), key=lambda item: item[1].value)


def _right_of_tumours(recipe: CrossvalFigures) -> float:
    """The share of the images that show a tumour which are called by its class."""
    positive = [info.positive for info in get_task(TYPE).classes]
    rows = np.array(recipe.pooled.confusion)[positive]
    return float(rows[:, positive].trace() / rows.sum())
