"""Temperature and threshold, both from the val part and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from services.inference.calibration import probabilities

TARGET_ACCURACY = 0.99


@dataclass(frozen=True)
class Calibration:
    """``temperature`` divides the logits; below ``threshold`` of confidence the answer is uncertain, for ``reason``."""

    temperature: float
    threshold: float
    reason: str


def calibrate(
    logits: NDArray[np.float32], allowed: NDArray[np.float32], detection_threshold: float | None = None
) -> Calibration:
    """Fit both on the val part: ``logits`` (n, classes) and ``allowed`` (n, classes) of 0 and 1.

    Where the task has a ``detection_threshold``, that is the threshold, and val says what it finds and spares.
    """
    temperature, _ = fit_temperature(logits, allowed)
    shares = probabilities(logits, temperature)
    if detection_threshold is None:
        return Calibration(round(temperature, 4), *choose_threshold(shares, allowed))
    return Calibration(round(temperature, 4), detection_threshold, _of_detection(shares, allowed, detection_threshold))


def _of_detection(shares: NDArray[np.float64], allowed: NDArray[np.float32], threshold: float) -> str:
    called, truth = shares[:, 1] >= threshold, allowed[:, 1] > 0
    found = f"{called[truth].mean():.1%}" if truth.any() else "none"
    spared = f"{1 - called[~truth].mean():.1%}" if not truth.all() else "none"
    return f"the task's own: on val its sensitivity is {found} and its specificity {spared}"


def fit_temperature(logits: NDArray[np.float32], allowed: NDArray[np.float32]) -> tuple[float, float]:
    """The temperature of the lowest loss, and that loss: the mean negative log of the allowed classes' probability.

    Source: Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017).
    """

    def loss(log_temperature: float) -> float:
        shares = probabilities(logits, float(np.exp(log_temperature)))
        return float(-np.log(np.maximum((shares * allowed).sum(axis=1), 1e-12)).mean())

    found = minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded")
    return float(np.exp(found.x)), float(found.fun)


def fit_offset(logits: NDArray[np.float32], allowed: NDArray[np.float32]) -> float:
    """What is to be added to the logit of the second of two classes, so that one temperature can calibrate the rest.

    The highest of many places is high also where there is nothing to find. Source: Platt, "Probabilistic Outputs for
    Support Vector Machines" (1999), whose slope is the temperature's.
    """
    said, truth = (logits[:, 1] - logits[:, 0]).astype(np.float64), allowed[:, 1] > 0

    def loss(sought: NDArray[np.float64]) -> float:
        against = np.exp(sought[0]) * (said + sought[1]) * np.where(truth, -1, 1)
        return float(np.logaddexp(0, against).mean())

    centre = -float(np.median(said))
    found = minimize(loss, [0.0, centre], method="Nelder-Mead", bounds=[(-2.0, 2.0), (centre - 20, centre + 20)])
    return float(found.x[1])


def choose_threshold(shares: NDArray[np.float64], allowed: NDArray[np.float32]) -> tuple[float, str]:
    """The lowest confidence from which on at least 99% of val's answers are right, and how that came out in words."""
    confidence = shares.max(axis=1)
    right = allowed[np.arange(len(shares)), shares.argmax(axis=1)] > 0
    order = np.argsort(-confidence)
    accuracy = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    reaching = np.flatnonzero(accuracy >= TARGET_ACCURACY)
    last = int(reaching[-1]) if len(reaching) else 0
    threshold = float(np.ceil(confidence[order][last] * 1000 - 1e-9) / 1000) if last < len(order) - 1 else 0.0
    # An answer that beats the others only just is never given as one, however well val went.
    threshold = min(max(threshold, 0.5), 0.99)
    answered = confidence >= threshold
    if not answered.any():
        return threshold, "chosen on val, none of whose slices is answered with that confidence"
    return threshold, (
        f"chosen on val: at this confidence or more {right[answered].mean():.1%} of the answers are right and "
        f"{answered.mean():.1%} of the slices are answered (target {TARGET_ACCURACY:.0%} right)"
    )
