"""Each change of a picture does what it says."""

from __future__ import annotations

import numpy as np
import pytest

from services.imaging.phantom import PHANTOMS, draw
from training.evaluation.robustness import (
    CHANGES,
    blur,
    brightness,
    contrast,
    fewer_pixels,
    jpeg,
    noise,
    rotation,
)

GREY = np.full((40, 60), 0.5, np.float32)


@pytest.fixture(scope="module")
def head() -> np.ndarray:
    return draw(PHANTOMS[0].key).astype(np.float32) / np.float32(255)


def spot(row: int, column: int) -> np.ndarray:
    image = np.zeros((41, 41), np.float32)
    image[row, column] = 1
    return image


def test_noise_has_the_deviation_and_is_the_same_each_time():
    wide = np.full((300, 300), 0.5, np.float32)
    assert (noise(wide, 0.05) - wide).std() == pytest.approx(0.05, rel=0.02)
    assert np.array_equal(noise(wide, 0.05), noise(wide, 0.05))


def test_contrast_and_brightness_by_hand():
    levels = np.array([[0.0, 0.3, 0.5, 0.9]], np.float32)
    assert contrast(levels, 0.5)[0] == pytest.approx([0.25, 0.4, 0.5, 0.7])
    assert contrast(levels, 1.5)[0] == pytest.approx([0, 0.2, 0.5, 1])
    assert brightness(levels, -0.2)[0] == pytest.approx([0, 0.1, 0.3, 0.7])
    assert brightness(levels, 0.2)[0] == pytest.approx([0.2, 0.5, 0.7, 1])


def test_blur_spreads_a_point_by_sigma():
    soft = blur(spot(20, 20), 2)
    assert soft.sum() == pytest.approx(1, abs=1e-3)
    rows = np.arange(41) - 20
    assert (soft.sum(axis=1) * rows**2).sum() == pytest.approx(4, rel=0.05)


def test_a_quarter_turn_moves_a_point_to_its_place():
    turned = rotation(spot(20, 30), 90)
    # The centre lies between the pixels at 20.5: what was right of it is above it now.
    assert np.unravel_index(turned.argmax(), turned.shape) == (11, 20)


def test_down_sampling_leaves_so_many_fewer_pixels():
    assert fewer_pixels(GREY, 4).shape == (10, 15)
    assert fewer_pixels(np.ones((1, 1), np.float32), 4).shape == (1, 1)


def test_a_lower_jpeg_quality_is_further_from_the_picture(head):
    errors = [np.abs(jpeg(head, quality) - head).mean() for quality in (95, 50, 10)]
    assert 0 < errors[0] < errors[1] < errors[2]


@pytest.mark.parametrize(
    ("change", "amount"),
    [(name, amount) for name, (_, _, amounts) in CHANGES.items() for amount in amounts],
)
def test_every_change_leaves_a_picture_in_range_and_its_source_alone(head, change, amount):
    before = head.copy()
    changed = CHANGES[change][0](head, amount)
    assert changed.dtype == np.float32
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert changed.shape != head.shape or not np.array_equal(changed, head)
    assert np.array_equal(head, before)
