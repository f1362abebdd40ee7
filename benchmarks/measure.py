"""How a ratio is measured: both sides by turns in one process, pair by pair, and reported as median and spread.

A pair is measured close together, so whatever else the machine does weighs on both sides; which side goes first
alternates. The ratio of each pair is formed before the median is taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Result:
    """One figure against its target.

    ``ratios`` are the pairs' ratios (subject over reference); ``subject`` and ``reference`` are medians in ``unit`` and
    stand in the table for orientation only. ``at_least`` turns the target from an upper into a lower bound; without a
    ``target`` the figure is told and held against nothing.
    """

    name: str
    meaning: str
    ratios: tuple[float, ...]
    target: float | None
    subject: float
    reference: float
    unit: str
    at_least: bool = False

    @property
    def median(self) -> float:
        """The figure that is held against the target."""
        return float(np.median(self.ratios))

    @property
    def quartiles(self) -> tuple[float, float]:
        """First and third quartile of the pairs' ratios."""
        low, high = np.percentile(self.ratios, (25, 75))
        return float(low), float(high)

    @property
    def met(self) -> bool:
        """Whether the median reaches the target, if there is one."""
        if self.target is None:
            return True
        return self.median >= self.target if self.at_least else self.median <= self.target


def seconds(action: Callable[[], object]) -> float:
    """Wall-clock seconds that one call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def by_turns(
    subject: Callable[[], object],
    reference: Callable[[], object],
    *,
    pairs: int,
    warm_up: int = 3,
    before: Callable[[], object] = lambda: None,
) -> tuple[list[float], list[float]]:
    """Seconds of ``subject`` and of ``reference`` over ``pairs`` turns, after ``warm_up`` calls of each.

    ``before`` is called ahead of each timed turn of the subject, outside the clock.
    """
    for _ in range(warm_up):
        subject()
        reference()
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(pairs):
        if turn % 2:
            theirs.append(seconds(reference))
            before()
            ours.append(seconds(subject))
        else:
            before()
            ours.append(seconds(subject))
            theirs.append(seconds(reference))
    return ours, theirs


def pair_ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """Subject over reference, pair by pair."""
    return tuple(a / b for a, b in zip(ours, theirs, strict=True))


def milliseconds(values: Sequence[float]) -> float:
    """Median of seconds, in milliseconds."""
    return float(np.median(values)) * 1000
