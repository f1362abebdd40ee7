"""What a DICOM header says: safe access to its elements, and the layout of the pixels, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import UID

from services.errors import DamagedFile, FalxError, TooLarge, UnsupportedFormat
from services.imaging.dicom_parse import named, reading
from services.imaging.limits import EXPORT_AGAIN, Limits

PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_SEGMENTATIONS = {"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"}


@dataclass(frozen=True)
class Layout:
    """The Image Pixel module (PS3.3, C.7.6.3), checked: every number is possible and within the limits.

    ``keyword`` is the one of PIXEL_KEYWORDS that the file has.
    """

    keyword: str
    syntax: UID
    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool


def value_of(dataset: Dataset | None, keyword: str) -> Any:
    """The value of an optional element, None where it is missing, empty or unreadable."""
    if dataset is None:
        return None
    try:
        with reading(named(keyword)):
            value = dataset.get(keyword)
    except FalxError:
        return None
    return None if value is None or (hasattr(value, "__len__") and len(value) == 0) else value


def _several(value: Any) -> list[Any]:
    """The values of an element, one or many, as a list."""
    return list(value) if isinstance(value, MultiValue | list) else [value]


def numbers_of(dataset: Dataset | None, keyword: str) -> tuple[float, ...]:
    """The finite numbers of an optional element; empty where it is missing or any of them is not a finite number."""
    try:
        result = tuple(float(v) for v in _several(value_of(dataset, keyword)))
    except (TypeError, ValueError, OverflowError):
        return ()
    return result if all(map(math.isfinite, result)) else ()


def number_of(dataset: Dataset | None, keyword: str) -> float | None:
    """The first number of an optional element."""
    return next(iter(numbers_of(dataset, keyword)), None)


def text_of(dataset: Dataset | None, keyword: str, longest: int = 120) -> str:
    """An optional element as one line of printable text; several values are joined by commas."""
    value = value_of(dataset, keyword)
    if value is None or isinstance(value, bytes | Sequence):
        return ""
    line = " ".join(", ".join(str(v) for v in _several(value)).split())
    return "".join(c for c in line if c.isprintable())[:longest].strip()


def items_of(dataset: Dataset | None, keyword: str) -> list[Dataset]:
    """The items of an optional sequence; empty where it is missing or something else."""
    value = value_of(dataset, keyword)
    return list(value) if isinstance(value, Sequence) else []


def item_of(dataset: Dataset | None, keyword: str, index: int = 0) -> Dataset | None:
    """One item of an optional sequence."""
    items = items_of(dataset, keyword)
    return items[index] if index < len(items) else None


def _required(dataset: Dataset, keyword: str, low: int, high: int, default: int | None = None) -> int:
    """A whole number in ``low``..``high``; raises DamagedFile with tag and value otherwise."""
    tag = Tag(tag_for_keyword(keyword) or 0)
    if tag not in dataset or dataset.get_item(tag).value in (None, b"", ""):
        if default is not None:
            return default
        what = "so the image size is unknown" if keyword in ("Rows", "Columns") else "so its pixels cannot be read"
        raise DamagedFile(f"The file's {named(keyword)} is missing, {what}; {EXPORT_AGAIN}.")
    raw = dataset.get_item(tag).value
    value = value_of(dataset, keyword)
    if isinstance(value, int) and low <= value <= high:
        return int(value)
    if value is None:
        shown = repr(raw.decode("ascii", "replace").strip() if isinstance(raw, bytes) else str(raw))[:40]
    else:
        shown = str(value)[:40]
    raise DamagedFile(f"The file's {named(keyword)} is {shown}, which is not possible for an image; {EXPORT_AGAIN}.")


def read_layout(dataset: Dataset, limits: Limits) -> Layout:
    """Check everything that says how the pixels are stored.

    Raises UnsupportedFormat for objects that hold no image or a kind of it that is not read, DamagedFile for missing or
    impossible values, TooLarge past the limits; each names the element and its value.
    """
    syntax = UID(text_of(dataset.file_meta, "TransferSyntaxUID"))
    sop_class = UID(text_of(dataset, "SOPClassUID") or text_of(dataset.file_meta, "MediaStorageSOPClassUID"))
    kind = sop_class.name if sop_class else "DICOM of no stated kind"
    keywords = [keyword for keyword in PIXEL_KEYWORDS if keyword in dataset]
    if "DirectoryRecordSequence" in dataset or kind == "Media Storage Directory Storage":
        raise UnsupportedFormat(
            "The file is a DICOMDIR, the table of contents of a disc; choose one of the image files beside it instead."
        )
    if sop_class in _SEGMENTATIONS:
        raise UnsupportedFormat(
            f"The file is a {kind} object, which holds outlines instead of an image; "
            "choose the image that it was drawn on."
        )
    if not keywords:
        if "Rows" in dataset or kind.endswith("Image Storage"):
            raise DamagedFile(
                f"The file ({kind}) has no {named('PixelData')}, so it was cut off or never complete; {EXPORT_AGAIN}."
            )
        raise UnsupportedFormat(
            f"The file ({kind}) has no {named('PixelData')}, so it is no image; choose an image of the study."
        )
    rows, columns = _required(dataset, "Rows", 1, 65535), _required(dataset, "Columns", 1, 65535)
    if rows * columns > limits.max_pixels:
        raise TooLarge(
            f"The file's {named('Rows')} is {rows} and {named('Columns')} {columns}; at most "
            f"{limits.max_pixels / 1e6:g} million pixels a frame are read. Export it at a smaller size."
        )
    frames = _required(dataset, "NumberOfFrames", 1, 2**31 - 1, default=1)
    if frames > limits.max_frames:
        raise TooLarge(
            f"The file's {named('NumberOfFrames')} is {frames}; at most {limits.max_frames} are read. "
            "Export fewer images at once."
        )
    samples = _required(dataset, "SamplesPerPixel", 1, 4, default=1)
    photometric = text_of(dataset, "PhotometricInterpretation")
    if not photometric:
        raise DamagedFile(
            f"The file's {named('PhotometricInterpretation')} is missing, so it is unknown whether high values are "
            f"bright; {EXPORT_AGAIN}."
        )
    floating = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}.get(keywords[0])
    bits_allocated = _required(dataset, "BitsAllocated", 1, 64, default=floating)
    bits_stored = _required(dataset, "BitsStored", 1, bits_allocated, default=bits_allocated)
    if bits_allocated not in ({floating} if floating else {1, 8, 16, 32}):
        raise UnsupportedFormat(
            f"The file's {named('BitsAllocated')} is {bits_allocated}, which is not read; {EXPORT_AGAIN}."
        )
    return Layout(
        keyword=keywords[0],
        syntax=syntax,
        rows=rows,
        columns=columns,
        frames=frames,
        samples=samples,
        photometric=photometric.upper(),
        bits_allocated=bits_allocated,
        bits_stored=bits_stored,
        high_bit=_required(dataset, "HighBit", bits_stored - 1, bits_allocated - 1, default=bits_stored - 1),
        signed=bool(_required(dataset, "PixelRepresentation", 0, 1, default=0)),
    )
