"""Every figure against a case worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from services.inference.calibration import probabilities
from training.calibrate import calibrate, choose_threshold, fit_temperature
from training.evaluation.figures import (
    expected_calibration_error,
    multiplicities,
    part_figures,
    pr_auc,
    presence_figures,
    reliability_curve,
    roc_auc,
    sensitivity_at,
)

CLASSES = ("a", "b", "c")


def shares_for(answers: list[int], confidence: float = 0.8) -> np.ndarray:
    shares = np.full((len(answers), 3), (1 - confidence) / 2)
    shares[np.arange(len(answers)), answers] = confidence
    return shares


def test_part_figures_by_hand():
    truth = np.array([0, 0, 0, 1, 1, 2])
    answer = [0, 0, 1, 1, 1, 0]
    figures = part_figures("x", truth, shares_for(answer), list("pqrstu"), CLASSES)
    assert figures.confusion == ((2, 1, 0), (0, 2, 0), (1, 0, 0))
    assert figures.accuracy.value == pytest.approx(4 / 6, abs=1e-4)
    assert figures.classes["a"].precision.value == pytest.approx(2 / 3, abs=1e-4)
    assert figures.classes["a"].recall.value == pytest.approx(2 / 3, abs=1e-4)
    assert figures.classes["b"].f1.value == pytest.approx(0.8, abs=1e-4)
    assert figures.classes["c"].recall.value == 0
    assert figures.macro_f1.value == pytest.approx((2 / 3 + 0.8 + 0) / 3, abs=1e-4)
    assert figures.calibration_error.value == pytest.approx(0.8 - 4 / 6, abs=1e-4)
    assert (figures.images, figures.groups) == (6, 6)
    for figure in (figures.accuracy, figures.macro_f1, figures.precision, figures.recall):
        assert figure.low <= figure.value <= figure.high


def test_specificity_and_brier_by_hand():
    truth, answer = np.array([0, 0, 0, 1, 1, 2]), [0, 0, 1, 1, 1, 0]
    figures = part_figures("x", truth, shares_for(answer), list("pqrstu"), CLASSES)
    # One of the three that are no a is called a, one of the four that are no b is called b, nothing is called c.
    specificities = [figures.classes[key].specificity for key in CLASSES]
    assert [found.value for found in specificities if found] == [pytest.approx(2 / 3, abs=1e-4), 0.75, 1.0]
    right, wrong = 0.2**2 + 2 * 0.1**2, 0.8**2 + 0.9**2 + 0.1**2
    assert figures.brier is not None
    assert figures.brier.value == pytest.approx((4 * right + 2 * wrong) / 6, abs=1e-4)
    assert figures.classes["a"].roc_auc is None


def test_areas_of_a_class_by_hand():
    truth = np.array([0, 1, 0, 1, 0])
    first = np.array([0.9, 0.7, 0.5, 0.3, 0.1])
    shares = np.stack([first, 1 - first, np.zeros(5)], axis=1)
    areas = part_figures("x", truth, shares, list("pqrst"), CLASSES, areas=True).classes["a"]
    assert areas.roc_auc is not None
    assert areas.pr_auc is not None
    # Of the six pairs of an a and another, 0.9 beats two, 0.5 beats one, 0.1 beats none.
    assert areas.roc_auc.value == pytest.approx(3 / 6, abs=1e-4)
    # Precision where each a is reached: 1 of 1, 2 of 3, 3 of 5.
    assert areas.pr_auc.value == pytest.approx((1 + 2 / 3 + 3 / 5) / 3, abs=1e-4)


def test_a_class_without_images_counts_for_nothing():
    figures = part_figures("x", np.array([0, 1, 0, 1]), shares_for([0, 1, 0, 1]), list("pqrs"), CLASSES)
    assert figures.macro_f1.value == 1
    assert set(figures.classes) == {"a", "b"}


def test_intervals_resample_groups_not_images():
    truth, answer = np.zeros(200, int), [0] * 100 + [1] * 100
    truth[100:] = 2
    one_by_one = part_figures("x", truth, shares_for(answer), [str(i) for i in range(200)], CLASSES)
    two_heads = part_figures("x", truth, shares_for(answer), ["p"] * 100 + ["q"] * 100, CLASSES)
    width = one_by_one.accuracy.high - one_by_one.accuracy.low
    assert width < 0.2
    assert (two_heads.accuracy.low, two_heads.accuracy.high) == (0.0, 1.0)


def test_resamples_draw_as_many_groups_as_there_are():
    drawn, index = multiplicities(["p", "q", "p", "r"])
    assert (drawn.sum(axis=1) == 3).all()
    assert index.tolist() == [0, 1, 0, 2]


def test_calibration_error_by_hand():
    confidence, correct = np.array([0.95, 0.95, 0.55, 0.55]), np.array([1.0, 1.0, 1.0, 0.0])
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.5 * 0.05 + 0.5 * 0.05)
    assert reliability_curve(confidence, correct) == [
        {"confidence": 0.55, "right": 0.5, "images": 2},
        {"confidence": 0.95, "right": 1.0, "images": 2},
    ]


def test_presence_figures_by_hand():
    tumour = np.array([True, True, True, False, False])
    score = np.array([0.9, 0.6, 0.3, 0.4, 0.1])
    figures = presence_figures("x", tumour, score, list("pqrst"))
    assert figures.auc is not None
    assert figures.auc.value == pytest.approx(5 / 6, abs=1e-4)
    assert figures.sensitivity is not None
    assert figures.sensitivity.value == pytest.approx(2 / 3, abs=1e-4)
    assert figures.specificity is not None
    assert figures.specificity.value == 1
    assert figures.pr_auc is not None
    # Precision where each tumour is reached: 1 of 1, 2 of 2, 3 of 4.
    assert figures.pr_auc.value == pytest.approx((1 + 1 + 3 / 4) / 3, abs=1e-4)
    assert figures.sensitivity_at_95 is not None
    # Above the healthy 0.4 lie two of the three tumours.
    assert figures.sensitivity_at_95.value == pytest.approx(2 / 3, abs=1e-4)
    healthy = presence_figures("x", np.array([False, False]), np.array([0.2, 0.7]), ["p", "q"])
    assert (healthy.auc, healthy.sensitivity) == (None, None)
    assert healthy.specificity is not None
    assert healthy.specificity.value == 0.5


def test_sensitivity_at_a_specificity_counts_weights():
    tumour = np.array([False] * 20 + [True] * 4)
    score = np.array([0.01 * i for i in range(19)] + [0.8] + [0.9, 0.7, 0.5, 0.1])
    weights = np.ones((2, 24))
    weights[1, 19] = 2
    # One false alarm in twenty is allowed, so the cut may fall to just above 0.18; counted twice, it is one too many.
    assert sensitivity_at(tumour, score, weights).tolist() == [3 / 4, 1 / 4]


def test_areas_of_weighted_images_are_scikit_learns():
    rng = np.random.default_rng(8)
    truth = rng.random(90) < 0.3
    score = np.round(rng.random(90) + 0.3 * truth, 1)
    weights = rng.integers(0, 4, (20, 90)).astype(float)
    theirs = [
        (roc_auc_score(truth, score, sample_weight=row), average_precision_score(truth, score, sample_weight=row))
        for row in weights
    ]
    ours = np.stack([roc_auc(truth, score, weights), pr_auc(truth, score, weights)], axis=1)
    assert ours == pytest.approx(np.array(theirs), abs=1e-9)


def test_temperature_undoes_overconfidence():
    rng = np.random.default_rng(3)
    true_logits = rng.normal(0, 2, (4000, 3))
    labels = np.array([rng.choice(3, p=row) for row in probabilities(true_logits.astype(np.float32))])
    found = calibrate((true_logits * 3).astype(np.float32), np.eye(3, dtype=np.float32)[labels])
    assert found.temperature == pytest.approx(3, rel=0.1)


def test_the_fitted_loss_does_not_depend_on_the_scale_of_the_logits():
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 2, (300, 3)).astype(np.float32)
    allowed = np.eye(3, dtype=np.float32)[[rng.choice(3, p=row) for row in probabilities(logits)]]
    temperature, loss = fit_temperature(logits, allowed)
    sharper, same = fit_temperature(logits * 2, allowed)
    assert sharper == pytest.approx(2 * temperature, rel=1e-2)
    assert same == pytest.approx(loss, rel=1e-4)
    by_hand = -np.log((probabilities(logits, temperature) * allowed).sum(axis=1)).mean()
    assert loss == pytest.approx(by_hand)


def test_threshold_is_the_lowest_that_reaches_the_target():
    confidence = np.linspace(0.51, 0.999, 1000)
    shares = np.stack([confidence, 1 - confidence], axis=1)
    right = confidence > 0.8
    allowed = np.stack([right, ~right], axis=1).astype(np.float32)
    threshold, reason = choose_threshold(shares, allowed)
    answered = confidence >= threshold
    assert right[answered].mean() >= 0.99
    assert right[confidence >= threshold - 0.01].mean() < 0.99
    assert "val" in reason


def test_threshold_never_lets_an_even_guess_through():
    shares = np.array([[0.45, 0.3, 0.25]] * 10)
    threshold, _ = choose_threshold(shares, np.tile([1.0, 0.0, 0.0], (10, 1)).astype(np.float32))
    assert threshold == 0.5


def test_probabilities_of_extreme_and_scaled_logits():
    shares = probabilities(np.array([[1000.0, 0.0, -1000.0]], np.float32))
    assert shares.tolist() == [[1.0, 0.0, 0.0]]
    assert probabilities(np.array([2.0, 0.0], np.float32), 2.0)[0] == pytest.approx(np.e / (1 + np.e))
