"""McNemar's test and agreement against cases worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.inference.prediction import ModelRef
from services.inference.scores import Scores
from services.tasks import get_task
from training.corpus import CorpusError
from training.evaluation.pairs import compare, compare_all

TASK = get_task("brain_tumor_type")
LABELS = ["glioma"] * 6 + ["meningioma"] * 4


def scores(answers: list[str]) -> Scores:
    logits = np.full((len(answers), len(TASK.classes)), -3, np.float32)
    logits[np.arange(len(answers)), [TASK.class_keys.index(answer) for answer in answers]] = 3
    same = np.array(["x"] * len(answers))
    return Scores(
        logits=logits,
        sharpness=np.zeros(len(answers), np.float32),
        name=np.array([f"{i}.png" for i in range(len(answers))]),
        corpus=same,
        label=np.array(LABELS[: len(answers)]),
        source=same,
        sequence=same,
        plane=same,
        group=np.array([f"g{i}" for i in range(len(answers))]),
        part=np.array(["test"] * len(answers)),
    )


FIRST = scores(["glioma"] * 6 + ["meningioma"] * 3 + ["glioma"])
SECOND = scores(["glioma"] * 1 + ["meningioma"] * 5 + ["meningioma"] * 4)
REFS = [ModelRef(TASK.key, network, "1") for network in ("one", "two", "three")]


def test_a_pair_by_hand():
    pair = compare(TASK, (REFS[0], FIRST), (REFS[1], SECOND))
    assert (pair.both_right, pair.only_first, pair.only_second, pair.neither) == (4, 5, 1, 0)
    # Of six images that one alone has right, 5 to 1 or more uneven: 2 * (C(6, 0) + C(6, 1)) / 2 ** 6.
    assert pair.p_value == pytest.approx(2 * 7 / 64, abs=1e-3)
    assert pair.difference.value == pytest.approx(0.4)
    assert pair.difference.low < 0.4 < pair.difference.high
    assert pair.agreement.value == pytest.approx(0.4)
    # By chance: 0.7 * 0.1 of both gliomas and 0.3 * 0.9 of both meningiomas.
    assert pair.kappa == pytest.approx((0.4 - 0.34) / (1 - 0.34), abs=1e-3)


def test_equal_models_differ_in_nothing():
    pair = compare(TASK, (REFS[0], FIRST), (REFS[1], FIRST))
    assert (pair.p_value, pair.difference.value, pair.agreement.value, pair.kappa) == (1, 0, 1, 1)


def test_every_two_are_compared_once():
    pairs = compare_all(TASK, [(ref, FIRST) for ref in REFS])
    assert [(pair.first, pair.second) for pair in pairs] == [
        (str(REFS[0]), str(REFS[1])),
        (str(REFS[0]), str(REFS[2])),
        (str(REFS[1]), str(REFS[2])),
    ]


def test_other_images_are_refused():
    others = replace(SECOND, name=np.array([f"other{i}.png" for i in range(len(SECOND))]))
    with pytest.raises(CorpusError, match="not measured on the same"):
        compare(TASK, (REFS[0], FIRST), (REFS[1], others))
