"""The shapes that phantoms are drawn with: smooth outlines, noise, distances and displacements, all as fields.

A field is float32 of shape (SIDE, SIDE). Positions and lengths are percent of the picture's side, x to the right and y
down.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Point = tuple[float, float]

SIDE = 512
UNIT = SIDE / 100.0
_SHIFT = 4  # fractional bits of cv2's polygon corners


def grid() -> tuple[Field, Field]:
    """The x and y of every pixel's centre in percent, each float32 (SIDE, SIDE)."""
    axis = ((np.arange(SIDE, dtype=np.float32) + 0.5) / UNIT).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    return x.astype(np.float32), y.astype(np.float32)


def noise(rng: np.random.Generator, cell: float, *, stretch: float = 1.0) -> Field:
    """Smooth noise of zero mean and unit spread whose features are about ``cell`` percent wide, float32 (SIDE, SIDE).

    ``stretch`` above 1 makes the features that much taller than wide.
    """
    columns = max(3, round(100.0 / cell) + 3)
    rows = max(3, round(100.0 / (cell * stretch)) + 3)
    coarse = rng.standard_normal((rows, columns)).astype(np.float32)
    fine = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    fine -= fine.mean()
    return np.asarray(fine / max(float(fine.std()), 1e-6), dtype=np.float32)


def outline(points: Sequence[Point], *, closed: bool = True, steps: int = 16) -> NDArray[np.float64]:
    """A Catmull-Rom curve through the points, shape (n, 2) in percent."""
    p = np.asarray(points, dtype=np.float64)
    if closed:
        p0, p1, p2, p3 = np.roll(p, 1, axis=0), p, np.roll(p, -1, axis=0), np.roll(p, -2, axis=0)
    else:
        padded = np.vstack([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
        p0, p1, p2, p3 = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[None, :, None]
    p0, p1, p2, p3 = (q[:, None, :] for q in (p0, p1, p2, p3))
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    flat = curve.reshape(-1, 2)
    return flat if closed else np.vstack([flat, p[-1:]])


def _pixels(curve: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint((curve * UNIT - 0.5) * (1 << _SHIFT)).astype(np.int32)


def region(points: Sequence[Point], *, soft: float = 0.0) -> Field:
    """The inside of the smooth closed outline, 1 inside and 0 outside; ``soft`` blurs the rim by that many percent."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mask, [_pixels(outline(points))], 255, lineType=cv2.LINE_AA, shift=_SHIFT)
    return blurred(np.asarray(mask / np.float32(255.0), dtype=np.float32), soft)


def stroke(points: Sequence[Point], width: float, *, closed: bool = False, soft: float = 0.0) -> Field:
    """The smooth line through the points, ``width`` percent wide; 1 on it and 0 off it."""
    thickness = max(1, round(width * UNIT * 2))
    # Drawn at double size, because cv2 has no lines of broken width.
    mask = np.zeros((2 * SIDE, 2 * SIDE), np.uint8)
    curve = _pixels(outline(points, closed=closed) * 2.0)
    cv2.polylines(mask, [curve], closed, 255, thickness, lineType=cv2.LINE_AA, shift=_SHIFT)
    small = cv2.resize(mask, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return blurred(np.asarray(small / np.float32(255.0), dtype=np.float32), soft)


def disc(centre: Point, width: float, height: float | None = None, *, turn: float = 0.0, soft: float = 0.0) -> Field:
    """A filled ellipse of the given full width and height in percent, turned clockwise by ``turn`` degrees."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    a, b, tilt = width / 2, (width if height is None else height) / 2, np.deg2rad(turn)
    ring = [
        (
            centre[0] + a * np.cos(t) * np.cos(tilt) - b * np.sin(t) * np.sin(tilt),
            centre[1] + a * np.cos(t) * np.sin(tilt) + b * np.sin(t) * np.cos(tilt),
        )
        for t in angles
    ]
    return region(ring, soft=soft)


def blurred(field: Field, sigma: float) -> Field:
    """The field smoothed by a Gaussian of ``sigma`` percent."""
    if sigma <= 0.0:
        return field
    return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma * UNIT), dtype=np.float32)


def depth(mask: Field) -> Field:
    """How deep each pixel lies inside the mask, in percent; 0 outside."""
    inside = (mask > 0.5).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 5) / UNIT, dtype=np.float32)


def away(mask: Field) -> Field:
    """How far each pixel lies outside the mask, in percent; 0 inside."""
    outside = (mask <= 0.5).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, 5) / UNIT, dtype=np.float32)


def step(value: Field, edge: float, width: float) -> Field:
    """0 below the edge, 1 above, rising over ``width``."""
    return np.asarray(np.clip((value - edge) / width + 0.5, 0.0, 1.0), dtype=np.float32)


def mirrored(points: Sequence[Point], axis: float = 50.0) -> list[Point]:
    """The points on the other side of the midline."""
    return [(2 * axis - x, y) for x, y in points]


def shifted(image: Field, dx: Field, dy: Field) -> Field:
    """The image sampled at (x + dx, y + dy), in percent."""
    rows, columns = np.indices((SIDE, SIDE), dtype=np.float32)
    moved = cv2.remap(
        image,
        np.asarray(columns + dx * UNIT, dtype=np.float32),
        np.asarray(rows + dy * UNIT, dtype=np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(moved, dtype=np.float32)


def symmetric(half: Sequence[Point]) -> list[Point]:
    """A closed outline from its right half, listed from the top of the midline to its bottom."""
    return [*half, *mirrored(half)[-2:0:-1]]
