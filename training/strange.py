"""Pictures that no scanner makes, drawn for the input gate to learn from beside real ones."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE, EACH = 224, 24
Picture = NDArray[np.float32]


def strange_pictures(brains: NDArray[np.uint8], rng: np.random.Generator) -> list[Picture]:
    """EACH of every kind, float32 (rows, columns) in 0..1; ``brains`` are prepared slices, of which some are spoilt."""
    drawn = [make(rng) for make in (_noise, _clouds, _page, _shapes) for _ in range(EACH)]
    for spoil in (_negative, _shuffled, _washed):
        for brain in brains[rng.integers(len(brains), size=EACH)]:
            drawn.append(spoil(brain.astype(np.float32) / np.float32(255), rng))
    return drawn


def _noise(rng: np.random.Generator) -> Picture:
    return _clipped(rng.normal(rng.uniform(0.2, 0.6), rng.uniform(0.05, 0.4), (SIDE, SIDE)))


def _clouds(rng: np.random.Generator) -> Picture:
    """Smooth noise in the dark, round or not."""
    cloud = cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE)), (0, 0), rng.uniform(2, 20))
    cloud = (cloud - cloud.min()) / np.ptp(cloud)
    if rng.random() < 0.5:
        disc = cv2.circle(np.zeros((SIDE, SIDE)), (SIDE // 2, SIDE // 2), int(rng.uniform(50, 100)), 1.0, -1)
        cloud = cloud * disc
    return _clipped(cloud)


def _page(rng: np.random.Generator) -> Picture:
    """Lines of letters, light on dark: dark on light has a bright rim, which simple checks refuse."""
    page = np.zeros((SIDE, SIDE), np.uint8)
    for line in range(int(rng.integers(4, 16))):
        text = "".join(chr(c) for c in rng.integers(97, 123, int(rng.integers(4, 30))))
        where = int(rng.uniform(4, 40)), 20 + int(line * rng.uniform(11, 14))
        cv2.putText(page, text, where, cv2.FONT_HERSHEY_SIMPLEX, rng.uniform(0.3, 0.7), 255, 1, cv2.LINE_AA)
    return _clipped(page / 255.0)


def _shapes(rng: np.random.Generator) -> Picture:
    picture = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(int(rng.integers(1, 7))):
        centre, axes = rng.integers(40, SIDE - 40, 2), rng.integers(8, 90, 2)
        grey, width = int(rng.integers(60, 256)), int(rng.choice([-1, 1, 3]))
        if rng.random() < 0.5:
            cv2.ellipse(picture, centre.tolist(), axes.tolist(), float(rng.uniform(0, 180)), 0, 360, grey, width)
        else:
            cv2.rectangle(picture, (centre - axes // 2).tolist(), (centre + axes // 2).tolist(), grey, width)
    return _clipped(picture / 255.0)


def _negative(brain: Picture, rng: np.random.Generator) -> Picture:
    """Black for white, on a rim as dark as a film's."""
    head = (cv2.GaussianBlur(brain, (0, 0), 3) > 0.05).astype(np.float32)
    return _clipped((1 - brain) * head)


def _shuffled(brain: Picture, rng: np.random.Generator) -> Picture:
    """The head's tiles in another order."""
    tiles = int(rng.choice([4, 7, 8]))
    side = len(brain) // tiles
    # What does not divide is cut off.
    brain = brain[: side * tiles, : side * tiles]
    parts = brain.reshape(tiles, side, tiles, side).swapaxes(1, 2).reshape(-1, side, side)
    mixed = parts[rng.permutation(len(parts))].reshape(tiles, tiles, side, side).swapaxes(1, 2)
    return _clipped(mixed.reshape(brain.shape))


def _washed(brain: Picture, rng: np.random.Generator) -> Picture:
    """Blurred until no fold of the brain is left."""
    return _clipped(cv2.GaussianBlur(brain, (0, 0), rng.uniform(12, 25)))


def _clipped(picture: NDArray[Any]) -> Picture:
    return np.asarray(np.clip(picture, 0, 1), np.float32)
