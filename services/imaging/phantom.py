"""Pictures like MRI slices and mammograms that Falx draws itself, for samples, tests and screenshots; all synthetic.

    key ─ draw ─ uint8 picture ─ as_png, as_dicom ─ bytes that can be uploaded like any other file

No image of a person went into them: the outlines are our own, the brightness of tissues follows the textbooks.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from services.imaging.phantom_axial import axial
from services.imaging.phantom_canvas import Canvas, scanned
from services.imaging.phantom_catalogue import (
    CONTRAST,
    FILMS,
    NOTICE,
    PHANTOMS,
    TISSUES,
    FilmInfo,
    PhantomInfo,
    Plane,
    phantom,
)
from services.imaging.phantom_coronal import coronal
from services.imaging.phantom_dicom import dicom_bytes
from services.imaging.phantom_film import film
from services.imaging.phantom_lesions import glioma, meningioma, pituitary_coronal, pituitary_sagittal
from services.imaging.phantom_sagittal import sagittal
from services.imaging.phantom_shapes import Field, grid, noise, shifted

__all__ = ["FILMS", "NOTICE", "PHANTOMS", "FilmInfo", "PhantomInfo", "as_dicom", "as_png", "draw", "phantom"]

ByteImage = NDArray[np.uint8]


def _axial(canvas: Canvas, info: PhantomInfo) -> None:
    brain = axial(canvas)
    if info.lesion == "glioma" and info.weighting == CONTRAST:
        glioma(canvas, brain, (63.0, 34.0), 14.0, 15.5)
    elif info.lesion == "glioma":
        glioma(canvas, brain, (60.5, 36.0), 13.0, 14.0)
    elif info.lesion == "meningioma":
        meningioma(canvas, brain, (31.0, 35.0), 14.5, 16.0)


def _coronal(canvas: Canvas, info: PhantomInfo) -> None:
    brain = coronal(canvas)
    if info.lesion == "glioma":
        glioma(canvas, brain, (36.0, 27.5), 14.0, 12.5)
    elif info.lesion == "meningioma":
        meningioma(canvas, brain, (59.5, 18.0), 15.5, 14.5)
    elif info.lesion == "pituitary":
        pituitary_coronal(canvas)


def _sagittal(canvas: Canvas, info: PhantomInfo) -> None:
    sagittal(canvas)
    if info.lesion == "pituitary":
        pituitary_sagittal(canvas)


_PLANES: dict[Plane, Callable[[Canvas, PhantomInfo], None]] = {
    "axial": _axial,
    "coronal": _coronal,
    "sagittal": _sagittal,
}


def _bent(rng: np.random.Generator, image: Field) -> Field:
    """The picture slightly turned and unevenly bent, since no head is straight and no half mirrors the other."""
    x, y = grid()
    turn = np.deg2rad(rng.uniform(-4.0, 4.0))
    dx = (x - 50.0) * (np.cos(turn) - 1.0) - (y - 50.0) * np.sin(turn)
    dy = (x - 50.0) * np.sin(turn) + (y - 50.0) * (np.cos(turn) - 1.0)
    dx = dx + 0.75 * noise(rng, 40.0) + 0.14 * noise(rng, 9.0)
    dy = dy + 0.75 * noise(rng, 40.0) + 0.14 * noise(rng, 9.0)
    return shifted(image, np.asarray(dx, dtype=np.float32), np.asarray(dy, dtype=np.float32))


@lru_cache(maxsize=2)
def _signal(key: str, seed: int) -> Field:
    """The phantom's picture, about 0..1: float32 (SIDE, SIDE) of a head, FILM_SHAPE of a film; read-only.

    Kept for a moment, since a sample's thumbnail and its file are asked for one after the other.
    """
    info = phantom(key)
    rng = np.random.default_rng([seed, zlib.crc32(key.encode())])
    if isinstance(info, FilmInfo):
        image = film(rng, info)
    else:
        canvas = Canvas(rng, TISSUES[info.weighting])
        _PLANES[info.plane](canvas, info)
        image = scanned(rng, _bent(rng, canvas.image))
    image.flags.writeable = False
    return image


def draw(key: str, seed: int = 0, size: int | None = None) -> ByteImage:
    """Draw a phantom as uint8, 0 black; the same key, seed and size give the same picture.

    A head is (512, 512), a film (1024, 768); with ``size`` it has that many rows, in the same aspect. Another ``seed``
    gives another head or breast of the same kind. Raises ImagingError for an unknown key.
    """
    image = _signal(key, seed)
    rows, columns = image.shape
    if size is not None and size != rows:
        method = cv2.INTER_AREA if size < rows else cv2.INTER_CUBIC
        smaller = cv2.resize(image, (round(size * columns / rows), size), interpolation=method)
        image = np.asarray(smaller, dtype=np.float32)
    picture: ByteImage = np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)
    return picture


def as_png(key: str, seed: int = 0) -> bytes:
    """A phantom as PNG; its text chunks say that it is synthetic. Raises ImagingError for an unknown key."""
    info = phantom(key)
    texts = PngInfo()
    texts.add_text("Title", info.title)
    texts.add_text("Description", f"{NOTICE} {info.description}")
    texts.add_text("Software", "Falx")
    buffer = io.BytesIO()
    Image.fromarray(draw(key, seed)).save(buffer, "PNG", pnginfo=texts)
    return buffer.getvalue()


def as_dicom(key: str, seed: int = 0) -> bytes:
    """A phantom as a DICOM file of patient “Phantom^Synthetic”: MR image or mammogram. Raises ImagingError."""
    return dicom_bytes(phantom(key), _signal(key, seed), seed)
