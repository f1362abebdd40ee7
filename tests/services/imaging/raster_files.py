"""PNG and JPEG files for the tests, written by Pillow or put together by hand."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

RNG = np.random.default_rng(11)
GREY = RNG.integers(0, 256, (13, 9), np.uint8)
COLOUR = RNG.integers(0, 256, (13, 9, 3), np.uint8)
ALPHA = RNG.integers(0, 256, (13, 9), np.uint8)
LUMA = np.array([0.299, 0.587, 0.114])


def png(values: np.ndarray | Image.Image, **options: Any) -> bytes:
    """A PNG of an array or picture."""
    stream = io.BytesIO()
    image = values if isinstance(values, Image.Image) else Image.fromarray(values)
    image.save(stream, "PNG", **options)
    return stream.getvalue()


def jpeg(values: np.ndarray | Image.Image, **options: Any) -> bytes:
    """A JPEG of an array or picture."""
    stream = io.BytesIO()
    image = values if isinstance(values, Image.Image) else Image.fromarray(values)
    image.save(stream, "JPEG", **({"quality": 95} | options))
    return stream.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """One part of a PNG with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def raw_png(
    columns: int, rows: int, bits: int, color_type: int, pixels: bytes, *extra: bytes, after: tuple[bytes, ...] = ()
) -> bytes:
    """A PNG put together by hand: header, ``extra`` chunks, the deflated ``pixels`` and ``after``."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, bits, color_type, 0, 0, 0))
    body = b"".join((*extra, chunk(b"IDAT", zlib.compress(pixels, 9)), *after))
    return b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b"")
