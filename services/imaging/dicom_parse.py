"""DICOM bytes to a data set: parsing that is bounded in size and depth, and that ends in a sentence when it fails."""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom import dcmread
from pydicom.datadict import dictionary_description, dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from services.errors import DamagedFile, FalxError, TooLarge
from services.imaging.limits import EXPORT_AGAIN, Limits

_WALKED_ITEMS = 5000


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn whatever pydicom and its plug-ins raise over broken content into a sentence about ``what``."""
    try:
        with warnings.catch_warnings():
            # Deviations that matter are looked for here and said in words; the others are pydicom's to tolerate.
            warnings.simplefilter("ignore")
            yield
    except FalxError:
        raise
    except MemoryError as error:
        raise TooLarge(
            f"The DICOM file needs more memory than one file may take: {what} is too large. Export single images."
        ) from error
    except RecursionError as error:
        raise TooLarge(f"The DICOM file's sequences are nested too deeply; {EXPORT_AGAIN}.") from error
    except Exception as error:  # A damaged element makes pydicom raise nearly any class.
        raise DamagedFile(f"The DICOM file is damaged: {what} cannot be read; {EXPORT_AGAIN}.") from error


def named(keyword: str) -> str:
    """Tag and name as the standard writes them, for example "(0028,0010) Rows"."""
    tag = Tag(tag_for_keyword(keyword) or 0)
    return f"({tag.group:04X},{tag.element:04X}) {dictionary_description(tag)}"


def parse(data: bytes, limits: Limits) -> tuple[Dataset, list[str]]:
    """Parse a DICOM file, with or without preamble and file meta group.

    Returns the data set, its file_meta holding a transfer syntax where one is named or could be told, and warnings.
    Raises DamagedFile or TooLarge (inflated size, nesting).
    """
    said: list[str] = []
    with reading("its header"):
        _check_inflated_size(data, limits)
        dataset = dcmread(io.BytesIO(data), force=True)
        _check_nesting(dataset, limits)
        if len(dataset) == 0:
            raise DamagedFile(
                "The DICOM file holds nothing that can be read to its end; it was cut off or never written. "
                f"Copy it again, or {EXPORT_AGAIN}."
            )
        if "TransferSyntaxUID" not in dataset.file_meta:
            implicit, little = dataset.original_encoding
            syntax = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
            dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else syntax
            said.append(
                f"The file does not name its {named('TransferSyntaxUID')}; "
                f"{dataset.file_meta.TransferSyntaxUID.name} was taken from its content."
            )
    return dataset, said


def _check_inflated_size(data: bytes, limits: Limits) -> None:
    """Inflate a deflated data set piece by piece without keeping it, before pydicom does so in one go."""
    if data[128:132] != b"DICM":
        return
    stream = io.BytesIO(data)
    stream.seek(132)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, vr, length: BaseTag(tag).group != 2)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return
    inflater, total = zlib.decompressobj(wbits=-zlib.MAX_WBITS), 0
    while piece := stream.read(2**16):
        # What follows the end of the deflated stream stays in unconsumed_tail for good.
        while piece and not inflater.eof:
            total += len(inflater.decompress(piece, 2**20))
            piece = inflater.unconsumed_tail
            if total > limits.max_bytes:
                raise TooLarge(
                    f"The DICOM file is deflated and grows beyond {limits.max_bytes / 2**20:g} MB; "
                    "export it without compression, or as single images."
                )


def _check_nesting(dataset: Dataset, limits: Limits) -> None:
    """Refuse sequences deeper than the limit, walking without recursion.

    Only so many items are looked at: a sequence that nobody opens does no harm, and large ones are shallow.
    """
    waiting, walked = [(dataset, 0)], 0
    while waiting and walked < _WALKED_ITEMS:
        current, depth = waiting.pop()
        walked += 1
        if depth > limits.max_nesting:
            raise TooLarge(
                f"The DICOM file's sequences are nested more than {limits.max_nesting} deep, which no scanner writes; "
                f"{EXPORT_AGAIN}."
            )
        for tag in [tag for tag in list(current.keys()) if _is_sequence(current, tag)]:
            try:
                with reading(f"sequence {tag}"):
                    value = current[tag].value
            except DamagedFile:
                continue
            if isinstance(value, Sequence):
                waiting.extend((item, depth + 1) for item in value[: _WALKED_ITEMS - walked])


def _is_sequence(dataset: Dataset, tag: BaseTag) -> bool:
    """Whether an element is a sequence, told without converting it; implicit VR leaves that to the dictionary."""
    vr = dataset.get_item(tag).VR
    return (vr or (dictionary_VR(tag) if dictionary_has_tag(tag) else "")) == "SQ"
