"""What is stored of a DICOM file names nobody and shows the same picture."""

from __future__ import annotations

import io
import os
import re
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from services.errors import DamagedFile, ImagingError
from services.imaging import decode as decoding
from services.imaging.decode import decode, without_identity
from services.imaging.deidentify import METHOD_CODE, deidentify, table
from services.imaging.dicom_parse import parse
from services.imaging.limits import DEFAULT_LIMITS
from tests.services.imaging.dicom_files import HEAD, dataset_of, dicom_of, group, sequence, written

FOLDER = Path(os.environ.get("FALX_DATA", Path(__file__).resolve().parents[4] / "shared" / "data")) / "dicom"
# Unlike anything that a file has of itself.
MARK = "Zweisamkeit"
VALUES = {
    "AE": MARK, "AS": "077Y", "AT": 0x00187777, "CS": MARK.upper(), "DA": "19770707", "DS": "7.77777",
    "DT": "19770707070707", "FD": 7.77, "FL": 7.77, "IS": "77777", "LO": MARK, "LT": MARK, "OB": b"\1\1",
    "OD": b"\1" * 8, "OF": b"\1" * 4, "OL": b"\1" * 4, "OW": b"\1\1", "OV": b"\1" * 8, "PN": f"{MARK}^Anna",
    "SH": MARK, "SL": 77, "SS": 77, "ST": MARK, "SV": 77, "TM": "070707", "UC": MARK, "UI": "1.2.3.777", "UL": 77,
    "UN": MARK.encode() + b"\0", "UR": MARK, "US": 77, "UT": MARK, "UV": 77,
}  # fmt: skip
PAIRED = sorted(tag for tag in table() if "x" not in tag and int(tag, 16) in DicomDictionary and tag >= "0008")


def value_for(vr: str) -> object:
    return [group(PatientName=f"{MARK}^Anna")] if vr == "SQ" else VALUES[vr.split(" or ")[0]]


def element(tag: int) -> DataElement:
    vr = dictionary_VR(tag).split(" or ")[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return DataElement(tag, vr, value_for(vr))


def cleaned(data: bytes) -> Dataset:
    """The file as it would be stored, read again without Falx."""
    result = without_identity(data, decode(data))
    assert result[:128] == bytes(128)
    return pydicom.dcmread(io.BytesIO(result))


def everything(dataset: Dataset) -> str:
    return dataset.to_json(suppress_invalid_tags=True) + str(dataset) + str(dataset.file_meta)


def test_the_table_is_whole():
    assert len(table()) == 655
    assert {"X", "Z", "D", "U", "Z/D", "X/Z", "X/D", "X/Z/D", "X/Z/U*"} == set(table().values())
    known = {"00100010": "Z", "00100030": "Z", "00080080": "X/Z/D", "0008103E": "X", "00080018": "U", "60xx3000": "X"}
    assert {tag: table()[tag] for tag in known} == known
    assert len(PAIRED) > 600


@pytest.mark.parametrize("nested", [False, True])
def test_every_attribute_of_the_table_is_acted_upon(nested):
    dataset, inner = dataset_of(HEAD, WindowCenter=480, WindowWidth=400), Dataset()
    for tag in PAIRED:
        (inner if nested else dataset)[int(tag, 16)] = element(int(tag, 16))
    if nested:
        dataset.SharedFunctionalGroupsSequence = sequence(group(PixelMeasuresSequence=sequence(inner)))
    found = cleaned(written(dataset))
    where = found.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0] if nested else found
    for tag in PAIRED:
        action, there = table()[tag], int(tag, 16) in where
        assert there is (action != "X"), tag
        if there and action in ("Z", "X/Z"):
            assert where[int(tag, 16)].is_empty, tag
        elif there:
            assert where[int(tag, 16)].VM > 0, tag
            assert str(where[int(tag, 16)].value) not in ("1.2.3.777", str(value_for(where[int(tag, 16)].VR))), tag
    told = everything(found).lower()
    assert MARK.lower() not in told
    assert "1977" not in told


def test_it_says_what_was_done():
    found = cleaned(dicom_of(PatientName="Doe^Jane", PatientID="4711"))
    (code,) = found.DeidentificationMethodCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning) == METHOD_CODE
    assert (found.PatientIdentityRemoved, found.LongitudinalTemporalInformationModified) == ("YES", "REMOVED")
    assert "PS3.15" in found.DeidentificationMethod
    assert (str(found.PatientName), found.PatientID) == ("", "")


def test_private_unknown_and_overlay_elements_are_gone():
    dataset = dataset_of(HEAD, WindowCenter=480, WindowWidth=400)
    dataset.private_block(0x0029, "HOUSE", create=True).add_new(1, "LO", MARK)
    dataset.add_new(0x00180011, "LO", MARK)
    dataset.add_new(0x60003000, "OW", b"\0\1" * 60)
    dataset.add_new(0x60000010, "US", 12)
    dataset.add_new(0x50003000, "OW", b"\0\1" * 60)
    found = cleaned(written(dataset))
    assert not [one for one in found if one.tag.is_private or one.tag.group in (0x5000, 0x6000)]
    assert 0x00180011 not in found
    assert MARK not in everything(found)


def test_uids_are_replaced_consistently_and_those_of_the_standard_stay():
    series, frame = "1.2.3.4.5", "1.2.3.4.6"
    data = dicom_of(
        StudyInstanceUID="1.2.3.4",
        SeriesInstanceUID=series,
        FrameOfReferenceUID=frame,
        ReferencedSeriesSequence=sequence(
            group(SeriesInstanceUID=series, ReferencedSOPSequence=sequence(group(ReferencedSOPInstanceUID="1.2.3.4.7")))
        ),
        ReferencedImageSequence=sequence(group(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.4",
                                               ReferencedSOPInstanceUID="1.2.3.4.7")),
    )  # fmt: skip
    found, other = cleaned(data), cleaned(data)
    inside = found.ReferencedSeriesSequence[0]
    assert found.SeriesInstanceUID == inside.SeriesInstanceUID != series
    image = found.ReferencedImageSequence[0]
    assert image.ReferencedSOPInstanceUID == inside.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    assert image.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.4"
    assert found.SOPInstanceUID == found.file_meta.MediaStorageSOPInstanceUID
    uids = [found.StudyInstanceUID, found.SeriesInstanceUID, found.FrameOfReferenceUID, found.SOPInstanceUID]
    assert len(set(uids)) == 4
    assert all(re.fullmatch(r"2\.25\.\d{1,39}", uid) and uid.is_valid for uid in uids)
    # Nobody can tell two uploads of one file by their UIDs.
    assert other.SeriesInstanceUID != found.SeriesInstanceUID
    assert "1.2.3.4" not in everything(found)


def test_the_patients_name_in_another_text_goes_as_well():
    found = cleaned(
        dicom_of(
            PatientName="Doe^Jane",
            ManufacturerModelName="Skyra of JANE",
            Manufacturer="SIEMENS",
            BodyPartExamined="HEAD",
        )
    )
    assert (found.ManufacturerModelName or "", found.Manufacturer, found.BodyPartExamined) == ("", "SIEMENS", "HEAD")


def test_the_file_meta_group_tells_nothing_of_the_sender():
    dataset = dataset_of(HEAD)
    dataset.file_meta.SourceApplicationEntityTitle = "WARD7"
    dataset.file_meta.PrivateInformationCreatorUID, dataset.file_meta.PrivateInformation = (
        "1.2.3",
        MARK.encode() + b"\0",
    )
    found = cleaned(written(dataset))
    assert set(found.file_meta.keys()) == {0x00020000 + n for n in (0, 1, 2, 3, 0x10, 0x12, 0x13)}
    assert found.file_meta.MediaStorageSOPClassUID == found.SOPClassUID == dataset.SOPClassUID


def test_a_clean_file_stays_clean_and_prefills_nothing():
    once = without_identity(data := dicom_of(PatientName="Doe^Jane", StudyDate="20240506"), decode(data))
    again = decode(once)
    assert (again.patient, again.taken) == (None, "")
    assert np.array_equal(decode(without_identity(once, again)).pixels, again.pixels)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_encodings(syntax):
    dataset = dataset_of(HEAD, PatientName="Doe^Jane", WindowCenter=480, WindowWidth=400)
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = HEAD.astype(">u2").tobytes()
    found = cleaned(written(dataset))
    assert found.file_meta.TransferSyntaxUID == syntax
    assert "Doe" not in everything(found)


def test_what_would_show_another_picture_is_refused(monkeypatch):
    data, other = dicom_of(PatientName="Doe^Jane"), dicom_of(HEAD[::-1].copy())
    monkeypatch.setattr(decoding, "deidentify_dicom_apart", lambda *args, **kwargs: other)
    with pytest.raises(DamagedFile, match=r"cannot be stored.*Export the slice as a new PNG"):
        without_identity(data, decode(data))
    monkeypatch.setattr(decoding, "deidentify_dicom_apart", lambda *args, **kwargs: b"nothing of use")
    with pytest.raises(DamagedFile, match="cannot be stored"):
        without_identity(data, decode(data))


FILES = sorted(path for path in FOLDER.glob("*") if path.suffix != ".csv") if FOLDER.exists() else []


@pytest.mark.skipif(not FILES, reason=f"the real DICOM files are not on this machine (looked in {FOLDER})")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_real_files_of_every_compression_show_the_same_picture(path):
    data = path.read_bytes()
    try:
        image = decode(data)
    except ImagingError:
        pytest.skip("not an image that Falx reads")
    result = without_identity(data, image)
    again = decode(result, frame=image.frame)
    assert np.array_equal(again.pixels, image.pixels)
    assert (again.patient, again.taken, again.geometry) == (None, "", image.geometry)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, after = pydicom.dcmread(io.BytesIO(data), force=True), pydicom.dcmread(io.BytesIO(result))
        told = everything(after)
        identity = [
            str(before.get(k) or "") for k in ("PatientName", "StudyInstanceUID", "SeriesInstanceUID", "StudyDate")
        ]
    if "TransferSyntaxUID" in before.file_meta:
        assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    assert not any(after.get(keyword) for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"))
    assert not [old for old in identity if len(old) >= 6 and old in told]


# All but what describes the pixels, the character set, kinds of objects, and the marks between items.
OTHERS = {0x0000, 0x0002, 0x0004, 0x0028, 0x7FE0, 0xFFFE}
TAGS = st.sampled_from(
    sorted(
        tag
        for tag, (*_, keyword) in DicomDictionary.items()
        if tag >> 16 not in OTHERS and tag != 0x00080005 and not keyword.endswith("ClassUID")
    )
)


@st.composite
def trees(draw, depth=3) -> Dataset:
    item = Dataset()
    for tag in draw(st.lists(TAGS, max_size=6)):
        item[tag] = element(tag)
    if depth:
        for keyword in draw(st.lists(st.sampled_from(["ContentSequence", "SourceImageSequence", "ViewCodeSequence"]))):
            setattr(item, keyword, sequence(*draw(st.lists(trees(depth=depth - 1), max_size=2))))
    return item


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.generate),
)
@given(trees())
def test_whatever_is_nested_how_deep_ever_no_identity_is_left(tree):
    dataset = dataset_of(HEAD, PatientName=f"{MARK}^Anna", PatientID=MARK)
    dataset.ReferencedInstanceSequence = sequence(tree)
    result = deidentify(parse(written(dataset), DEFAULT_LIMITS)[0])
    told = everything(pydicom.dcmread(io.BytesIO(result)))
    # Code strings, here in capitals, have a fixed vocabulary, and the profile keeps those that it does not name.
    assert MARK not in told
    assert "1.2.3.777" not in told


@cache
def named() -> bytes:
    """One file for all examples: its unique identifiers are not of one length, and what is drawn hangs on its own."""
    return dicom_of(PatientName=f"{MARK}^Anna", PatientID="4711", Manufacturer="SIEMENS")


@settings(max_examples=40, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(st.data())
def test_flipped_bytes_end_in_a_sentence_or_in_a_file_that_names_nobody(data):
    whole = bytearray(named())
    for _ in range(data.draw(st.integers(1, 6))):
        # Behind the preamble and before the pixels.
        whole[data.draw(st.integers(132, len(whole) - HEAD.nbytes - 1))] = data.draw(st.integers(0, 255))
    try:
        result = deidentify(parse(bytes(whole), DEFAULT_LIMITS)[0])
    except ImagingError:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pydicom.dcmread(io.BytesIO(result))
        assert not any(found.get(keyword) for keyword in ("PatientName", "PatientID"))
        assert found.PatientIdentityRemoved == "YES"
