"""How the benchmarks count: turns, medians, targets, and what the page says. No test here asserts a time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import page, start, training_step
from benchmarks.measure import Result, by_turns, pair_ratios
from benchmarks.subjects import TASK
from services.inference.repository import ModelRepository
from services.settings import get_settings

ROOT = Path(__file__).resolve().parent.parent


def made(ratios: tuple[float, ...], target: float, *, at_least: bool = False) -> Result:
    return Result("a / b", "what it is", ratios, target, 3.0, 2.0, "ms", at_least)


def test_sides_take_turns_and_the_first_alternates():
    calls: list[str] = []
    ours, theirs = by_turns(
        lambda: calls.append("s"), lambda: calls.append("r"), pairs=4, warm_up=1, before=lambda: calls.append("b")
    )
    assert "".join(calls) == "sr" + "bsr" + "rbs" + "bsr" + "rbs"
    assert len(ours) == len(theirs) == 4


def test_ratios_are_formed_pair_by_pair():
    """A slow spell of the machine weighs on both sides of a pair and cancels; ratios of medians would not see that."""
    assert pair_ratios([1.0, 20.0, 3.0], [2.0, 40.0, 6.0]) == (0.5, 0.5, 0.5)


def test_median_and_quartiles_of_a_worked_case():
    result = made((1.0, 2.0, 3.0, 4.0, 10.0), 3.0)
    assert result.median == 3.0
    assert result.quartiles == (2.0, 4.0)


@pytest.mark.parametrize(
    ("median", "target", "at_least", "met"),
    [(1.4, 1.4, False, True), (1.41, 1.4, False, False), (0.9, 0.9, True, True), (0.89, 0.9, True, False)],
)
def test_a_target_is_an_upper_or_a_lower_bound(median: float, target: float, at_least: bool, met: bool):
    assert made((median,), target, at_least=at_least).met is met


def test_the_page_says_what_was_missed():
    text = page.page([made((1.0, 1.2, 1.1), 1.4), made((2.0, 2.2, 2.1), 1.4), made((0.95,), 0.9, at_least=True)])
    assert re.findall(r"\| (yes|\*\*no\*\*) \|", text) == ["yes", "**no**", "yes"]
    assert "| 2.10 | 2.05 to 2.15 | ≤ 1.4 |" in text
    assert "≥ 0.9" in text
    assert str(ROOT) not in text


def test_the_sign_in_page_is_drawn_without_tensorflow():
    assert start.modules_after_sign_in_page() == {"tensorflow": 0, "keras": 0}


def test_a_training_step_is_measured_with_its_pipeline_and_without():
    ours, theirs = training_step.measure("smallcnn", pairs=2)
    assert len(ours) == len(theirs) == 2


def test_the_performance_page_holds_every_target():
    """The committed page was written by the command, from all eight measurements."""
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and ("≤" in line or "≥" in line)]
    targets = [re.search(r"[≤≥] [\d.]+", row)[0] for row in rows]
    assert targets == ["≤ 0", "≤ 0.5", "≤ 1.4", "≤ 0.5", "≤ 1.4", "≥ 0.9", "≤ 1.1", "≤ 1.05"]
    assert f"Measured with {ModelRepository(get_settings().models_dir).live_ref(TASK)} on" in text
