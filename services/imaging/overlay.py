"""A heat map laid over the slice that it explains, and the strip that says what its colours mean."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from services.errors import ImagingError
from services.imaging.slice import FloatImage

ByteImage = NDArray[np.uint8]

# Lightness rises evenly in each, which keeps their order in grey print and for colour-blind readers
# (cividis: Nuñez, Anderton & Renslow 2018, https://doi.org/10.1371/journal.pone.0199239; the others: matplotlib).
COLOUR_MAPS: dict[str, int] = {
    "magma": cv2.COLORMAP_MAGMA,
    "viridis": cv2.COLORMAP_VIRIDIS,
    "inferno": cv2.COLORMAP_INFERNO,
    "cividis": cv2.COLORMAP_CIVIDIS,
}

# The line of an estimated outline: no colour of the maps, and none of a class.
EDGE = (255, 255, 255)


@lru_cache(maxsize=len(COLOUR_MAPS))
def _table(colour_map: str) -> ByteImage:
    """The 256 RGB colours of a map, uint8 of shape (256, 3)."""
    try:
        code = COLOUR_MAPS[colour_map]
    except KeyError:
        known = ", ".join(COLOUR_MAPS)
        raise ImagingError(f"There is no colour map named “{colour_map}”. Choose one of: {known}.") from None
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    table = np.ascontiguousarray(cv2.applyColorMap(ramp, code)[:, 0, ::-1]).astype(np.uint8)
    table.flags.writeable = False
    return table


def overlay(
    pixels: FloatImage, heat: FloatImage | None, *, opacity: float = 0.6, colour_map: str = "magma"
) -> ByteImage:
    """Blend a heat map over a slice.

    ``pixels`` and ``heat`` are float32 in 0..1 of one shape (rows, columns); values outside are clipped and values that
    are no number count as 0. ``opacity`` in 0..1 is how much of the hottest point's colour covers the slice; cooler
    points cover less in proportion, and no heat leaves the slice as it is. Returns uint8 RGB (rows, columns, 3).

    Raises ImagingError where the shapes differ or the colour map is unknown.
    """
    grey = np.nan_to_num(np.clip(pixels, 0.0, 1.0), nan=0.0).astype(np.float32)
    picture = np.repeat((grey * 255.0)[:, :, None], 3, axis=2)
    if heat is not None:
        if heat.shape != pixels.shape:
            raise ImagingError(
                f"The heat map ({heat.shape[0]} × {heat.shape[1]}) does not fit the slice ({pixels.shape[0]} × "
                f"{pixels.shape[1]}). Analyse the slice again."
            )
        warmth = np.nan_to_num(np.clip(heat, 0.0, 1.0), nan=0.0).astype(np.float32)
        colours = _table(colour_map)[np.rint(warmth * 255.0).astype(np.uint8)].astype(np.float32)
        cover = warmth[:, :, None] * np.float32(min(max(opacity, 0.0), 1.0))
        picture = picture * (1.0 - cover) + colours * cover
    return np.rint(picture).astype(np.uint8)


def outlined(picture: ByteImage, inside: NDArray[np.bool_], colour: tuple[int, int, int] = EDGE) -> ByteImage:
    """A copy of an RGB picture uint8 (rows, columns, 3) with a line around where ``inside`` (rows, columns) is True.

    Light on a dark rim, so that it is seen on bright and on dark ground; its width grows with the picture.
    """
    drawn, width = picture.copy(), max(1, round(max(inside.shape) / 500))
    edges, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for tint, across in (((0, 0, 0), 3 * width), (colour, width)):
        cv2.polylines(drawn, list(edges), isClosed=True, color=tint, thickness=across, lineType=cv2.LINE_AA)
    return drawn


def at_most(image: FloatImage, longest: int) -> FloatImage:
    """``image``, or where a side is longer than ``longest`` pixels a smaller one, to be looked at."""
    rows, columns = image.shape
    scale = longest / max(rows, columns)
    if scale >= 1:
        return image
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def legend(colour_map: str = "magma", *, width: int = 256, height: int = 16) -> ByteImage:
    """A strip of the map's colours, coldest left, as uint8 RGB (height, width, 3); ImagingError for unknown maps."""
    ramp = np.rint(np.linspace(0, 255, width)).astype(np.uint8)
    return np.repeat(_table(colour_map)[ramp][None], height, axis=0)


def to_png(image: NDArray[Any]) -> bytes:
    """PNG bytes of a uint8 grey (rows, columns) or RGB (rows, columns, 3) image, or of a float32 grey one in 0..1.

    Raises ImagingError where the array is none of these.
    """
    if image.dtype == np.float32 and image.ndim == 2:
        image = np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)
    drawable = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
    if image.dtype != np.uint8 or not drawable or image.size == 0:
        raise ImagingError("Only grey or colour pictures of 8 bits can be written as PNG.")
    done, data = cv2.imencode(".png", image if image.ndim == 2 else image[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        raise ImagingError("The picture could not be written as PNG. Try again.")
    return data.tobytes()
