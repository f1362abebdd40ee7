"""Uploaded bytes to a Slice; what the file is shows in its content, its name plays no part."""

from __future__ import annotations

import codecs
import hashlib
import struct
import zlib
from collections.abc import Iterator

import numpy as np

from services.errors import DamagedFile, ImagingError, TooLarge, UnsupportedFormat
from services.imaging.containers import PNG_SIGNATURE
from services.imaging.dicom_worker import decode_dicom_apart, decode_dicom_frames_apart, deidentify_dicom_apart
from services.imaging.limits import DEFAULT_LIMITS, Limits, enough_memory
from services.imaging.metadata import without_metadata
from services.imaging.raster import decode_raster
from services.imaging.slice import Format, Slice

# (offset, first bytes, what it is): formats that people do upload and that get a sentence of their own.
_KNOWN = (
    (0, b"GIF8", "a GIF image"),
    (0, b"II*\0", "a TIFF image"),
    (0, b"MM\0*", "a TIFF image"),
    (0, b"II+\0", "a TIFF image"),
    (0, b"MM\0+", "a TIFF image"),
    (8, b"WEBP", "a WebP image"),
    (0, b"BM", "a BMP image"),
    (0, b"\0\0\1\0", "an icon"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 image outside DICOM"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image outside DICOM"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (4, b"ftypavif", "an AVIF image"),
    (4, b"ftyphei", "a HEIC photograph"),
    (4, b"ftypmif1", "a HEIC photograph"),
    (4, b"ftyp", "a video"),
    (0, b"\x1aE\xdf\xa3", "a video"),
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"PK\3\4", "a ZIP archive or an Office document"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"7z\xbc\xaf", "a 7-Zip archive"),
    (257, b"ustar", "a TAR archive"),
    (0, b"NRRD", "an NRRD volume"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"MATLAB 5.0", "a MATLAB file"),
    (0, b"\x89HDF", "an HDF5 or MATLAB file"),
    (344, b"n+1\0", "a NIfTI volume"),
    (344, b"ni1\0", "a NIfTI header"),
)
_EXPORT = "Export the slice as PNG, JPEG or DICOM"
_STAYS_OUT = "The file cannot be stored, because the patient's identity cannot be taken out of it safely."


def decode(data: bytes, *, frame: int | None = None, limits: Limits = DEFAULT_LIMITS) -> Slice:
    """Decode an upload into one upright grey image.

    ``data`` are the file's bytes: PNG, JPEG or DICOM, told apart by content. ``frame`` counts from 0; None takes the
    middle one. DICOM is decoded in a separate process, so that a file which crashes a decoder or keeps it busy harms
    nobody else; PNG and JPEG are decoded here. Safe to call from several threads.

    Returns a Slice: float32 pixels in 0..1, with geometry, facts, patient hint and warnings where the file has them.
    Raises UnsupportedFormat for every other kind of file (named where it is known), DamagedFile for broken, empty or
    contradictory content, TooLarge past ``limits``, and ImagingError for a frame that the file does not have.
    """
    form = _checked(data, limits)
    sha256 = hashlib.sha256(data).hexdigest()
    with enough_memory():
        if form == "DICOM":
            return decode_dicom_apart(data, frame=frame, limits=limits, sha256=sha256)
        return decode_raster(data, form, frame=frame, limits=limits, sha256=sha256)


def decode_frames(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[Slice | ImagingError]:
    """Every frame of an upload in turn, the file read once; in the place of a frame that cannot be decoded, its error.

    Nothing is raised: a file that cannot be read at all is one error, of the classes that ``decode`` lists.
    """
    try:
        if _checked(data, limits) != "DICOM":
            yield decode(data, limits=limits)
            return
        with enough_memory():
            yield from decode_dicom_frames_apart(data, limits=limits, sha256=hashlib.sha256(data).hexdigest())
    except ImagingError as error:
        yield error


def without_identity(data: bytes, image: Slice, *, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The upload that became ``image``, fit to be stored: the same picture, and nothing that names anybody beside it.

    What that means for DICOM stands in services.imaging.deidentify, for PNG and JPEG in services.imaging.metadata. The
    result is decoded once more: a file whose picture would not be exactly the one that was examined, or that cannot be
    written without its header's damage, is refused rather than stored with an identity or as another picture. Raises
    ImagingError with what to do instead.
    """
    with enough_memory():
        try:
            if image.format == "DICOM":
                clean = deidentify_dicom_apart(data, limits=limits)
            else:
                clean = without_metadata(data, image.format)
            same = shows(clean, image, limits=limits)
        except ImagingError as error:
            raise DamagedFile(f"{_STAYS_OUT} {error}") from error
    if not same:
        raise DamagedFile(f"{_STAYS_OUT} Export the slice as a new PNG, and analyse that.")
    return clean


def shows(data: bytes, image: Slice, *, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Whether the file ``data`` decodes to exactly the picture of ``image``, as the same of as many frames.

    Raises what ``decode`` raises.
    """
    again = decode(data, frame=image.frame, limits=limits)
    return again.frames == image.frames and np.array_equal(again.pixels, image.pixels)


def _checked(data: bytes, limits: Limits) -> Format:
    if not data:
        raise DamagedFile("The file is empty. Choose the image again, or export it again.")
    check_size(len(data), limits)
    return recognise(data)


def check_size(size: int, limits: Limits) -> None:
    """Raise TooLarge where a file of ``size`` bytes is not decoded, so that it need not be read."""
    if size > limits.max_bytes:
        raise TooLarge(
            f"The file has {size / 2**20:.0f} MB; at most {limits.max_bytes / 2**20:g} MB are read. "
            "Export single slices instead of the whole series."
        )


def recognise(data: bytes) -> Format:
    """The format that ``data`` begin with; raises UnsupportedFormat with its name, or saying that it is unknown."""
    if data.startswith(PNG_SIGNATURE):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data[128:132] == b"DICM" or _begins_like_dicom(data):
        return "DICOM"
    if data == b"DICM":
        raise DamagedFile("The file holds DICOM's mark and nothing else. Copy or export it again.")
    name = next((name for offset, magic, name in _KNOWN if data.startswith(magic, offset)), None)
    name = name or _compressed(data) or _text(data)
    if name:
        raise UnsupportedFormat(f"The file is {name}, whatever its name says. {_EXPORT}.")
    if PNG_SIGNATURE.startswith(data) or data == b"\xff\xd8":
        raise DamagedFile("The file is cut off after its first bytes. Copy or export it again.")
    raise UnsupportedFormat(f"The file is no PNG, JPEG or DICOM image. {_EXPORT}.")


def _begins_like_dicom(data: bytes) -> bool:
    """Whether ``data`` could be a data set without preamble and "DICM", as old scanners and archives write it.

    Its first element is then of group 0002 or 0008, either byte order, with a short first value (PS3.5, 7.1).
    """
    if len(data) < 64:
        return False
    for order in "<>":
        group, element = struct.unpack_from(order + "HH", data)
        if group not in (0x0002, 0x0008) or element > 0x0100:
            continue
        if data[4:6].isalpha() and data[4:6].isupper():
            return True
        if order == "<" and struct.unpack_from("<I", data, 4)[0] <= 1024:
            return True
    return False


def _compressed(data: bytes) -> str | None:
    if data[:2] != b"\x1f\x8b":
        return None
    try:
        start = zlib.decompressobj(wbits=31).decompress(data[:65536], 4096)
    except zlib.error:
        start = b""
    return "a compressed NIfTI volume" if start[344:348] in (b"n+1\0", b"ni1\0") else "a gzip archive"


def _text(data: bytes) -> str | None:
    start = data[:4096].removeprefix(b"\xef\xbb\xbf")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "a text file"
    try:
        # Incremental, because a multi-byte character may be cut at the end of the piece.
        words = codecs.getincrementaldecoder("utf-8")().decode(start).lower().lstrip()
    except UnicodeDecodeError:
        return None
    if any(ord(c) < 32 and c not in "\t\n\r\f" for c in words):
        return None
    if "<svg" in words:
        return "an SVG drawing"
    if words.startswith(("<!doctype html", "<html")):
        return "a web page"
    return "a text file"
