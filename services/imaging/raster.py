"""PNG and JPEG bytes to a grey image, by Pillow (and OpenCV for 16-bit colour, which Pillow cuts to 8 bits)."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from services.errors import DamagedFile, ImagingError, TooLarge, UnsupportedFormat
from services.imaging.containers import Container, read_jpeg, read_png
from services.imaging.levels import grey_and_colourfulness, percentile_range, ramp, scaled
from services.imaging.limits import Limits
from services.imaging.slice import FloatImage, Slice

# What Pillow's readers are known to raise over broken content; UnidentifiedImageError is an OSError.
_BROKEN = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, struct.error, zlib.error)
# Such pictures take hundreds of megabytes while they are decoded, so they come one after the other.
_BIG, _BIG_ONES = 4_000_000, Lock()
_PNG_KINDS = {0: "grey", 2: "colour", 3: "palette", 4: "grey with alpha", 6: "colour with alpha"}


def decode_raster(
    data: bytes, form: Literal["PNG", "JPEG"], *, frame: int | None, limits: Limits, sha256: str
) -> Slice:
    """Decode a PNG or JPEG of any mode, turned upright by its Exif orientation, alpha composited on black.

    8 bits and fewer map their full scale to 0..1. 16-bit samples do too when the 99.5th percentile reaches a quarter of
    the scale; darker ones hold raw scanner values (12 bits, for example) and are stretched between their percentiles,
    with a warning. Of an animation or a multi-picture file the first picture is taken, with a warning.

    Raises DamagedFile, TooLarge or UnsupportedFormat, and ImagingError where ``frame`` is neither None nor 0.
    """
    container = read_png(data) if form == "PNG" else read_jpeg(data)
    rows, columns = container.rows, container.columns
    if rows == 0 or columns == 0:
        raise DamagedFile(f"The {form} file says that it is {columns} x {rows} pixels large. Export it again.")
    if rows * columns > limits.max_pixels or max(rows, columns) > limits.max_side:
        raise TooLarge(
            f"The image has {columns} x {rows} pixels; at most {limits.max_pixels / 1e6:g} million are read, and "
            f"{limits.max_side} in a row or column. Export it at a smaller size."
        )
    if frame not in (None, 0):
        raise ImagingError(f"A {form} file holds one image, frame 0; there is no frame {frame}.")
    warnings: list[str] = []
    if container.pictures > 1:
        warnings.append("The file holds several pictures, for example an animation; only the first is shown.")
    with _decoding(form), _BIG_ONES if rows * columns > _BIG else nullcontext():
        if container.bits == 16:
            grey, colourfulness = _sixteen_bit(container, warnings)
        else:
            grey, colourfulness = _eight_bit(container, form, warnings)
    kind = _PNG_KINDS.get(container.color_type, "")
    return Slice(
        pixels=_upright(grey, container.orientation),
        format=form,
        sha256=sha256,
        colourfulness=colourfulness,
        facts=(("Encoding", f"{form}, {container.bits}-bit {kind}".strip()),),
        warnings=tuple(warnings),
    )


@contextmanager
def _decoding(form: str) -> Iterator[None]:
    """Say in a sentence what breaks on the way to the pixels; the container was checked before, its content was not."""
    try:
        yield
    except Image.DecompressionBombError as error:
        raise TooLarge("The image has more pixels than can be read safely. Export it at a smaller size.") from error
    except _BROKEN as error:
        raise DamagedFile(f"The {form} file's pixels cannot be read to the end. Copy or export it again.") from error


def _eight_bit(container: Container, form: str, warnings: list[str]) -> tuple[FloatImage, float]:
    with _opened(container, form) as picture:
        if picture.mode == "P" and int(np.asarray(picture).max()) >= container.palette:
            raise DamagedFile(
                f"The PNG file uses colour {np.asarray(picture).max()} of a palette that has only {container.palette} "
                "colours. Export it again, as grey if possible."
            )
        if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
            flat = picture.convert("RGBA")
            if flat.getchannel("A").getextrema() != (255, 255):
                warnings.append("Transparent parts of the image were taken as black.")
                flat = Image.alpha_composite(Image.new("RGBA", flat.size, (0, 0, 0, 255)), flat)
            colours = flat.convert("RGB")
        elif picture.mode in ("1", "L"):
            return scaled(np.asarray(picture.convert("L")), 255), 0.0
        else:
            colours = picture.convert("RGB")
        return grey_and_colourfulness(np.asarray(colours), 255)


def _opened(container: Container, form: str) -> Image.Image:
    """The decoded picture."""
    picture = Image.open(io.BytesIO(container.essence), formats=(form,))
    picture.load()
    if picture.size != (container.columns, container.rows):
        raise DamagedFile(f"The {form} file contradicts itself about its size. Export it again.")
    return picture


def _sixteen_bit(container: Container, warnings: list[str]) -> tuple[FloatImage, float]:
    if container.color_type == 0:
        with _opened(container, "PNG") as picture:
            values: NDArray[Any] = np.asarray(picture)
            if values.dtype.itemsize != 2:
                values = values.astype(np.uint16)
        return _stretched(values, warnings)[0], 0.0
    import cv2  # here, because few files need it and it takes a while to load

    try:
        colours = cv2.imdecode(np.frombuffer(container.essence, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise DamagedFile("The PNG file's pixels cannot be read to the end. Copy or export it again.") from error
    if colours is None or colours.dtype != np.uint16 or colours.shape[:2] != (container.rows, container.columns):
        raise DamagedFile("The PNG file's pixels cannot be read to the end. Copy or export it again.")
    if colours.ndim == 2:
        return _stretched(colours, warnings)[0], 0.0
    if colours.shape[2] not in (3, 4):
        raise UnsupportedFormat(f"The PNG file has {colours.shape[2]} channels a pixel. Export it as grey PNG.")
    grey, spread = grey_and_colourfulness(colours[..., 2::-1], 65535)
    if colours.shape[2] == 4 and int(colours[..., 3].min()) < 65535:
        warnings.append("Transparent parts of the image were taken as black.")
        opacity = scaled(colours[..., 3], 65535)
        grey *= opacity
        spread *= float(opacity.mean())
    grey, gain = _stretched(grey, warnings, top=1.0)
    return grey, min(1.0, spread * gain)


def _stretched(values: NDArray[Any], warnings: list[str], top: float = 65535) -> tuple[FloatImage, float]:
    """Values in 0..``top`` over the full scale, or over their percentiles where that would come out nearly black.

    Returns the grey levels and how much steeper than the full scale the ramp is.
    """
    low, high = percentile_range(values)
    if high >= top / 4 or high <= low:
        return scaled(values, top), 1.0
    darkest, brightest, used = (round(value * 65535 / top) for value in (low, high, float(values.max())))
    warnings.append(
        f"The 16-bit image uses only a small part of its range (up to {used} of 65535); "
        f"brightness was stretched between {darkest} and {brightest}."
    )
    return ramp(values, low, high), top / (high - low)


def _upright(pixels: FloatImage, orientation: int) -> FloatImage:
    """Undo the Exif orientation (CIPA DC-008, 4.6.4: how row 0 and column 0 of the stored image are to be seen)."""
    turned = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.T,
        6: lambda a: a.T[:, ::-1],
        7: lambda a: a.T[::-1, ::-1],
        8: lambda a: a.T[::-1],
    }.get(orientation, lambda a: a)(pixels)
    return np.ascontiguousarray(turned)
