"""What a DICOM header says beside the pixels: geometry, sequence and scanner, and the patient, kept apart."""

from __future__ import annotations

import re

import numpy as np
from pydicom.dataset import Dataset
from pydicom.valuerep import PersonName

from services.imaging.dicom_display import functional_group
from services.imaging.dicom_header import Layout, item_of, number_of, numbers_of, text_of, value_of
from services.imaging.slice import Geometry, PatientHint, Plane

# An image counts as axial, coronal or sagittal up to a tilt of about 37 degrees, wider than gantry and clivus angles.
_PLANE_COSINE = 0.8
_PLANES: tuple[Plane, Plane, Plane] = ("sagittal", "coronal", "axial")
_DIRECTIONS = {"L": 0, "R": 0, "A": 1, "P": 1, "H": 2, "F": 2}
_SIDES = {"L": "left", "R": "right", "B": "both"}
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
_SHORTEST_IDENTITY = 3
# Digitised video, digital interface, digitised film, workstation, scanned document, scanned image, drawing.
_CAPTURED = {"DV", "DI", "DF", "WSD", "SD", "SI", "DRW"}
_SCREENS = {"SCREEN SAVE", "SCREENSHOT", "SCREEN", "SECONDARY CAPTURE"}


def read_geometry(dataset: Dataset, index: int) -> Geometry:
    """Spacing and thickness in mm, plane and side of frame ``index``; None for each that is missing or unusable."""
    measures = functional_group(dataset, "PixelMeasuresSequence", index)
    sources = [numbers_of(measures, "PixelSpacing"), *(numbers_of(dataset, keyword) for keyword in _SPACINGS)]
    spacing = next(((s[0], s[1]) for s in sources if len(s) == 2 and min(s) > 0), None)
    thickness = number_of(measures, "SliceThickness") or number_of(dataset, "SliceThickness")
    orientation = numbers_of(
        functional_group(dataset, "PlaneOrientationSequence", index), "ImageOrientationPatient"
    ) or numbers_of(dataset, "ImageOrientationPatient")
    side = (
        text_of(functional_group(dataset, "FrameAnatomySequence", index), "FrameLaterality")
        or text_of(dataset, "ImageLaterality")
        or text_of(dataset, "Laterality")
    )
    return Geometry(
        pixel_spacing=spacing,
        slice_thickness=thickness if thickness and thickness > 0 else None,
        plane=plane_of(orientation) or _plane_of_letters(dataset),
        laterality=_SIDES.get(side.upper()),
    )


def plane_of(orientation: tuple[float, ...]) -> Plane | None:
    """The plane whose normal lies nearest to that of Image Orientation (Patient) (PS3.3, C.7.6.2.1.1).

    ``orientation`` are the six direction cosines of row and column in the patient's system (left, posterior, head).
    "oblique" beyond about 37 degrees from all three; None for anything but two perpendicular unit vectors.
    """
    if len(orientation) != 6 or max(map(abs, orientation)) > 1.1:
        return None
    row, column = np.asarray(orientation[:3]), np.asarray(orientation[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if min(lengths) < 0.9 or max(lengths) > 1.1 or abs(float(row @ column)) > 0.1:
        return None
    normal = np.abs(np.cross(row, column))
    nearest = int(normal.argmax())
    return _PLANES[nearest] if normal[nearest] >= _PLANE_COSINE else "oblique"


def _plane_of_letters(dataset: Dataset) -> Plane | None:
    """The same from Patient Orientation, for example L\\P (PS3.3, C.7.6.1.1.1), which old files have instead."""
    letters = value_of(dataset, "PatientOrientation")
    if not hasattr(letters, "__len__") or isinstance(letters, str | bytes) or len(letters) != 2:
        return None
    axes = [_DIRECTIONS.get(str(letter)[:1].upper()) for letter in letters]
    if None in axes or axes[0] == axes[1]:
        return None
    return next(plane for axis, plane in enumerate(_PLANES) if axis not in axes)


def read_facts(dataset: Dataset, layout: Layout, index: int) -> tuple[tuple[str, str], ...]:
    """(label, value) pairs for display, in a fixed order, without whatever is empty.

    Names and numbers of the patient that a technician typed into a description take that description out.
    """
    timing = functional_group(dataset, "MRTimingAndRelatedParametersSequence", index)
    echo = functional_group(dataset, "MREchoSequence", index)
    modifier = functional_group(dataset, "MRModifierSequence", index)
    anatomy = item_of(functional_group(dataset, "FrameAnatomySequence", index), "AnatomicRegionSequence")
    anatomy = anatomy or item_of(dataset, "AnatomicRegionSequence")
    agent = item_of(dataset, "ContrastBolusAgentSequence")
    pairs = (
        ("Modality", text_of(dataset, "Modality")),
        ("Body part", text_of(dataset, "BodyPartExamined") or text_of(anatomy, "CodeMeaning")),
        ("View", text_of(dataset, "ViewPosition")),
        ("Study", text_of(dataset, "StudyDescription")),
        ("Series", text_of(dataset, "SeriesDescription")),
        ("Protocol", text_of(dataset, "ProtocolName")),
        ("Sequence", text_of(dataset, "SequenceName") or text_of(dataset, "PulseSequenceName")),
        ("Scanning sequence", text_of(dataset, "ScanningSequence") or text_of(dataset, "EchoPulseSequence")),
        ("Sequence variant", text_of(dataset, "SequenceVariant")),
        ("Repetition time", _measure("ms", number_of(timing, "RepetitionTime"), number_of(dataset, "RepetitionTime"))),
        ("Echo time", _measure("ms", number_of(echo, "EffectiveEchoTime"), number_of(dataset, "EchoTime"))),
        ("Inversion time", _measure("ms", number_of(modifier, "InversionTimes"), number_of(dataset, "InversionTime"))),
        ("Flip angle", _measure("°", number_of(timing, "FlipAngle"), number_of(dataset, "FlipAngle"))),
        ("Contrast agent", text_of(dataset, "ContrastBolusAgent") or text_of(agent, "CodeMeaning")),
        ("Field strength", _measure("T", number_of(dataset, "MagneticFieldStrength"))),
        ("Tube voltage", _measure("kV", number_of(dataset, "KVP"))),
        ("Manufacturer", text_of(dataset, "Manufacturer")),
        ("Model", text_of(dataset, "ManufacturerModelName")),
        ("Encoding", f"{layout.bits_stored}-bit {layout.photometric}, {layout.syntax.name}"),
    )
    named = identities(dataset)
    return tuple((label, value) for label, value in pairs if value and not reveals(value, named))


def _measure(unit: str, *values: float | None) -> str:
    """The first value that is there, with its unit."""
    value = next((v for v in values if v is not None), None)
    return "" if value is None else f"{value:g}{'' if unit == '°' else ' '}{unit}"


def identities(dataset: Dataset) -> set[str]:
    """Words and numbers that would name the patient, in lower case."""
    keywords = ("PatientName", "PatientID", "PatientBirthDate", "OtherPatientIDs", "AccessionNumber")
    found = " ".join(text_of(dataset, keyword) for keyword in keywords).lower()
    return {word for word in re.split(r"[\W_]+", found) if len(word) >= _SHORTEST_IDENTITY}


def reveals(value: str, named: set[str]) -> bool:
    """Whether one of the words ``named`` stands in a value."""
    return not named.isdisjoint(re.split(r"[\W_]+", value.lower()))


def read_patient(dataset: Dataset) -> PatientHint | None:
    """Name as "Family, Given", identifier, birth date as YYYY-MM-DD and sex; None where the file has none of them.

    A name may stand in up to three writings, alphabetic, ideographic and phonetic (PS3.5, 6.2.1); the first that is
    there is the name, the others are ``other_writings``.
    """
    name = value_of(dataset, "PatientName")
    writings = [_one_writing(group) for group in str(name).split("=")] if isinstance(name, PersonName) else []
    shown, *others = [writing for writing in writings if writing] or [""]
    hint = PatientHint(
        name=shown,
        identifier=text_of(dataset, "PatientID", longest=64),
        birth_date=_as_iso(text_of(dataset, "PatientBirthDate")),
        sex=text_of(dataset, "PatientSex", longest=16),
        other_writings=tuple(others[:2]),
    )
    return hint if hint != PatientHint() else None


def _one_writing(group: str) -> str:
    """Family^Given^Middle^Prefix^Suffix as "Family, Given Middle"."""
    family, given, middle = (
        "".join(c for c in part if c.isprintable()) for part in (*group.split("^"), "", "", "")[:3]
    )
    return ", ".join(part for part in (" ".join(family.split()), " ".join(f"{given} {middle}".split())) if part)[:120]


def read_annotated(dataset: Dataset) -> str:
    """A sentence where names may be written into the picture itself, which no header could take out; "" elsewhere.

    Burned In Annotation (0028,0301) says it of a file (PS3.3, C.7.6.1); where it is missing, pictures that were
    captured from a screen or a film are suspected (Conversion Type, PS3.3, C.8.6.1, and Image Type).
    """
    said = text_of(dataset, "BurnedInAnnotation").upper()
    if said == "YES":
        return "The file says that text is burned into its picture. See that it names nobody before you save it."
    captured = text_of(dataset, "ConversionType").upper() in _CAPTURED
    kinds = {kind.strip() for kind in text_of(dataset, "ImageType").upper().split(",")}
    if said != "NO" and (captured or not kinds.isdisjoint(_SCREENS)):
        return (
            "The picture was captured from a screen or a film and may show the patient's name. "
            "See that it names nobody before you save it."
        )
    return ""


def read_taken(dataset: Dataset) -> str:
    """The day of the acquisition, or else of the series or the study, as YYYY-MM-DD; "" where the file has none."""
    if text_of(dataset, "LongitudinalTemporalInformationModified") == "REMOVED":
        return ""
    keywords = ("AcquisitionDate", "SeriesDate", "StudyDate")
    return next((_as_iso(found) for keyword in keywords if (found := text_of(dataset, keyword))), "")


def _as_iso(text: str) -> str:
    """A date of the header (PS3.5, 6.2, also the older form with dots) with dashes; what is none, cut short."""
    parts = re.fullmatch(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})", text)
    return "-".join(parts.groups()) if parts else text[:10]
