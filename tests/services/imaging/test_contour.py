"""The preparation of tumour or none: blur, threshold, largest contour, crop, resize."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from services.errors import NotPreparable
from services.imaging.phantom import PHANTOMS, draw
from services.imaging.placement import to_slice, to_square
from services.imaging.prepare import prepare, stage_names
from services.tasks import get_task

SETTINGS = get_task("brain_tumor_presence").preparation


def a_head(rows: int = 240, columns: int = 300) -> np.ndarray:
    """An ellipse between 0 and 1 on black, float32, that leaves some air on every side."""
    image = np.zeros((rows, columns), np.float32)
    cv2.ellipse(image, (140, 110), (90, 70), 0, 0, 360, 0.5, -1)
    cv2.ellipse(image, (140, 110), (90, 70), 0, 0, 360, 1.0, 8)
    return image


def by_the_book(grey: np.ndarray) -> np.ndarray:
    """The steps as they are written in every tutorial, on an 8-bit image that uses its whole range."""
    blurred = cv2.GaussianBlur(grey, (5, 5), 0)
    _, mask = cv2.threshold(blurred, 45, 255, cv2.THRESH_BINARY)
    contours, _ = cv2.findContours(mask.copy(), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(contours, key=cv2.contourArea)
    left, right = outline[:, :, 0].min(), outline[:, :, 0].max()
    top, bottom = outline[:, :, 1].min(), outline[:, :, 1].max()
    return cv2.resize(grey[top : bottom + 1, left : right + 1], (224, 224), interpolation=cv2.INTER_CUBIC)


def test_the_result_is_that_of_the_known_steps():
    image = a_head()
    expected = by_the_book(np.round(image * 255).astype(np.uint8))
    assert np.array_equal(np.round(prepare(image, SETTINGS).pixels * 255).astype(np.uint8), expected)


@pytest.mark.parametrize("change", [lambda i: 0.6 * i + 0.2, lambda i: 0.5 * i, lambda i: np.clip(i + 0.2, 0, 1)])
def test_a_brighter_or_flatter_export_is_cropped_at_the_same_place(change):
    plain, changed = (prepare(image.astype(np.float32), SETTINGS) for image in (a_head(), change(a_head())))
    for one, other in zip(vars(plain.placement.box).values(), vars(changed.placement.box).values(), strict=True):
        assert abs(one - other) <= 3


def inverted(image: np.ndarray) -> np.ndarray:
    return (1 - image).astype(np.float32)


def noise(_: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).random((200, 200), np.float32)


def faint_noise(_: np.ndarray) -> np.ndarray:
    return np.clip(np.random.default_rng(2).normal(0.2, 0.05, (200, 200)), 0, 1).astype(np.float32)


def specks(_: np.ndarray) -> np.ndarray:
    image = np.zeros((200, 200), np.float32)
    image[::40, ::40] = 1
    return cv2.dilate(image, np.ones((4, 4), np.uint8))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda image: np.full_like(image, 0.4), "blank"),
        (inverted, "no dark air"),
        (noise, "no dark air"),
        (faint_noise, "no dark air"),
        (specks, "no contour"),
    ],
)
def test_an_image_without_the_contour_of_a_head_is_refused_with_its_reason(spoil, words):
    image = spoil(a_head())
    with pytest.raises(NotPreparable, match=words):
        prepare(image, SETTINGS)
    if words != "blank":
        whole = prepare(image, SETTINGS, whole=True).placement.box
        assert (whole.top, whole.left, whole.height, whole.width) == (0, 0, *image.shape)


@pytest.mark.parametrize("info", PHANTOMS, ids=lambda info: info.key)
def test_every_phantom_has_a_contour(info):
    prepared = prepare(draw(info.key).astype(np.float32) / np.float32(255), SETTINGS)
    assert prepared.placement.box.height > 100


def test_every_stage_can_be_looked_at():
    image = a_head()
    stages = prepare(image, SETTINGS, keep_stages=True).stages
    assert tuple(name for name, _ in stages) == ("grey", *stage_names(SETTINGS))
    for _, pixels in stages:
        assert pixels.dtype == np.float32
        assert 0 <= pixels.min() <= pixels.max() <= 1
    assert dict(stages)["largest contour"].max() == 1
    assert set(np.unique(dict(stages)["above the threshold"])) == {0.0, 1.0}


def test_a_map_goes_to_the_square_and_back():
    image = a_head()
    placement = prepare(image, SETTINGS).placement
    marked = np.zeros_like(image)
    marked[100:130, 150:190] = 1
    there = to_square(marked, placement)
    assert there.shape == (224, 224)
    back = to_slice(there, placement)
    assert back.shape == image.shape
    assert back[105:125, 156:184].min() > 0.9
    assert back[:80].max() == 0
