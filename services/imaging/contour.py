"""The preparation of tumour or none: blur, threshold, crop at the extreme points of the largest outer contour."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from services.errors import NotPreparable
from services.imaging.placement import MODEL_INPUT, Box, Placement, Stage
from services.imaging.slice import FloatImage
from services.tasks.task import ContourSettings

STAGES = ("blurred", "above the threshold", "largest contour", "crop", MODEL_INPUT)
ByteImage = NDArray[np.uint8]


def crop_to_contour(
    pixels: FloatImage, settings: ContourSettings, *, whole: bool = False
) -> tuple[Placement, list[Stage]]:
    """Placement and stages, the last of which is the square.

    With ``whole`` a picture without the contour of a head is taken as it is instead of being refused.

    Raises NotPreparable where the image is blank, where nothing stands out of its dark, and where it has no dark
    around a head, as noise and inverted images have none.
    """
    grey = _grey(pixels, settings.percentiles)
    blurred = np.asarray(cv2.GaussianBlur(grey, (settings.blur, settings.blur), 0), np.uint8)
    mask = np.where(blurred > settings.threshold, 255, 0).astype(np.uint8)
    try:
        outline = _largest_contour(mask, settings)
        left, top, width, height = cv2.boundingRect(outline[0])
        box = Box(top, left, height, width)
    except NotPreparable:
        if not whole:
            raise
        outline, box = [], Box(0, 0, *pixels.shape)
    crop = grey[box.top : box.top + box.height, box.left : box.left + box.width]
    square = cv2.resize(crop, (settings.size, settings.size), interpolation=cv2.INTER_CUBIC)
    drawn = cv2.drawContours(grey // 2, outline, -1, 255, max(1, max(grey.shape) // 200))
    shown = (blurred, mask, np.asarray(drawn, np.uint8), crop, np.asarray(square, np.uint8))
    inner = Box(0, 0, settings.size, settings.size)
    placement = Placement((pixels.shape[0], pixels.shape[1]), box, inner, settings.size)
    return placement, [(name, _as_float(image)) for name, image in zip(STAGES, shown, strict=True)]


def _largest_contour(mask: ByteImage, settings: ContourSettings) -> list[NDArray[np.int32]]:
    """The one outer contour with the largest area, in a list as OpenCV draws it; NotPreparable without one."""
    rim = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]) > 0
    if rim.mean() > settings.widest:
        raise NotPreparable(
            "There is no dark air around a head: the contour is the picture's own edge, as in noise and in inverted "
            "images. Upload the original slice."
        )
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    largest = max(contours, key=cv2.contourArea, default=None)
    if largest is None or cv2.contourArea(largest) < settings.smallest * mask.size:
        raise NotPreparable(
            "Nothing in the image stands out of the dark: there is no contour of a head. Choose another slice."
        )
    return [np.asarray(largest, np.int32)]


def _grey(pixels: FloatImage, percentiles: tuple[float, float]) -> ByteImage:
    low, high = np.percentile(pixels, percentiles)
    if float(pixels.max() - pixels.min()) < 2 / 255:
        raise NotPreparable("The image is blank: every pixel has nearly the same brightness. Choose another slice.")
    span = max(float(high - low), 1 / 255)
    even = np.clip((pixels - np.float32(low)) / np.float32(span), 0, 1)
    return np.asarray(np.round(even * 255), np.uint8)


def _as_float(image: ByteImage) -> FloatImage:
    return np.asarray(image, np.float32) / np.float32(255)
