"""Evaluation of known answers: who is scored with whom, curves, cuts and mistakes, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.inference.scores import Scores, joined
from services.tasks import get_task
from training.evaluation.report import evaluate

TASK = get_task("brain_tumor_type")
KEYS = TASK.class_keys
# corpus, source, sequence, plane, label, part, answer, confidence
ROWS = [
    ("named", "a", "T1", "axial", "glioma", "test", "glioma", 0.9),
    ("named", "a", "T1", "axial", "meningioma", "test", "glioma", 0.8),
    ("named", "a", "T1", "sagittal", "pituitary", "test", "pituitary", 0.7),
    ("named", "b", "T1", "", "notumor", "test", "notumor", 0.95),
    ("named", "b", "T1", "", "notumor", "test", "meningioma", 0.6),
    ("named", "a", "T1", "axial", "glioma", "val", "meningioma", 0.9),
    ("vague", "c", "FLAIR", "", "tumor", "test", "glioma", 0.9),
    ("vague", "c", "FLAIR", "", "notumor", "test", "notumor", 0.9),
    ("vague", "d", "T1", "", "tumor", "test", "notumor", 0.7),
    ("vague", "e", "T1", "", "notumor", "test", "notumor", 0.9),
]


@pytest.fixture(scope="module")
def evaluation():
    shares = np.array([[row[7] if key == row[6] else (1 - row[7]) / 3 for key in KEYS] for row in ROWS])
    text = {
        name: np.array([row[index] for row in ROWS])
        for index, name in enumerate(("corpus", "source", "sequence", "plane", "label", "part"))
    }
    scores = Scores(
        logits=np.log(shares).astype(np.float32),
        sharpness=np.arange(len(ROWS), dtype=np.float32),
        name=np.array([f"{index}.png" for index in range(len(ROWS))]),
        group=np.array([f"g{index}" for index in range(len(ROWS))]),
        **text,
    )
    return evaluate(TASK, scores, 1.0, 0.75)


def test_classes_are_scored_where_every_image_has_one(evaluation):
    assert (evaluation.test.images, evaluation.val.images) == (5, 1)
    assert evaluation.test.accuracy.value == pytest.approx(3 / 5)
    assert evaluation.val.accuracy.value == 0


def test_parts_with_several_classes_are_broken_down(evaluation):
    assert {part.name: part.images for part in evaluation.breakdown} == {
        "source: a": 3, "plane: axial": 2, "sharpness: least sharp third": 2,
    }  # fmt: skip


def test_tumours_without_healthy_neighbours_meet_the_others(evaluation):
    figures = {part.name: part for part in evaluation.presence}
    assert list(figures) == [
        "named: tumour against none",
        "vague: c FLAIR",
        "vague: d T1 against healthy slices of the other corpora",
        "vague: e T1",
    ]
    assert [part.images for part in figures.values()] == [5, 2, 3, 1]
    assert figures["vague: c FLAIR"].auc.value == 1
    # The tumour's probability of 0.3 lies above one healthy slice's 0.05 and below the other's.
    assert figures["vague: d T1 against healthy slices of the other corpora"].auc.value == 0.5
    assert figures["vague: e T1"].auc is None


def test_cuts_say_what_each_probability_finds_and_spares(evaluation):
    assert list(evaluation.cuts) == [part.name for part in evaluation.presence if part.auc]
    cuts = evaluation.cuts["vague: d T1 against healthy slices of the other corpora"]
    found = dict(zip(cuts["cut"], zip(cuts["sensitivity"], cuts["specificity"], strict=True), strict=True))
    assert found[0.0] == (1, 0)
    assert found[0.25] == (1, 0.5)
    assert found[0.5] == (0, 0.5)
    assert found[1.0] == (0, 1)


def test_curves_end_where_they_must(evaluation):
    for curve in evaluation.roc.values():
        assert (curve["false_positive_rate"][0], curve["true_positive_rate"][0]) == (0, 0)
        assert (curve["false_positive_rate"][-1], curve["true_positive_rate"][-1]) == (1, 1)
    assert evaluation.pr["glioma"]["recall"][0] == 1
    # Both gliomas-to-be have probabilities of 0.8 and more: the true one is the surest.
    assert 1.0 in evaluation.pr["glioma"]["precision"][:-1]


def test_mistakes_are_the_surest_first(evaluation):
    assert [(m.name, m.truth, m.answer, m.confidence) for m in evaluation.mistakes] == [
        ("1.png", "meningioma", "glioma", 0.8),
        ("4.png", "notumor", "meningioma", 0.6),
    ]


def test_what_is_left_uncertain_is_counted(evaluation):
    assert evaluation.uncertain == {"threshold": 0.75, "share_uncertain": 0.4, "accuracy_of_answered": 0.6667}


def test_a_task_that_detects_is_broken_down_by_source_and_patient():
    task = get_task("breast_cancer")
    share = np.array([0.9, 0.2, 0.3, 0.6, 0.1, 0.2])
    z = np.log(share / (1 - share))
    text = np.array([""] * 6)
    scores = Scores(
        logits=np.stack([-z / 2, z / 2], axis=1).astype(np.float32),
        sharpness=np.arange(6, dtype=np.float32),
        name=np.array([f"{index}.png" for index in range(6)]),
        corpus=np.array(["films"] * 6),
        label=np.array(["positive", "negative", "negative", "negative", "negative", "negative"]),
        source=np.array(["films"] * 6),
        sequence=text,
        plane=text,
        group=np.array(["a", "a", "b", "b", "c", "c"]),
        part=np.array(["test"] * 6),
    )
    scores = joined([scores, replace(scores, part=np.array(["val"] * 6))])
    figures = {part.name: part for part in evaluate(task, scores, 1.0, 0.5).presence}
    assert list(figures) == [
        "films: cancer against none", "by patient, mean over the films", "by patient, highest over the films",
    ]  # fmt: skip
    assert (figures["films: cancer against none"].images, figures["films: cancer against none"].tumours) == (6, 1)
    for name, specificity in (("mean", 1.0), ("highest", 0.5)):
        part = figures[f"by patient, {name} over the films"]
        assert (part.images, part.tumours, part.groups) == (3, 1, 3)
        assert part.specificity.value == specificity
        assert part.auc.value == 1.0
