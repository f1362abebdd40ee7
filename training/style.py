"""Changes of a scanner's style, in NumPy and OpenCV: what must not tell a tumour from none.

Every function takes and gives float32 (side, side) in 0..1 and draws from the given generator.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from services.imaging.slice import FloatImage

Rng = np.random.Generator
# Drawing a million normal numbers anew costs more than all other changes of a batch together; a stretch of these,
# begun anywhere, is as random for a picture.
NORMAL = np.random.default_rng(0).standard_normal(1 << 21, np.float32)


def intensity_curve(image: FloatImage, rng: Rng) -> FloatImage:
    """A random monotone curve through the grey levels, as windows and sequences differ."""
    inner = np.sort(rng.uniform(0, 1, 3))
    even = np.array([0.25, 0.5, 0.75])
    points = np.concatenate([[0.0], 0.45 * even + 0.55 * inner, [1.0]])
    table = np.interp(np.linspace(0, 1, 256), [0, 0.25, 0.5, 0.75, 1], points).astype(np.float32)
    return np.asarray(cv2.LUT(_bytes(image), table), np.float32)


def gamma(image: FloatImage, rng: Rng) -> FloatImage:
    """Brighter or darker mid-tones, exponent e^-0.5 to e^0.5."""
    table = np.linspace(0, 1, 256) ** np.exp(rng.uniform(-0.5, 0.5))
    return np.asarray(cv2.LUT(_bytes(image), table.astype(np.float32)), np.float32)


def contrast(image: FloatImage, rng: Rng) -> FloatImage:
    """Steeper or flatter around the middle, with a shift, clipped as a narrow window clips."""
    slope, shift = rng.uniform(0.65, 1.5), rng.uniform(-0.12, 0.12)
    return np.asarray(np.clip((image - 0.4) * np.float32(slope) + np.float32(0.4 + shift * 0.5), 0, 1), np.float32)


def bias_field(image: FloatImage, rng: Rng) -> FloatImage:
    """A slow change of brightness across the field, as surface coils cause."""
    coarse = np.exp(rng.uniform(-0.45, 0.45, (3, 3))).astype(np.float32)
    field = cv2.resize(coarse, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(image * field, 0, 1), np.float32)


def blur(image: FloatImage, rng: Rng) -> FloatImage:
    """Gaussian, sigma 0.4 to 1.6 pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6)), np.float32)


def sharpen(image: FloatImage, rng: Rng) -> FloatImage:
    """Unsharp masking, as many exported pictures had."""
    soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.8, 2.0))
    return np.asarray(np.clip(image + np.float32(rng.uniform(0.3, 1.5)) * (image - soft), 0, 1), np.float32)


def resolution(image: FloatImage, rng: Rng) -> FloatImage:
    """Down and up again, a third to nine tenths of the pixels a side."""
    side = int(image.shape[0] * rng.uniform(0.33, 0.9))
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    way = cv2.INTER_LINEAR if rng.random() < 0.7 else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(small, image.shape[::-1], interpolation=way), np.float32)


def noise(image: FloatImage, rng: Rng) -> FloatImage:
    """Rician noise (Gudbjartsson & Patz, 1995), standard deviation 0.01 to 0.07 of the range."""
    start = int(rng.integers(len(NORMAL) - 2 * image.size))
    stretch = NORMAL[start : start + 2 * image.size].reshape(2, *image.shape)
    real, imaginary = stretch * np.float32(rng.uniform(0.01, 0.07))
    return np.asarray(np.clip(np.sqrt((image + real) ** 2 + imaginary**2), 0, 1), np.float32)


def jpeg(image: FloatImage, rng: Rng) -> FloatImage:
    """JPEG at quality 25 to 80."""
    _, data = cv2.imencode(".jpg", _bytes(image), [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 81))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32) / np.float32(255)


def ghost(image: FloatImage, rng: Rng) -> FloatImage:
    """A faint shifted copy along one axis, as motion leaves."""
    shifted = np.roll(image, int(rng.integers(15, 90)), axis=int(rng.integers(2)))
    return np.asarray(np.clip(image + np.float32(rng.uniform(0.04, 0.15)) * shifted, 0, 1), np.float32)


STYLES: tuple[tuple[Callable[[FloatImage, Rng], FloatImage], float], ...] = (
    (resolution, 0.25),
    (blur, 0.2),
    (sharpen, 0.2),
    (bias_field, 0.4),
    (ghost, 0.1),
    (noise, 0.3),
    (intensity_curve, 0.4),
    (gamma, 0.4),
    (contrast, 0.4),
    (jpeg, 0.2),
)


def restyle(image: NDArray[np.uint8], rng: Rng, strength: float = 1.0) -> NDArray[np.uint8]:
    """One prepared image (side, side) uint8 as another scanner and another export might have shown it.

    ``strength`` 0..1 is the share of its probability that each change happens with.
    """
    changed = image.astype(np.float32) / np.float32(255)
    for change, probability in STYLES:
        if rng.random() < strength * probability:
            changed = change(changed, rng)
    return _bytes(changed)


def _bytes(image: FloatImage) -> NDArray[np.uint8]:
    return (image * np.float32(255) + np.float32(0.5)).astype(np.uint8)
