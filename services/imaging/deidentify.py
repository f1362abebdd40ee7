"""DICOM data sets without identity: the Basic Application Level Confidentiality Profile of PS3.15, Annex E.

What happens to an attribute says Table E.1-1 (2026c), which is confidentiality.csv beside this file. Where its action
depends on the attribute's type in the kind of object (X/Z, X/D, Z/D, X/Z/D), the form that every type allows is taken:
an empty value for X/Z, a dummy value for the others; Patient ID alone is empty, as Type 2 in every image lets it.
dicom_worker_process calls this; nobody else should.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import secrets
import uuid
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydicom.datadict import dictionary_has_tag, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID

from services.errors import DamagedFile
from services.imaging.dicom_facts import identities, reveals
from services.imaging.dicom_parse import reading

TABLE = Path(__file__).with_name("confidentiality.csv")
# (0012,0063) and (0012,0064) with the code of PS3.16, CID 7050.
METHOD = "Basic Application Confidentiality Profile, DICOM PS3.15 Annex E"
METHOD_CODE = ("113100", "DCM", "Basic Application Confidentiality Profile")
_REMOVE, _EMPTY, _DUMMY, _UIDS, _WALK = "remove", "empty", "dummy", "uids", "walk"
_ACTIONS = {
    "X": _REMOVE,
    "Z": _EMPTY,
    "X/Z": _EMPTY,
    "D": _DUMMY,
    "X/D": _DUMMY,
    "Z/D": _DUMMY,
    "X/Z/D": _DUMMY,
    "U": _UIDS,
    "X/Z/U*": _WALK,
}
_PATIENT_ID = "00100020"
_FIRST_GROUP = 0x0008
_STANDARD_UID = "1.2.840.10008."
_TEXTS = {"LO", "SH", "ST", "LT", "UT", "UC"}
# Kept attributes of these kinds, which the table happens not to name, hold a person, a moment or a place all the same.
_NEVER_KEPT = {"PN", "DA", "DT", "TM", "AE", "UR"}
_DUMMIES: Mapping[str, Any] = {
    "AS": "000Y",
    "AT": 0,
    "DA": "19000101",
    "DS": "0",
    "DT": "19000101000000",
    "FD": 0.0,
    "FL": 0.0,
    "IS": "0",
    "OB": b"\0\0",
    "OD": bytes(8),
    "OF": bytes(4),
    "OL": bytes(4),
    "OV": bytes(8),
    "OW": b"\0\0",
    "SL": 0,
    "SS": 0,
    "SV": 0,
    "TM": "000000",
    "UL": 0,
    "UN": b"\0\0",
    "UR": "urn:removed",
    "US": 0,
    "UV": 0,
}


@lru_cache(maxsize=1)
def table() -> Mapping[str, str]:
    """Table E.1-1's basic profile: action by tag, eight hexadecimal digits, with xx in those of repeating groups."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row["tag"]: row["action"] for row in csv.DictReader(file)} | {_PATIENT_ID: "Z"}


def deidentify(dataset: Dataset) -> bytes:
    """The file of a data set, as dicom_parse.parse gives it, with the same pixel data and nobody's identity.

    Changes ``dataset``. Private, unknown and unreadable elements and overlays are gone, UIDs are replaced consistently
    within the file, the preamble is empty and the file meta group new (PS3.15, E.1.1). Beyond the table, what else
    is a person's name, a date, a time or an address becomes a dummy, and free text that repeats a word of the
    patient's name or number is emptied. Raises DamagedFile where the rest cannot be written.
    """
    with reading("what stands beside its pixels"):
        cleaner = _Cleaner(identities(dataset))
        meta = cleaner.meta(dataset)
        cleaner.clean(dataset)
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = METHOD
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = METHOD_CODE
        dataset.DeidentificationMethodCodeSequence = Sequence([code])
        dataset.LongitudinalTemporalInformationModified = "REMOVED"
        dataset.file_meta, dataset.preamble = meta, bytes(128)
        stream = io.BytesIO()
        dataset.save_as(stream, enforce_file_format=True)
        return stream.getvalue()


class _Cleaner:
    """One file's replacements; the key that ties old UIDs to new ones is random and forgotten with it."""

    def __init__(self, words: set[str]) -> None:
        self._words = words
        self._key = secrets.token_bytes(32)

    def uid(self, old: str) -> UID:
        """A UID under 2.25 (PS3.5, B.2), the same for the same ``old``; those of the standard itself stay."""
        if not old or old.startswith(_STANDARD_UID):
            return UID(old)
        digest = hmac.digest(self._key, old.encode(errors="replace"), hashlib.sha256)
        return UID(f"2.25.{uuid.UUID(bytes=digest[:16], version=4).int}")

    def meta(self, dataset: Dataset) -> FileMetaDataset:
        """A file meta group with what a reader needs, and nothing of who sent or wrote the file."""
        old, new = dataset.file_meta, FileMetaDataset()
        new.TransferSyntaxUID = old.TransferSyntaxUID
        instance = dataset.get("SOPInstanceUID") or old.get("MediaStorageSOPInstanceUID") or secrets.token_hex(16)
        new.MediaStorageSOPInstanceUID = self.uid(str(instance))
        kind = dataset.get("SOPClassUID") or old.get("MediaStorageSOPClassUID")
        # Secondary Capture, the kind for pictures of unknown origin.
        new.MediaStorageSOPClassUID = UID(str(kind or "1.2.840.10008.5.1.4.1.1.7"))
        return new

    def clean(self, dataset: Dataset) -> None:
        """Apply the profile to every element, and to those within its sequences."""
        for tag in list(dataset.keys()):
            action = _action(tag)
            element = None if action == _REMOVE else _read(dataset, tag)
            if element is None:
                del dataset[tag]
                continue
            self._apply(dataset, element, action or self._kept(element))

    def _apply(self, dataset: Dataset, element: DataElement, action: str | None) -> None:
        is_sequence = element.VR == "SQ"
        if action == _REMOVE:
            del dataset[element.tag]
        elif action == _EMPTY:
            dataset.add_new(element.tag, element.VR, [] if is_sequence else None)
        elif action == _DUMMY:
            dataset.add_new(element.tag, element.VR, self._dummy(element))
        elif action == _UIDS and element.VR == "UI":
            many = element.value if isinstance(element.value, MultiValue | list) else [element.value or ""]
            new = [self.uid(str(old)) for old in many]
            dataset.add_new(element.tag, "UI", new if len(new) > 1 else new[0])
        elif is_sequence:
            for item in element.value:
                self.clean(item)
        elif action is not None:
            del dataset[element.tag]

    def _kept(self, element: DataElement) -> str | None:
        """What becomes of an element that the table does not name; None where it stays as it is."""
        if element.VR == "UN":
            return _REMOVE
        if element.VR == "SQ":
            return _WALK
        if element.VR in _NEVER_KEPT:
            return _DUMMY
        if element.VR == "UI":
            # A kind of object, standard or a manufacturer's own, names nobody.
            return None if keyword_for_tag(element.tag).endswith("ClassUID") else _UIDS
        return _EMPTY if element.VR in _TEXTS and reveals(str(element.value), self._words) else None

    def _dummy(self, element: DataElement) -> Any:
        if element.VR == "SQ":
            return [Dataset()]
        if element.VR == "UI":
            return self.uid(str(element.value) or "1")
        return _DUMMIES.get(element.VR, "REMOVED")


def _action(tag: BaseTag) -> str | None:
    """What the profile does to an element, told by its tag alone; None where it says nothing."""
    group = tag.group & 0xFF00
    # Group lengths would be wrong from now on; an overlay plane without its data is none.
    if tag.is_private or tag.group < _FIRST_GROUP or tag.element == 0 or group in (0x5000, 0x6000):
        return _REMOVE
    action = table().get(f"{tag:08X}")
    if action is not None:
        return _ACTIONS[action]
    # Nobody can say what an element holds that the standard does not know.
    return None if dictionary_has_tag(tag) else _REMOVE


def _read(dataset: Dataset, tag: BaseTag) -> DataElement | None:
    try:
        with reading(f"element {tag}"):
            return dataset[tag]
    except DamagedFile:
        return None
