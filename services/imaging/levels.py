"""From stored values to grey levels in 0..1, the same way for every format."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.imaging.slice import FloatImage

LOWER_PERCENTILE, UPPER_PERCENTILE = 0.5, 99.5
_SAMPLED_PIXELS = 1_000_000
_BAND_PIXELS = 250_000


def scaled(values: NDArray[Any], top: float) -> FloatImage:
    """``values`` (rows, columns) in 0..``top`` as float32 in 0..1."""
    return np.asarray(np.divide(values, np.float32(top), dtype=np.float32))


def grey_and_colourfulness(colours: NDArray[Any], top: float) -> tuple[FloatImage, float]:
    """Luma and mean channel spread of ``colours``, an unsigned (rows, columns, 3) RGB array in 0..``top``.

    Returns the luma of ITU-R BT.601 as float32 (rows, columns) in 0..1, and the mean over all pixels of
    max(R, G, B) - min(R, G, B) in 0..1, which is 0 for a grey image stored as colour.
    """
    rows, columns = colours.shape[:2]
    grey = np.empty((rows, columns), np.float32)
    spread = 0.0
    # Bands stay in the processor's cache and keep the temporaries small whatever the image's size.
    step = max(1, _BAND_PIXELS // max(columns, 1))
    for start in range(0, rows, step):
        red, green, blue = (colours[start : start + step, :, channel] for channel in range(3))
        low, high = np.minimum(np.minimum(red, green), blue), np.maximum(np.maximum(red, green), blue)
        band_spread = float(np.subtract(high, low, dtype=np.float32).sum(dtype=np.float64))
        if band_spread == 0:
            grey[start : start + step] = scaled(red, top)
            continue
        spread += band_spread
        band = grey[start : start + step]
        np.multiply(red, np.float32(0.299 / top), out=band, dtype=np.float32)
        band += np.multiply(green, np.float32(0.587 / top), dtype=np.float32)
        band += np.multiply(blue, np.float32(0.114 / top), dtype=np.float32)
    return np.minimum(grey, np.float32(1), out=grey), spread / (top * rows * columns)


def percentile_range(values: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """The 0.5th and 99.5th percentile of the finite values where ``valid``; the extremes where those two coincide.

    Of more than a million pixels an evenly strided sample is taken. (0, 0) where no value is finite and valid.
    """
    chosen = values[valid] if valid is not None else values.reshape(-1)
    sample = chosen[:: max(1, chosen.size // _SAMPLED_PIXELS)]
    floating = np.issubdtype(sample.dtype, np.floating)
    sample = sample[np.isfinite(sample)] if floating else sample
    if not sample.size:
        return 0.0, 0.0
    with np.errstate(all="ignore"):
        low, high = (float(v) for v in np.percentile(sample, (LOWER_PERCENTILE, UPPER_PERCENTILE)))
    if high > low:
        return low, high
    chosen = chosen[np.isfinite(chosen)] if floating else chosen
    return float(chosen.min()), float(chosen.max())


def ramp(values: NDArray[Any], low: float, high: float) -> FloatImage:
    """Float32 in 0..1 that rises linearly from ``low`` to ``high`` and is clipped beyond.

    Where both coincide it is 0 everywhere. ``low`` above ``high`` gives a falling ramp. Where 24 bits could show as
    steps (values of more than 16 bits, very narrow ramps) float64 is used on the way. A value that is not a number
    becomes 0; so does everything between bounds that are not finite.
    """
    if low == high or not (math.isfinite(low) and math.isfinite(high)):
        return np.zeros(values.shape, np.float32)
    scale = 1.0 / (high - low)
    if values.dtype.itemsize > 2 or abs(low * scale) > 1e6 or abs(scale) > 1e6:
        with np.errstate(all="ignore"):
            exact = np.multiply(np.subtract(values, low, dtype=np.float64), scale)
        exact = np.nan_to_num(exact, copy=False, nan=0.0, posinf=1.0, neginf=0.0)
        return np.asarray(np.clip(exact, 0, 1, out=exact), np.float32)
    result = np.multiply(values, np.float32(scale), dtype=np.float32)
    result += np.float32(-low * scale)
    return np.asarray(np.clip(result, 0, 1, out=result))
