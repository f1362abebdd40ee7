"""The preparation of mammograms: one polarity, the breast without labels and markers, its chest wall on the left."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from services.errors import NotPreparable
from services.imaging.placement import MODEL_INPUT, Box, Placement, Stage, fit, resize_into
from services.imaging.slice import FloatImage
from services.tasks.task import BreastSettings

STAGES = ("one polarity", "breast alone", "chest wall on the left", "normalised", MODEL_INPUT)
SEARCH_SIDE = 320
# Above this median of the film's outermost pixels the dark of the film is shown bright.
BRIGHT_RIM = 0.5
# How far inside the breast its two edges are compared, as a share of its width.
EDGE = 0.03


def crop_to_breast(
    pixels: FloatImage, settings: BreastSettings, *, whole: bool = False
) -> tuple[Placement, list[Stage]]:
    """Placement and stages, the last of which is the square.

    With ``whole`` a film on which no breast is found is taken as it is instead of being refused. Raises NotPreparable
    where it is blank, or where no one bright region is as large as a breast.
    """
    if float(pixels.max() - pixels.min()) < 2 / 255:
        raise NotPreparable("The image is blank: every pixel has nearly the same brightness. Choose another film.")
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    film = np.asarray(1 - pixels if np.median(rim) > BRIGHT_RIM else pixels, np.float32)
    try:
        mask = find_breast(film, settings)
    except NotPreparable:
        if not whole:
            raise
        mask = np.ones(film.shape, np.bool_)
    alone = np.asarray(np.where(mask, film, 0), np.float32)
    box = _box_around(mask, settings.margin)
    inside = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
    mirrored = _wall_is_right(alone[inside], mask[inside])
    step = -1 if mirrored else 1
    part, known = np.asarray(alone[inside][:, ::step], np.float32), mask[inside][:, ::step]
    even = _normalise(part, known, settings.percentiles)
    inner = fit(box, settings.size)
    square = resize_into(even, inner, settings.size)
    placement = Placement((pixels.shape[0], pixels.shape[1]), box, inner, settings.size, mirrored)
    return placement, list(zip(STAGES, (film, alone, part, even, square), strict=True))


def find_breast(film: FloatImage, settings: BreastSettings) -> NDArray[np.bool_]:
    """Bool of the film's shape: the largest region above Otsu's threshold (N. Otsu, 1979) of a small blurred copy.

    The threshold is taken on the square root of brightness, because the breast's skin is far darker than its glands;
    opening cuts off what only touches the breast, such as tape and markers. Raises NotPreparable.
    """
    rows, columns = film.shape
    scale = min(1.0, SEARCH_SIDE / max(rows, columns))
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    small = np.clip(cv2.resize(film, size, interpolation=cv2.INTER_AREA), 0, 1)
    root = (np.sqrt(cv2.GaussianBlur(small, (7, 7), 0)) * 255).astype(np.uint8)
    _, bright = cv2.threshold(root, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    opened = cv2.morphologyEx(bright, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)))
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    areas = statistics[1:, cv2.CC_STAT_AREA] / opened.size
    if count < 2 or not settings.smallest <= areas.max() <= settings.largest:
        raise NotPreparable("No breast stands out of the dark of this film. Upload the original mammogram.")
    region = (labels == 1 + int(areas.argmax())).astype(np.uint8)
    outlines, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(region), outlines, -1, 1, cv2.FILLED)
    return np.asarray(cv2.resize(filled, (columns, rows), interpolation=cv2.INTER_NEAREST) > 0)


def _wall_is_right(film: FloatImage, mask: NDArray[np.bool_]) -> bool:
    """Whether the chest wall is on the right: there the tissue is cut off, at the skin it fades into the dark."""
    rows = np.flatnonzero(mask.any(axis=1))
    depth = max(1, round(EDGE * mask.shape[1]))
    first, last = mask.argmax(axis=1)[rows], mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)[rows]
    left = film[rows, np.minimum(first + depth, last)]
    right = film[rows, np.maximum(last - depth, first)]
    return bool(right.mean() > left.mean())


def _box_around(mask: NDArray[np.bool_], margin: float) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    rim = round(margin * max(rows[-1] - rows[0], columns[-1] - columns[0]))
    top, left = max(0, int(rows[0]) - rim), max(0, int(columns[0]) - rim)
    bottom, right = min(mask.shape[0], int(rows[-1]) + 1 + rim), min(mask.shape[1], int(columns[-1]) + 1 + rim)
    return Box(top, left, bottom - top, right - left)


def _normalise(part: FloatImage, known: NDArray[np.bool_], percentiles: tuple[float, float]) -> FloatImage:
    inside = part[known]
    low, high = np.percentile(inside[:: max(1, inside.size // 40_000)], percentiles)
    even = np.clip((part - np.float32(low)) / np.float32(max(float(high - low), 1e-3)), 0, 1)
    return np.asarray(np.where(known, even, 0), np.float32)
