"""Where a slice's pixels go in the square that a model sees, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.imaging.slice import FloatImage

# A step of a preparation by its name; float32 images in 0..1. The last one is always the model's input.
Stage = tuple[str, FloatImage]
MODEL_INPUT = "model input"


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: first row, first column, rows, columns."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Placement:
    """Where the slice's pixels went: ``box`` of the slice fills ``inner`` of the square; the rest of it is padding.

    With ``mirrored`` left and right have changed places in the square.
    """

    slice_shape: tuple[int, int]
    box: Box
    inner: Box
    size: int
    mirrored: bool = False


def to_square(pixels: FloatImage, placement: Placement) -> FloatImage:
    """Carry a map over the slice, float32 of ``placement.slice_shape``, to where its pixels went in the square."""
    box = placement.box
    part = pixels[box.top : box.top + box.height, box.left : box.left + box.width]
    return resize_into(part[:, ::-1] if placement.mirrored else part, placement.inner, placement.size)


def to_slice(square: FloatImage, placement: Placement) -> FloatImage:
    """Carry a map over the prepared square, float32 (any side, same side), back into the slice's own coordinates.

    Returns float32 of ``placement.slice_shape``; outside the head's box it is 0.
    """
    if square.shape[0] != placement.size:
        side = placement.size
        square = np.asarray(cv2.resize(square, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
    inner, box = placement.inner, placement.box
    part = square[inner.top : inner.top + inner.height, inner.left : inner.left + inner.width]
    part = part[:, ::-1] if placement.mirrored else part
    full = np.zeros(placement.slice_shape, np.float32)
    full[box.top : box.top + box.height, box.left : box.left + box.width] = cv2.resize(
        np.ascontiguousarray(part), (box.width, box.height), interpolation=cv2.INTER_LINEAR
    )
    return full


def fit(box: Box, size: int) -> Box:
    """The place in the middle of a square of side ``size`` that ``box`` fills with its aspect kept."""
    scale = size / max(box.height, box.width)
    height, width = max(1, round(box.height * scale)), max(1, round(box.width * scale))
    return Box((size - height) // 2, (size - width) // 2, height, width)


def resize_into(part: FloatImage, inner: Box, size: int) -> FloatImage:
    """A black square of side ``size`` with ``part`` resized to ``inner`` in it, float32."""
    square = np.zeros((size, size), np.float32)
    way = cv2.INTER_AREA if inner.height < part.shape[0] else cv2.INTER_LINEAR
    square[inner.top : inner.top + inner.height, inner.left : inner.left + inner.width] = cv2.resize(
        np.ascontiguousarray(part), (inner.width, inner.height), interpolation=way
    )
    return square
