"""What a report says of the shipped models that answered."""

from __future__ import annotations

import pytest

from services.inference.prediction import ModelRef, Prediction, Verdict
from services.inference.repository import ModelRepository
from services.reports.evidence import evidence_of
from services.settings import ROOT
from services.tasks import TASKS, get_task

REPOSITORY = ModelRepository(ROOT / "saved_models")
DETECTING = [
    ModelRef(key, *pair)
    for key, serving in REPOSITORY.live().items()
    if TASKS[key].detects
    for pair in serving.versions.items()
]


def answered(ref: ModelRef, threshold: float) -> Prediction:
    classes = get_task(ref.task).class_keys
    shares = (0.3,) * len(classes)
    return Prediction(ref, classes, shares, classes[-1], 0.3, threshold, Verdict.ANSWERED, 1.0)


@pytest.mark.parametrize("ref", DETECTING, ids=str)
def test_figures_are_those_at_the_threshold_that_held(ref):
    card = REPOSITORY.card(ref)
    own = evidence_of(REPOSITORY, answered(ref, card.threshold))
    assert own.confusion == card.test.confusion
    assert own.accuracy.low is not None
    # The same count from the scores: the next number after the card's threshold cuts alike.
    same = evidence_of(REPOSITORY, answered(ref, card.threshold + 1e-9))
    assert same.confusion == card.test.confusion
    assert same.accuracy.value == pytest.approx(card.test.accuracy.value, abs=1e-4)
    assert same.macro_f1.value == pytest.approx(card.test.macro_f1.value, abs=1e-4)
    assert same.accuracy.low is None
    lower = evidence_of(REPOSITORY, answered(ref, 0.05))
    assert sum(map(sum, lower.confusion)) == card.test.images
    assert sum(row[1] for row in lower.confusion) > sum(row[1] for row in card.test.confusion)
    assert "5%" in lower.tested_on


def test_what_the_folds_found_stands_beside_a_fold_that_flatters():
    ref = REPOSITORY.live_ref("breast_cancer")
    recipe = next(one for one in REPOSITORY.findings(ref.task).crossval if one.network == ref.network)
    (_, wrong), (_, found) = recipe.pooled.confusion
    told = evidence_of(REPOSITORY, answered(ref, 0.5)).over_folds
    assert f"{found} of {found + wrong} answers “cancer” are right" in told
    assert f"{recipe.patients[0].auc.value:.3f}" in told
    assert "0.5 is chance" in told


def test_nothing_is_said_of_folds_where_no_class_is_detected():
    ref = REPOSITORY.live_ref("brain_tumor_type")
    assert evidence_of(REPOSITORY, answered(ref, 0.9)).over_folds == ""
