"""The one way from a slice to a model's input, used by training and serving alike.

grey ─ crop to the head ─ denoise (optional) ─ intensities to 0..1 ─ resize to a square, aspect kept
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from services.errors import NotPreparable
from services.imaging.limits import enough_memory
from services.imaging.slice import FloatImage
from services.tasks.task import Denoise, PreparationSettings

SEARCH_SIDE = 160
SMALLEST_HEAD = 0.15
SMALLEST_PART = 0.1


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: first row, first column, rows, columns."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Placement:
    """Where the slice's pixels went: ``box`` of the slice fills ``inner`` of the square; the rest of it is padding."""

    slice_shape: tuple[int, int]
    box: Box
    inner: Box
    size: int


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model's input.

    ``pixels`` is float32 of shape (size, size) in 0..1, in steps of 1/255 so that an 8-bit cache of it loses nothing.
    ``stages`` holds (name, float32 image in 0..1) of each step where they were asked for.
    """

    pixels: FloatImage
    placement: Placement
    version: str
    stages: tuple[tuple[str, FloatImage], ...] = ()


@enough_memory()
def prepare(pixels: FloatImage, settings: PreparationSettings, *, keep_stages: bool = False) -> Prepared:
    """Prepare ``pixels``, float32 (rows, columns) in 0..1, as ``settings`` say.

    Raises
    ------
    NotPreparable
        The image is blank, so there is nothing to crop to or to normalise.
    TooLarge
        There is not enough memory for it now.
    """
    box = find_head(pixels, settings.margin)
    head = pixels[box.top : box.top + box.height, box.left : box.left + box.width]
    quiet = DENOISERS[settings.denoise](head)
    even = _normalise(quiet, settings.percentiles)
    inner = _fit(box, settings.size)
    square = _resize_into(even, inner, settings.size)
    square = np.round(square * 255).astype(np.float32) / np.float32(255)
    stages: tuple[tuple[str, FloatImage], ...] = ()
    if keep_stages:
        stages = (("grey", pixels), ("head", head), ("denoised", quiet), ("normalised", even), ("model input", square))
        if settings.denoise == "none":
            stages = tuple(stage for stage in stages if stage[0] != "denoised")
    return Prepared(
        square, Placement((pixels.shape[0], pixels.shape[1]), box, inner, settings.size), settings.version, stages
    )


def find_head(pixels: FloatImage, margin: float) -> Box:
    """The rectangle around the bright regions, widened by ``margin`` of its longer side on each side.

    A region is what exceeds Otsu's threshold (N. Otsu, 1979) on the square root of a blurred small copy's brightness:
    the root, because scalp fat and enhancing tumours are far brighter than brain and would move the threshold above it.
    Regions under a tenth of the largest are left out; where all are smaller than any head, the whole image is returned.
    """
    rows, columns = pixels.shape
    scale = min(1.0, SEARCH_SIDE / max(rows, columns))
    small = cv2.resize(
        pixels, (max(1, round(columns * scale)), max(1, round(rows * scale))), interpolation=cv2.INTER_AREA
    )
    low, high = float(small.min()), float(small.max())
    if high - low < 2 / 255:
        raise NotPreparable("The image is blank: every pixel has nearly the same brightness. Choose another slice.")
    blurred = cv2.GaussianBlur((small - low) / (high - low), (5, 5), 0)
    root = (np.sqrt(np.clip(blurred, 0, 1)) * 255).astype(np.uint8)
    _, mask = cv2.threshold(root, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, _, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 2:
        return Box(0, 0, rows, columns)
    areas = statistics[1:, cv2.CC_STAT_AREA]
    parts = statistics[1:][areas >= SMALLEST_PART * areas.max()]
    left, top = parts[:, cv2.CC_STAT_LEFT].min(), parts[:, cv2.CC_STAT_TOP].min()
    width = (parts[:, cv2.CC_STAT_LEFT] + parts[:, cv2.CC_STAT_WIDTH]).max() - left
    height = (parts[:, cv2.CC_STAT_TOP] + parts[:, cv2.CC_STAT_HEIGHT]).max() - top
    if min(height / small.shape[0], width / small.shape[1]) < SMALLEST_HEAD:
        return Box(0, 0, rows, columns)
    rim = margin * max(height, width)
    first_row = max(0, int((top - rim) / scale))
    first_column = max(0, int((left - rim) / scale))
    last_row = min(rows, int(np.ceil((top + height + rim) / scale)))
    last_column = min(columns, int(np.ceil((left + width + rim) / scale)))
    return Box(first_row, first_column, last_row - first_row, last_column - first_column)


def to_square(pixels: FloatImage, placement: Placement) -> FloatImage:
    """Carry a map over the slice, float32 of ``placement.slice_shape``, to where its pixels went in the square."""
    box = placement.box
    part = pixels[box.top : box.top + box.height, box.left : box.left + box.width]
    return _resize_into(part, placement.inner, placement.size)


def to_slice(square: FloatImage, placement: Placement) -> FloatImage:
    """Carry a map over the prepared square, float32 (any side, same side), back into the slice's own coordinates.

    Returns float32 of ``placement.slice_shape``; outside the head's box it is 0.
    """
    if square.shape[0] != placement.size:
        side = placement.size
        square = np.asarray(cv2.resize(square, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
    inner, box = placement.inner, placement.box
    part = square[inner.top : inner.top + inner.height, inner.left : inner.left + inner.width]
    full = np.zeros(placement.slice_shape, np.float32)
    full[box.top : box.top + box.height, box.left : box.left + box.width] = cv2.resize(
        part, (box.width, box.height), interpolation=cv2.INTER_LINEAR
    )
    return full


def _fit(box: Box, size: int) -> Box:
    scale = size / max(box.height, box.width)
    height, width = max(1, round(box.height * scale)), max(1, round(box.width * scale))
    return Box((size - height) // 2, (size - width) // 2, height, width)


def _resize_into(part: FloatImage, inner: Box, size: int) -> FloatImage:
    square = np.zeros((size, size), np.float32)
    way = cv2.INTER_AREA if inner.height < part.shape[0] else cv2.INTER_LINEAR
    square[inner.top : inner.top + inner.height, inner.left : inner.left + inner.width] = cv2.resize(
        part, (inner.width, inner.height), interpolation=way
    )
    return square


def _normalise(pixels: FloatImage, percentiles: tuple[float, float]) -> FloatImage:
    step = max(1, int(np.sqrt(pixels.size / 40_000)))
    low, high = np.percentile(pixels[::step, ::step], percentiles)
    span = max(float(high - low), 1e-3)
    even = np.clip((pixels - np.float32(low)) / np.float32(span), 0, 1)
    return np.asarray(even, np.float32)


def _median(pixels: FloatImage) -> FloatImage:
    return np.asarray(cv2.medianBlur(pixels, 3), np.float32)


def _bilateral(pixels: FloatImage) -> FloatImage:
    return np.asarray(cv2.bilateralFilter(pixels, 5, 0.1, 2.0), np.float32)


def _non_local_means(pixels: FloatImage) -> FloatImage:
    grey = np.round(pixels * 255).astype(np.uint8)
    return np.asarray(cv2.fastNlMeansDenoising(grey, None, 7.0, 5, 15), np.float32) / np.float32(255)


DENOISERS: dict[Denoise, Callable[[FloatImage], FloatImage]] = {
    "none": lambda pixels: pixels,
    "median": _median,
    "bilateral": _bilateral,
    "non-local means": _non_local_means,
}
