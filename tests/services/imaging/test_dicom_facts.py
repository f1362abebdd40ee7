"""Geometry, sequence facts and the patient out of a DICOM header, and that facts name nobody."""

from __future__ import annotations

import numpy as np
import pytest

from services.imaging.decode import decode
from services.imaging.dicom_facts import plane_of
from services.imaging.slice import Geometry, PatientHint
from tests.services.imaging.dicom_files import HEAD, dicom_of, group, sequence

AXIAL, CORONAL, SAGITTAL = (1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1)


def tilted(orientation, degrees):
    """The orientation turned about the patient's left-right axis."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return (*(turn @ orientation[:3]), *(turn @ orientation[3:]))


@pytest.mark.parametrize(
    ("orientation", "plane"),
    [
        (AXIAL, "axial"),
        (CORONAL, "coronal"),
        (SAGITTAL, "sagittal"),
        ((-1, 0, 0, 0, 1, 0), "axial"),
        (tilted(AXIAL, 25), "axial"),
        (tilted(AXIAL, -35), "axial"),
        (tilted(AXIAL, 45), "oblique"),
        (tilted(AXIAL, 60), "coronal"),
        ((1, 0, 0, 1, 0, 0), None),
        ((0, 0, 0, 0, 0, 0), None),
        ((5, 0, 0, 0, 5, 0), None),
        ((1, 0, 0), None),
        ((), None),
    ],
)
def test_plane_follows_the_normal(orientation, plane):
    assert plane_of(tuple(map(float, orientation))) == plane


@pytest.mark.parametrize(
    ("letters", "plane"),
    [
        (["L", "P"], "axial"),
        (["L", "F"], "coronal"),
        (["A", "F"], "sagittal"),
        (["LA", "FP"], "coronal"),
        (["L", "R"], None),
        (["", ""], None),
    ],
)
def test_patient_orientation_serves_old_files(letters, plane):
    assert decode(dicom_of(PatientOrientation=letters)).geometry.plane == plane


def test_geometry_of_a_plain_file():
    data = dicom_of(PixelSpacing=[0.5, 0.25], SliceThickness=5, ImageOrientationPatient=list(SAGITTAL), Laterality="L")
    assert decode(data).geometry == Geometry((0.5, 0.25), 5.0, "sagittal", "left")


def test_geometry_of_the_chosen_frame():
    own = [
        group(
            PixelMeasuresSequence=sequence(group(PixelSpacing=[spacing, spacing], SliceThickness=3)),
            PlaneOrientationSequence=sequence(group(ImageOrientationPatient=list(orientation))),
            FrameAnatomySequence=sequence(group(FrameLaterality="R")),
        )
        for spacing, orientation in ((1.0, AXIAL), (2.0, CORONAL))
    ]
    data = dicom_of(np.stack([HEAD, HEAD]), PerFrameFunctionalGroupsSequence=sequence(*own))
    assert decode(data, frame=0).geometry == Geometry((1.0, 1.0), 3.0, "axial", "right")
    assert decode(data, frame=1).geometry == Geometry((2.0, 2.0), 3.0, "coronal", "right")


def test_imager_spacing_stands_in():
    assert decode(dicom_of(ImagerPixelSpacing=[0.1, 0.2])).geometry.pixel_spacing == (0.1, 0.2)


@pytest.mark.parametrize("spacing", [[0, 0], [-1, 1], [1], ["nan", "1"]])
def test_unusable_geometry_is_none(spacing):
    decoded = decode(dicom_of(PixelSpacing=spacing, SliceThickness=0, ImageOrientationPatient=[1, 0, 0, 1, 0, 0]))
    assert decoded.geometry == Geometry()


def test_sequence_facts():
    decoded = decode(
        dicom_of(
            BodyPartExamined="BRAIN",
            SeriesDescription="t1 mprage  tra",
            SequenceName="*tfl3d1",
            ScanningSequence=["GR", "IR"],
            RepetitionTime=1900,
            EchoTime=2.52,
            InversionTime=900,
            FlipAngle=9,
            ContrastBolusAgent="Gadobutrol",
            MagneticFieldStrength=3,
            Manufacturer="SIEMENS",
            ManufacturerModelName="Skyra",
        )
    )
    assert decoded.modality == "MR"
    assert decoded.facts == (
        ("Modality", "MR"),
        ("Body part", "BRAIN"),
        ("Series", "t1 mprage tra"),
        ("Sequence", "*tfl3d1"),
        ("Scanning sequence", "GR, IR"),
        ("Repetition time", "1900 ms"),
        ("Echo time", "2.52 ms"),
        ("Inversion time", "900 ms"),
        ("Flip angle", "9°"),
        ("Contrast agent", "Gadobutrol"),
        ("Field strength", "3 T"),
        ("Manufacturer", "SIEMENS"),
        ("Model", "Skyra"),
        ("Encoding", "16-bit MONOCHROME2, Explicit VR Little Endian"),
    )


def test_facts_of_an_enhanced_file_come_from_its_groups():
    shared = group(
        MRTimingAndRelatedParametersSequence=sequence(group(RepetitionTime=500, FlipAngle=70)),
        MREchoSequence=sequence(group(EffectiveEchoTime=12)),
        FrameAnatomySequence=sequence(group(AnatomicRegionSequence=sequence(group(CodeMeaning="Brain")))),
    )
    facts = dict(decode(dicom_of(HEAD[None].repeat(2, 0), SharedFunctionalGroupsSequence=sequence(shared))).facts)
    assert (facts["Repetition time"], facts["Echo time"], facts["Flip angle"]) == ("500 ms", "12 ms", "70°")
    assert facts["Body part"] == "Brain"


def test_patient_is_apart_from_the_facts():
    decoded = decode(
        dicom_of(
            PatientName="Doe^Jane^M",
            PatientID="A-4711",
            PatientBirthDate="19640229",
            PatientSex="F",
            StudyDescription="Head of JANE",
            SeriesDescription="4711 repeat",
            ProtocolName="t2 tse",
            SpecificCharacterSet="ISO_IR 100",
        )
    )
    assert decoded.patient == PatientHint("Doe, Jane M", "A-4711", "1964-02-29", "F")
    facts = dict(decoded.facts)
    assert facts["Protocol"] == "t2 tse"
    assert "Study" not in facts
    assert "Series" not in facts
    assert not any(word in value.lower() for value in facts.values() for word in ("doe", "jane", "4711", "1964"))


def test_names_in_other_scripts():
    decoded = decode(dicom_of(SpecificCharacterSet="ISO_IR 192", PatientName="Ζορμπάς^Αλέξης"))
    assert decoded.patient == PatientHint("Ζορμπάς, Αλέξης")


def test_nothing_known_about_the_patient():
    assert decode(dicom_of()).patient is None


def test_control_characters_and_endless_texts_do_not_reach_the_screen():
    decoded = decode(dicom_of(Manufacturer="A\x1b[31m\tB" + "x" * 5000, PatientID="7\x00\x07"))
    value = dict(decoded.facts)["Manufacturer"]
    assert value.startswith("A[31m Bxxx")
    assert len(value) == 120
    assert decoded.patient == PatientHint(identifier="7")


def test_broken_optional_elements_are_left_out():
    decoded = decode(
        dicom_of(EchoTime="1.5", PatientBirthDate="20x1", SliceThickness="2").replace(
            b"DS\x04\x001.5 ", b"DS\x04\x00a.b "
        )
    )
    assert "Echo time" not in dict(decoded.facts)
    assert decoded.patient == PatientHint(birth_date="20x1")
    assert decoded.geometry.slice_thickness == 2
