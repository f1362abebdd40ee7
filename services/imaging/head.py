"""The preparation of the tumour types: crop to the head, intensities to 0..1, resize to a square, aspect kept."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from services.errors import NotPreparable
from services.imaging.placement import MODEL_INPUT, Box, Placement, Stage, fit, resize_into
from services.imaging.slice import FloatImage
from services.tasks.task import Denoise, PreparationSettings

SEARCH_SIDE = 160
SMALLEST_HEAD = 0.15
SMALLEST_PART = 0.1


def stage_names(settings: PreparationSettings) -> tuple[str, ...]:
    """The names of the stages that ``crop_to_head`` gives."""
    quiet = () if settings.denoise == "none" else ("denoised",)
    return "head", *quiet, "normalised", MODEL_INPUT


def crop_to_head(pixels: FloatImage, settings: PreparationSettings) -> tuple[Placement, list[Stage]]:
    """Placement and stages, the last of which is the square; NotPreparable where the image is blank."""
    box = find_head(pixels, settings.margin)
    head = pixels[box.top : box.top + box.height, box.left : box.left + box.width]
    quiet = DENOISERS[settings.denoise](head)
    even = _normalise(quiet, settings.percentiles)
    inner = fit(box, settings.size)
    square = resize_into(even, inner, settings.size)
    steps = {"head": head, "denoised": quiet, "normalised": even, MODEL_INPUT: square}
    stages = [(name, steps[name]) for name in stage_names(settings)]
    return Placement((pixels.shape[0], pixels.shape[1]), box, inner, settings.size), stages


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
