"""PNG and JPEG files reduced to what makes their pixels, so that nothing beside the picture is stored.

Texts, Exif, XMP, colour profiles, thumbnails, comments, further pictures and whatever is hung on behind the end may
name a person, a place or a moment. No pixel is encoded anew. Of Exif the orientation alone is written back.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import Literal

from services.errors import DamagedFile
from services.imaging.containers import PNG_SIGNATURE, Container, read_jpeg, read_png

# How many bytes of PNG's tRNS say something, by colour type (ISO/IEC 15948, 11.3.2.1).
_TRANSPARENCY = {0: 2, 2: 6, 3: 256}
_PALETTE = 768
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PIECE = 2**16
# Frames, tables, scans, the number of lines and the restart interval (ITU-T T.81, table B.1).
_JPEG_PIXEL_MARKERS = {*range(0xC0, 0xC8), *range(0xC9, 0xD0), 0xDA, 0xDB, 0xDC, 0xDD}
_SCAN, _END = 0xDA, 0xD9
_JFIF, _ADOBE = (0xE0, b"JFIF\0", 14), (0xEE, b"Adobe", 12)
# Within a scan, a stuffed zero and restarts belong to the image.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")


def without_metadata(data: bytes, form: Literal["PNG", "JPEG"]) -> bytes:
    """The file with the same pixels and orientation, and nothing else; a file that has nothing else comes out as it is.

    Raises the errors of read_png and read_jpeg, and DamagedFile where a PNG's image data has no clear end.
    """
    return _bare_png(read_png(data)) if form == "PNG" else _bare_jpeg(read_jpeg(data))


def _bare_png(container: Container) -> bytes:
    """Header, palette, transparency and image data (ISO/IEC 15948, clause 11.2); the stream's end is the data's."""
    essence, position, parts = memoryview(container.essence), len(PNG_SIGNATURE), [PNG_SIGNATURE]
    image = _ImageData(container)
    while position < len(essence):
        length, kind = struct.unpack_from(">I4s", essence, position)
        body = bytes(essence[position + 8 : position + 8 + length])
        position += 12 + length
        if kind == b"IHDR":
            parts.append(_chunk(kind, body))
            if container.orientation != 1:
                parts.append(_chunk(b"eXIf", _exif(container.orientation)))
        elif kind == b"PLTE" and container.color_type == 3:
            parts.append(_chunk(kind, body[:_PALETTE]))
        elif kind == b"tRNS" and container.color_type in _TRANSPARENCY:
            parts.append(_chunk(kind, body[: _TRANSPARENCY[container.color_type]]))
        elif kind == b"IDAT" and (used := image.used(body)):
            parts.append(_chunk(kind, body[:used]))
    return b"".join((*parts, _chunk(b"IEND", b"")))


class _ImageData:
    """Follows the compressed image through its chunks, to tell it from what is hung on behind it."""

    def __init__(self, container: Container) -> None:
        self._stream, self._ended = zlib.decompressobj(), False
        bits = container.columns * container.bits * _SAMPLES.get(container.color_type, 4)
        # An interlaced image has up to twice as many rows, each with a filter byte and one that is not full.
        self._most = container.rows * (bits // 8 + 1 + 4) + _PIECE

    def used(self, body: bytes) -> int:
        """How many bytes of the next chunk belong to the image."""
        if self._ended:
            return 0
        for start in range(0, len(body), _PIECE):
            try:
                self._most -= len(self._stream.decompress(body[start : start + _PIECE]))
            except zlib.error as error:
                raise DamagedFile("The PNG file's image data is damaged. Copy or export it again.") from error
            if self._most < 0:
                raise DamagedFile("The PNG file holds more image data than its size says. Export it again.")
            self._ended = self._stream.eof
            if self._ended:
                return min(start + _PIECE, len(body)) - len(self._stream.unused_data)
        return len(body)


def _bare_jpeg(container: Container) -> bytes:
    """Frame, tables and scans up to the end of the first picture, and how its colours are stored."""
    essence, position, parts, scanning = container.essence, 2, [b"\xff\xd8"], False
    while position < len(essence):
        found = _MARKER.search(essence, position)
        stop = found.start() if found else len(essence)
        if scanning:
            parts.append(essence[position:stop].rstrip(b"\xff"))
        if stop + 4 > len(essence) or essence[stop + 1] == _END:
            break
        marker, length = struct.unpack_from(">xBH", essence, stop)
        position, scanning = stop + 2 + length, marker == _SCAN
        body = essence[stop + 4 : position]
        if marker in _JPEG_PIXEL_MARKERS:
            parts.append(essence[stop:position])
        elif _is(_JFIF, marker, body):
            # Its last two bytes are the size of a thumbnail.
            parts.append(_segment(marker, body[:12] + b"\0\0"))
        elif _is(_ADOBE, marker, body):
            parts.append(_segment(marker, body[:12]))
    if container.orientation != 1:
        # JFIF's segment comes first, where there is one.
        behind = 2 if parts[1].startswith(b"\xff\xe0") else 1
        parts.insert(behind, _segment(0xE1, b"Exif\0\0" + _exif(container.orientation)))
    return b"".join((*parts, b"\xff\xd9"))


def _is(kind: tuple[int, bytes, int], marker: int, body: bytes) -> bool:
    wanted, name, shortest = kind
    return marker == wanted and body.startswith(name) and len(body) >= shortest


def _exif(orientation: int) -> bytes:
    """A TIFF structure of one directory with one entry, Orientation (0112, SHORT)."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
