"""A phantom as a DICOM file."""

from __future__ import annotations

import io

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)

from services.imaging.phantom_catalogue import CONTRAST, NOTICE, FilmInfo, PhantomInfo, Plane, Weighting
from services.imaging.phantom_shapes import SIDE, Field

FIELD_OF_VIEW = 250.0
"""Side of every head's picture in mm."""
FILM_HEIGHT = 240.0
"""Height of every film in mm."""

_ORIENTATION: dict[Plane, list[float]] = {
    "axial": [1, 0, 0, 0, 1, 0],
    "coronal": [1, 0, 0, 0, 0, -1],
    "sagittal": [0, 1, 0, 0, 0, -1],
}
# Repetition, echo and inversion time in ms that give such a weighting.
_TIMING: dict[Weighting, tuple[float, float, float | None]] = {
    "T1 after contrast": (600.0, 10.0, None),
    "T2": (4000.0, 100.0, None),
    "FLAIR": (9000.0, 120.0, 2500.0),
}


def dicom_bytes(info: PhantomInfo | FilmInfo, signal: Field, seed: int) -> bytes:
    """A DICOM image of 12 bits from a picture of about 0..1: an MR image (PS3.3 A.4) or a mammogram (PS3.3 A.26)."""
    uid = generate_uid(entropy_srcs=["falx phantom", info.key, str(seed)])
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = (
        DigitalMammographyXRayImageStorageForPresentation if isinstance(info, FilmInfo) else MRImageStorage
    )
    meta.MediaStorageSOPInstanceUID = uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    ds = FileDataset(buffer, {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, uid
    ds.StudyInstanceUID = generate_uid(entropy_srcs=["falx phantom study", info.key, str(seed)])
    ds.SeriesInstanceUID = generate_uid(entropy_srcs=["falx phantom series", info.key, str(seed)])
    ds.Manufacturer, ds.ManufacturerModelName = "Falx", "Phantom"
    ds.DerivationDescription = ds.ImageComments = NOTICE
    ds.PatientName, ds.PatientID = "Phantom^Synthetic", f"PHANTOM-{info.key.upper().replace('_', '-')}"
    ds.PatientBirthDate, ds.PatientSex = "", "O"
    ds.StudyDate = ds.StudyTime = ds.AccessionNumber = ds.ReferringPhysicianName = ds.StudyID = ""
    ds.StudyDescription, ds.SeriesDescription = "Synthetic phantom", info.title
    ds.SeriesNumber, ds.InstanceNumber = 1, 1
    ds.SamplesPerPixel = 1
    ds.Rows, ds.Columns = signal.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.BurnedInAnnotation = "NO"
    if isinstance(info, FilmInfo):
        _mammogram(ds, info, signal)
    else:
        _magnetic(ds, info, seed, signal)
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _magnetic(ds: Dataset, info: PhantomInfo, seed: int, signal: Field) -> None:
    """Geometry, timing and window of an MR image, from its magnitude."""
    ds.FrameOfReferenceUID = generate_uid(entropy_srcs=["falx phantom frame", info.key, str(seed)])
    ds.Modality, ds.ImageType = "MR", ["DERIVED", "PRIMARY", "OTHER"]
    ds.PositionReferenceIndicator, ds.PatientPosition = "", "HFS"
    ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions = "SE", "NONE", ""
    ds.MRAcquisitionType, ds.MagneticFieldStrength = "2D", 1.5
    ds.RepetitionTime, ds.EchoTime, inversion = _TIMING[info.weighting]
    ds.EchoTrainLength = 1
    if inversion is not None:
        ds.ScanningSequence = ["SE", "IR"]
        ds.InversionTime = inversion
    if info.weighting == CONTRAST:
        ds.ContrastBolusAgent = "simulated"
    ds.PixelSpacing = [FIELD_OF_VIEW / SIDE] * 2
    ds.SliceThickness = 5.0
    ds.ImageOrientationPatient = _ORIENTATION[info.plane]
    half = FIELD_OF_VIEW / 2
    ds.ImagePositionPatient = (
        [0.0, -half, half]
        if info.plane == "sagittal"
        else ([-half, -half, 0.0] if info.plane == "axial" else [-half, 0.0, half])
    )
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.WindowCenter, ds.WindowWidth = 1000, 2000
    ds.PixelData = np.rint(np.clip(signal, 0.0, 1.3) * 2000.0).astype("<u2").tobytes()


def _mammogram(ds: Dataset, info: FilmInfo, signal: Field) -> None:
    """Side, view and scale of a mammogram; its values are those of film, where the dark is high."""
    # One word, because a view that stands in a number would be taken for a part of the patient's identity.
    ds.PatientID = f"PHANTOM-{info.key.upper().replace('_', '')}"
    ds.Modality, ds.ImageType = "MG", ["DERIVED", "PRIMARY", ""]
    ds.PresentationIntentType, ds.PresentationLUTShape = "FOR PRESENTATION", "INVERSE"
    ds.PatientOrientation = ["P", "F"] if info.side == "right" else ["A", "F"]
    ds.BodyPartExamined, ds.PositionerType = "BREAST", "MAMMOGRAPHIC"
    ds.ImageLaterality, ds.ViewPosition = info.side[0].upper(), info.view
    ds.ImagerPixelSpacing = ds.PixelSpacing = [FILM_HEIGHT / len(signal)] * 2
    ds.PhotometricInterpretation = "MONOCHROME1"
    ds.WindowCenter, ds.WindowWidth = 2048, 4096
    ds.PixelData = np.rint((1 - np.clip(signal, 0.0, 1.0)) * 4095.0).astype("<u2").tobytes()
