"""The outer structure of PNG and JPEG files: sizes and orientation, read before any pixel is decoded.

Both functions also return the file reduced to the parts that make pixels. What they leave out (text, profiles,
thumbnails, animation frames, further pictures) is where decompression bombs and half-broken metadata hide.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import NamedTuple

from services.errors import DamagedFile, TooLarge, UnsupportedFormat

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_PIXEL_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_MOST_PARTS = 100_000
_USUAL_SCANS = 10
_MOST_SCANS = 100
_MOST_SCANNED_PIXELS = 1_000_000_000
# Decoders take time that grows with the square of such a run.
_FILL = b"\xff" * 4096
_SPLIT = f"The {{}} file is split into more than {_MOST_PARTS:,} parts. Save it again with another program."
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Container:
    """What the outer structure says.

    ``rows`` and ``columns`` are as stored, before ``orientation`` (Exif 2.32, 1 to 8) is applied. ``bits`` a sample.
    ``color_type`` is PNG's (0 grey, 2 colour, 3 palette, 4 grey with alpha, 6 colour with alpha); -1 in a JPEG.
    ``palette`` counts the entries of a PNG palette. ``pictures`` is 1, or more in an animation or a multi-picture file.
    ``essence`` is the file without everything that makes no pixels of the first picture.
    """

    rows: int
    columns: int
    bits: int
    color_type: int
    palette: int
    orientation: int
    pictures: int
    essence: bytes


def read_png(data: bytes) -> Container:
    """Walk the chunks of a PNG (ISO/IEC 15948, clause 5) and check those that make pixels against their CRC.

    Raises DamagedFile where the file is cut off or a checksum is wrong, TooLarge with more than 100,000 chunks.
    """
    view, position, parts, kept = memoryview(data), len(PNG_SIGNATURE), 0, [memoryview(PNG_SIGNATURE)]
    header = exif = b""
    palette, pictures = 0, 1
    kind = b""
    while kind != b"IEND":
        if position + 12 > len(data):
            raise DamagedFile("The PNG file is cut off before its end. Copy or export it again.")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise DamagedFile("The PNG file is cut off inside its image. Copy or export it again.")
        body = view[position + 8 : end - 4]
        if kind in _PNG_PIXEL_CHUNKS:
            if zlib.crc32(view[position + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
                raise DamagedFile(
                    f"The PNG file is damaged: the checksum of its {kind.decode()} part is wrong. "
                    "Copy or export it again."
                )
            kept.append(view[position:end])
        if not header:
            if kind != b"IHDR" or length != 13:
                raise DamagedFile("The PNG file does not begin with its header. Export it again.")
            header = bytes(body)
        elif kind == b"PLTE":
            palette = length // 3
        elif kind == b"acTL" and length >= 4:
            pictures = max(1, struct.unpack_from(">I", body)[0])
        elif kind == b"eXIf":
            exif = bytes(body)
        position, parts = end, parts + 1
        if parts > _MOST_PARTS:
            raise TooLarge(_SPLIT.format("PNG"))
    columns, rows, bits, color_type = struct.unpack_from(">IIBB", header)
    return Container(rows, columns, bits, color_type, palette, exif_orientation(exif), pictures, b"".join(kept))


def read_jpeg(data: bytes) -> Container:
    """Walk the segments of a JPEG up to its first scan (ITU-T T.81, annex B).

    Raises DamagedFile where no image follows, TooLarge where the file is made to keep a decoder busy, and
    UnsupportedFormat for lossless and 12-bit frames, which only DICOM files hold and read.
    """
    view, position, parts, kept = memoryview(data), 2, 0, [memoryview(data)[:2]]
    frame: tuple[int, int, int, int] | None = None
    exif, pictures = b"", 1
    while True:
        # Any number of fill bytes may precede a marker; a file of nothing else would be a slow walk.
        while data[position : position + 2] == b"\xff\xff" and parts <= _MOST_PARTS:
            position, parts = position + 1, parts + 1
        if position + 4 > len(data):
            raise DamagedFile("The JPEG file is cut off before its image. Copy or export it again.")
        lead, marker, length = struct.unpack_from(">BBH", data, position)
        end = position + 2 + length
        if lead != 0xFF or length < 2 or end > len(data):
            raise DamagedFile("The JPEG file is cut off or damaged before its image. Copy or export it again.")
        body = view[position + 4 : end]
        if marker == 0xDA:
            break
        if _starts_frame(marker):
            if len(body) < 6:
                raise DamagedFile("The JPEG file's frame header is damaged. Copy or export it again.")
            bits, rows, columns = struct.unpack_from(">BHH", body)
            frame = (marker, bits, rows, columns)
        if marker == 0xE1 and bytes(body[:6]) == b"Exif\0\0":
            exif = exif or bytes(body[6:])
        elif marker == 0xE2 and bytes(body[:4]) == b"MPF\0":
            pictures = 2
        # Of the application segments only JFIF's (APP0) and Adobe's (APP14) say how the colours are stored.
        if not (0xE1 <= marker <= 0xEF or marker == 0xFE) or marker == 0xEE:
            kept.append(view[position:end])
        position, parts = end, parts + 1
        if parts > _MOST_PARTS:
            raise TooLarge(_SPLIT.format("JPEG"))
    if frame is None:
        raise DamagedFile("The JPEG file has no frame header, so the image size is unknown. Export it again.")
    if frame[0] in (0xC3, 0xC7, 0xCB, 0xCF) or frame[1] != 8:
        raise UnsupportedFormat(
            f"The file is a lossless or {frame[1]}-bit JPEG, which is read only inside DICOM. "
            "Export it as PNG or DICOM."
        )
    end = data.find(b"\xff\xd9", position)
    end = len(data) if end < 0 else end
    if data.find(_FILL, position, end) >= 0:
        raise DamagedFile("The JPEG file's image is overwritten in part. Copy or export it again.")
    # Each scan is a pass over the whole image.
    scans = data.count(b"\xff\xda", position, end)
    if scans > _MOST_SCANS or (scans > _USUAL_SCANS and scans * frame[2] * frame[3] > _MOST_SCANNED_PIXELS):
        raise TooLarge(f"The JPEG file builds up its image in {scans} scans. Save it again with another program.")
    kept.append(view[position:])
    return Container(frame[2], frame[3], frame[1], -1, 0, exif_orientation(exif), pictures, b"".join(kept))


class Codestream(NamedTuple):
    """What a compressed frame of a DICOM file says of itself."""

    rows: int
    columns: int
    samples: int
    bits: int


def read_codestream(frame: bytes) -> Codestream | None:
    """The size in the header of a JPEG, JPEG-LS or JPEG 2000 frame (ITU-T T.81 B.2.2, T.87 C.2.2, T.800 A.5.1).

    JPEG 2000 may be wrapped in a JP2 file. None where no such header is found.
    """
    start = frame.find(b"\xff\x4f\xff\x51", 0, 4096)
    if start >= 0 and len(frame) >= start + 43:
        right, bottom, left, top = struct.unpack_from(">4I", frame, start + 8)
        samples, depth = struct.unpack_from(">HB", frame, start + 40)
        return Codestream(bottom - top, right - left, samples, (depth & 0x7F) + 1)
    position = 2 if frame[:2] == b"\xff\xd8" else len(frame)
    while position + 10 <= len(frame) and frame[position] == 0xFF:
        marker, length = struct.unpack_from(">BH", frame, position + 1)
        if _starts_frame(marker) or marker == 0xF7:
            bits, rows, columns, samples = struct.unpack_from(">BHHB", frame, position + 4)
            return Codestream(rows, columns, samples, bits)
        if marker == 0xFF:
            position += 1
        elif marker == 0xDA or length < 2:
            break
        else:
            position += 2 + length
    return None


def _starts_frame(marker: int) -> bool:
    """Whether a JPEG marker is one of SOF0 to SOF15; DHT, JPG and DAC lie between them."""
    return 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)


def exif_orientation(exif: bytes) -> int:
    """The orientation 1 to 8 in a TIFF-structured Exif block (CIPA DC-008, 4.6.4); 1 where it is missing or damaged."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 8:
        return 1
    directory = struct.unpack_from(order + "I", exif, 4)[0]
    if directory + 2 > len(exif):
        return 1
    entries = struct.unpack_from(order + "H", exif, directory)[0]
    for start in range(directory + 2, min(directory + 2 + 12 * entries, len(exif) - 11), 12):
        tag, kind, count = struct.unpack_from(order + "HHI", exif, start)
        if tag == _ORIENTATION and kind == 3 and count == 1:
            value = int(struct.unpack_from(order + "H", exif, start + 8)[0])
            return value if 1 <= value <= 8 else 1
    return 1
