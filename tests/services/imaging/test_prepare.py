"""The preparation shared by training and serving."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from services.errors import NotPreparable
from services.imaging.head import find_head
from services.imaging.placement import to_slice, to_square
from services.imaging.prepare import prepare
from services.tasks import get_task

SETTINGS = get_task("brain_tumor_type").preparation


def head(rows: int, columns: int, centre: tuple[int, int], radii: tuple[int, int]) -> np.ndarray:
    """A filled ellipse of 0.5 with a brighter rim on black, float32."""
    image = np.zeros((rows, columns), np.float32)
    cv2.ellipse(image, centre[::-1], radii[::-1], 0, 0, 360, 0.5, -1)
    cv2.ellipse(image, centre[::-1], radii[::-1], 0, 0, 360, 0.9, 6)
    return image


def test_result_is_a_square_of_eighths_bits_in_range():
    prepared = prepare(head(300, 420, (150, 200), (110, 90)), SETTINGS)
    assert prepared.pixels.shape == (224, 224)
    assert prepared.pixels.dtype == np.float32
    assert prepared.pixels.min() == 0
    assert prepared.pixels.max() == 1
    assert np.array_equal(np.round(prepared.pixels * 255), (prepared.pixels * 255).round(3))


@pytest.mark.parametrize(("rows", "columns"), [(512, 512), (180, 400), (90, 64), (1500, 1100)])
def test_crop_holds_the_head_and_little_else(rows, columns):
    centre, radii = (rows // 2, columns // 2), (rows // 4, columns // 5)
    box = find_head(head(rows, columns, centre, radii), margin=0.0)
    slack = 0.04 * max(rows, columns) + 6
    assert abs(box.top - (centre[0] - radii[0])) < slack
    assert abs(box.left - (centre[1] - radii[1])) < slack
    assert abs(box.height - 2 * radii[0]) < 2 * slack
    assert abs(box.width - 2 * radii[1]) < 2 * slack


def test_a_bright_tumour_does_not_crop_the_brain_away():
    image = head(300, 300, (150, 150), (110, 100)) * 0.3
    cv2.circle(image, (180, 190), 30, 1.0, -1)
    box = find_head(image, margin=0.0)
    assert box.top < 50
    assert box.left < 60
    assert box.height > 200


def test_aspect_is_kept_and_the_rest_is_black():
    prepared = prepare(head(400, 400, (200, 200), (180, 90)), SETTINGS)
    inner = prepared.placement.inner
    assert inner.height == 224
    assert inner.width == pytest.approx(224 * prepared.placement.box.width / prepared.placement.box.height, abs=1)
    outside = prepared.pixels.copy()
    outside[inner.top : inner.top + inner.height, inner.left : inner.left + inner.width] = 0
    assert not outside.any()


def test_brightness_and_contrast_of_the_file_do_not_matter():
    image = head(256, 256, (128, 128), (100, 90))
    image += np.random.default_rng(0).normal(0, 0.02, image.shape).astype(np.float32) * (image > 0)
    darker = image * 0.25 + 0.02
    assert np.abs(prepare(image, SETTINGS).pixels - prepare(darker, SETTINGS).pixels).mean() < 0.01


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_blank_image_is_refused_in_a_sentence(level):
    with pytest.raises(NotPreparable, match="blank"):
        prepare(np.full((64, 64), level, np.float32), SETTINGS)


@pytest.mark.parametrize("denoise", ["median", "bilateral", "non-local means"])
def test_denoising_lowers_noise_and_keeps_the_edge(denoise):
    rng = np.random.default_rng(1)
    clean = head(224, 224, (112, 112), (100, 90))
    noisy = np.clip(clean + rng.normal(0, 0.05, clean.shape).astype(np.float32), 0, 1)
    plain = prepare(noisy, SETTINGS, keep_stages=True)
    quiet = prepare(noisy, replace(SETTINGS, denoise=denoise), keep_stages=True)
    inside = slice(90, 134), slice(90, 134)
    assert quiet.pixels[inside].std() < 0.8 * plain.pixels[inside].std()
    assert [name for name, _ in quiet.stages] == ["grey", "head", "denoised", "normalised", "model input"]
    assert "denoised" not in [name for name, _ in plain.stages]


def test_a_map_over_the_square_comes_back_to_the_slices_own_place():
    image = head(333, 500, (160, 290), (120, 110))
    image[100:112, 330:342] = 1.0
    prepared = prepare(image, SETTINGS)
    spot = np.where(prepared.pixels > 0.97, prepared.pixels, 0).astype(np.float32)
    back = to_slice(spot, prepared.placement)
    assert back.shape == image.shape
    marked = np.zeros_like(image)
    marked[100:112, 330:342] = 1
    assert back[102:110, 332:340].min() > 0.8
    box = prepared.placement.box
    outside = back.copy()
    outside[box.top : box.top + box.height, box.left : box.left + box.width] = 0
    assert not outside.any()


def test_a_coarse_map_peaks_where_it_should():
    prepared = prepare(head(300, 300, (150, 150), (120, 100)), SETTINGS)
    coarse = np.zeros((7, 7), np.float32)
    coarse[1, 5] = 1
    back = to_slice(coarse, prepared.placement)
    row, column = np.unravel_index(back.argmax(), back.shape)
    box = prepared.placement.box
    inner = prepared.placement.inner
    expected_row = box.top + (1.5 / 7 * 224 - inner.top) / inner.height * box.height
    expected_column = box.left + (5.5 / 7 * 224 - inner.left) / inner.width * box.width
    assert abs(row - expected_row) < 8
    assert abs(column - expected_column) < 8


def test_a_map_over_the_slice_goes_where_its_pixels_went():
    image = head(333, 500, (160, 290), (120, 110))
    image[100:112, 330:342] = 1.0
    prepared = prepare(image, SETTINGS)
    marked = np.zeros_like(image)
    marked[100:112, 330:342] = 1
    square = to_square(marked, prepared.placement)
    assert square.shape == prepared.pixels.shape
    assert prepared.pixels[square > 0.99].min() > 0.9
    assert np.abs(to_slice(square, prepared.placement) - marked).mean() < 0.002
