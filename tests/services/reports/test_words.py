"""The sentences of an answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.inference.prediction import Verdict
from services.reports import words


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.0, "<0.1%"), (0.0004, "<0.1%"), (0.001, "0.1%"), (0.5, "50.0%"), (0.9994, "99.9%"), (0.99999, ">99.9%")],
)
def test_percent_never_claims_certainty(share, shown):
    assert words.percent(share) == shown


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.001, "fewer than 1"), (0.014, "about 1"), (0.931, "about 93"), (0.994, "about 99"), (0.996, "more than 99")],
)
def test_in_a_hundred(share, said):
    assert words.in_a_hundred(share) == said


def test_every_class_has_a_finding_that_suggests(content):
    for key in content.task.class_keys:
        found = words.finding(content.task, replace(content.lead.prediction, label=key))
        assert "suggests" in found
        assert content.task.class_info(key).name.split()[0] in found


def test_refused_prediction_is_no_finding(content):
    refused = replace(content.lead.prediction, verdict=Verdict.REFUSED)
    assert words.finding(content.task, refused) == words.finding(content.task, None)
    assert "suggests" not in words.finding(content.task, refused)


@pytest.mark.parametrize(("share", "told"), [(0.9527, True), (0.95, False)])
def test_a_confidence_that_rounds_to_the_threshold_is_said_to_be_below(content, share, told):
    unsure = replace(content.lead.prediction, verdict=Verdict.UNCERTAIN, confidence=share, threshold=0.9531)
    assert ("just below" in words.confidence(content.task, unsure)) is told


@pytest.mark.parametrize("verdict", [Verdict.ANSWERED, Verdict.UNCERTAIN])
def test_a_model_that_may_know_nothing_promises_no_share_of_right_answers(content, verdict):
    said = words.confidence(content.task, replace(content.lead.prediction, verdict=verdict), experimental=True)
    assert "93.1%" in said
    assert "of 100" not in said
    assert "no better than chance" in said


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ((5, 5), "the upper left"),
        ((50, 50), "the middle of"),
        ((95, 50), "the lower middle"),
        ((50, 95), "the middle right"),
    ],
)
def test_the_hottest_place_is_named(content, at, said):
    values = np.zeros((101, 101), np.float32)
    values[at] = 1
    assert f"lies in {said}" in words.looked_at(content.task, replace(content.lead.heat, values=values))


def test_half_of_the_heat_is_measured(content):
    values = np.zeros((100, 100), np.float32)
    values[:20] = 1
    said = words.looked_at(content.task, replace(content.lead.heat, values=values))
    assert "half of the heat covers 10.0% of it" in said
