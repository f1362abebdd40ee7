"""A model's card as the evidence that a report prints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from services.inference.calibration import probabilities
from services.inference.card import Card
from services.inference.figures import Estimate
from services.inference.prediction import Prediction
from services.inference.repository import ModelRepository
from services.reports.content import Figure, ModelEvidence
from services.tasks import get_task
from services.tasks.task import Task


def evidence_of(repository: ModelRepository, prediction: Prediction) -> ModelEvidence:
    """How the version that answered did on its test part, and on what it learnt; raises ModelNotFound or ModelDamaged.

    Where a class is answered from a threshold on, the figures are those at the one that held for this answer, without
    intervals if it is not the card's own.
    """
    ref, threshold = prediction.model, prediction.threshold
    card, task = repository.card(ref), get_task(ref.task)
    image = task.image
    train = card.data.counts.get("train", {})
    evidence = ModelEvidence(
        model=card.ref,
        title=card.network_title,
        trained_on=(
            f"{sum(train.values()):,} {image}s of {card.data.groups.get('train', 0):,} patients or groups of "
            f"look-alikes (sources: {', '.join(card.data.sources)})."
        ),
        tested_on=(
            f"{card.test.images:,} {image}s of {card.test.groups:,} other patients or groups of look-alikes, whom it "
            "never saw."
        ),
        accuracy=_figure(card.test.accuracy),
        precision=_figure(card.test.precision),
        recall=_figure(card.test.recall),
        macro_f1=_figure(card.test.macro_f1),
        calibration_error=_figure(card.test.calibration_error),
        classes=card.classes,
        confusion=card.test.confusion,
        experimental=repository.may_be_chance(ref),
        over_folds=_over_folds(repository, task, ref.network),
    )
    if task.detects is None or threshold == card.threshold:
        return evidence
    return _at(evidence, _confusion_at(repository, card, task, threshold), threshold)


def _over_folds(repository: ModelRepository, task: Task, network: str) -> str:
    """What cross-validation says of a network that detects a class: more patients than one fold has."""
    recipe = next((one for one in repository.findings(task.key).crossval if one.network == network), None)
    if recipe is None or task.detects is None:
        return ""
    (_, wrong), (missed, found) = recipe.pooled.confusion
    areas = [
        f"{row.auc.value:.3f} ({row.auc.low:.3f} to {row.auc.high:.3f}) {row.name}"
        for row in recipe.patients
        if row.auc is not None
    ]
    told = f" The area under the ROC curve is {' and '.join(areas)}; 0.5 is chance." if areas else ""
    return (
        f"Over the patient folds of its recipe, with {recipe.pooled.images:,} {task.image}s, {found:,} of "
        f"{found + wrong:,} answers “{task.detects.name}” are right, and {found:,} of the {found + missed:,} "
        f"{task.image}s that show it are found.{told}"
    )


def _confusion_at(repository: ModelRepository, card: Card, task: Task, threshold: float) -> np.ndarray:
    """(2, 2) counts of the test images by truth and answer, where the second class is answered from there on."""
    scores = repository.scores(card.ref)
    test = scores.part == "test"
    truth = np.array([task.class_keys.index(task.labels[label][0]) for label in scores.label[test]])
    said = (probabilities(scores.logits[test], card.temperature)[:, 1] >= threshold).astype(int)
    counts = np.zeros((2, 2), int)
    np.add.at(counts, (truth, said), 1)
    return counts


def _at(evidence: ModelEvidence, counts: np.ndarray, threshold: float) -> ModelEvidence:
    right = np.diag(counts)
    precision, recall = right / np.maximum(counts.sum(axis=0), 1), right / np.maximum(counts.sum(axis=1), 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return replace(
        evidence,
        tested_on=f"{evidence.tested_on} Figures at the threshold of {100 * threshold:.3g}% that held for this answer.",
        accuracy=Figure(float(right.sum() / counts.sum())),
        precision=Figure(float(precision.mean())),
        recall=Figure(float(recall.mean())),
        macro_f1=Figure(float(f1.mean())),
        confusion=tuple(tuple(int(count) for count in row) for row in counts),
    )


def _figure(estimate: Estimate) -> Figure:
    return Figure(estimate.value, estimate.low, estimate.high)
