"""Every DICOM file of the shared collection: its grey values, or the sentence that refuses it."""

from __future__ import annotations

import csv
import os
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi, apply_windowing, pixel_array

from services.errors import DamagedFile, ImagingError, UnsupportedFormat
from services.imaging.decode import decode

FOLDER = Path(os.environ.get("FALX_DATA", Path(__file__).resolve().parents[4] / "shared" / "data")) / "dicom"
INDEX = FOLDER / "INDEX.csv"
ROWS = list(csv.DictReader(INDEX.read_text().splitlines())) if INDEX.exists() else []

pytestmark = pytest.mark.skipif(not ROWS, reason=f"the real DICOM files are not on this machine (looked in {FOLDER})")

REFUSED = {
    "MR_truncated.dcm": (DamagedFile, "need 8192 bytes, and (7FE0,0010) Pixel Data has 8130"),
    "badVR.dcm": (DamagedFile, "(0028,0008) Number of Frames is 1A"),
    "meta_missing_tsyntax.dcm": (DamagedFile, "(0028,0010) Rows is missing, so the image size is unknown"),
    "no_meta.dcm": (UnsupportedFormat, "no PNG, JPEG or DICOM image"),
    "rtplan.dcm": (UnsupportedFormat, "RT Plan Storage) has no (7FE0,0010) Pixel Data, so it is no image"),
    "test-SR.dcm": (UnsupportedFormat, "Comprehensive SR Storage) has no (7FE0,0010) Pixel Data, so it is no image"),
    "DICOMDIR": (UnsupportedFormat, "DICOMDIR, the table of contents of a disc"),
    "JPEG2000-embedded-sequence-delimiter.dcm": (DamagedFile, "contradicts itself: (0028,0010) Rows"),
    "emri_small_jpeg_2k_lossless_too_short.dcm": (DamagedFile, "holds nothing that can be read to its end"),
    "liver_deflate.dcm": (UnsupportedFormat, "Segmentation Storage object, which holds outlines"),
}
# pydicom with all its plug-ins refuses these two for their 12-bit lossy JPEG; the reference is the same scan, lossless.
TWELVE_BIT = {"JPGExtended.dcm": "JPEG-LL.dcm", "JPEG-lossy.dcm": "JPEG-LL.dcm"}
# Its window leaves a range of 157 values within 7 % of the grey scale.
USELESS_WINDOW = {"OsirixFake16BitsStoredFakeSpacing.dcm"}
# These have a test of their own below.
SPECIAL = {"OT-PAL-8-face.dcm", "parametric_map_float.dcm", "eCT_Supplemental.dcm", *TWELVE_BIT, *USELESS_WINDOW}


def names(keep):
    return [row["file"] for row in ROWS if keep(row["file"])]


def test_every_file_of_the_folder_is_in_the_index_and_in_one_of_the_tables():
    listed = set(names(lambda name: True))
    assert listed == {path.name for path in FOLDER.iterdir()} - {"INDEX.csv"}
    assert REFUSED.keys() <= listed
    assert listed >= SPECIAL
    assert all(row["pydicom_decodes"] != "yes" for row in ROWS if row["file"] in REFUSED)


@pytest.mark.parametrize("name", names(lambda name: name in REFUSED))
def test_what_cannot_be_read_is_refused_with_its_sentence(name):
    kind, part = REFUSED[name]
    with pytest.raises(ImagingError) as refusal:
        decode((FOLDER / name).read_bytes())
    assert type(refusal.value) is kind
    assert part in str(refusal.value)


@pytest.mark.parametrize("name", names(lambda name: name not in REFUSED))
def test_every_other_file_decodes_to_one_upright_grey_image(name):
    row = next(row for row in ROWS if row["file"] == name)
    decoded = decode((FOLDER / name).read_bytes())
    assert decoded.pixels.dtype == np.float32
    assert decoded.shape == (int(row["rows"]), int(row["cols"]))
    assert np.isfinite(decoded.pixels).all()
    assert decoded.pixels.min() >= 0
    assert decoded.pixels.max() <= 1
    assert np.ptp(decoded.pixels) > 0.1
    assert decoded.frames == int(row["frames"] or 1)
    assert decoded.frame == decoded.frames // 2
    assert (decoded.modality or "") == row["modality"]
    assert (decoded.colourfulness > 0) == (row["photometric"] not in ("MONOCHROME1", "MONOCHROME2"))
    if row["body_part"]:
        assert ("Body part", row["body_part"]) in decoded.facts
    windowless = not row["photometric"].startswith(("RGB", "YBR", "PALETTE")) and "VOILUT" not in window_of(name)
    assert any("has no (0028,1050) Window Center" in w for w in decoded.warnings) == (
        windowless and not window_of(name)
    )


def window_of(name):
    """Which display setting a monochrome file has: of the frame, of the file, a table or none."""
    dataset = pydicom.dcmread(FOLDER / name, force=True)
    if "VOILUTSequence" in dataset:
        return "VOILUT"
    shared = dataset.get("SharedFunctionalGroupsSequence")
    if shared and "FrameVOILUTSequence" in shared[0]:
        return "frame"
    return "file" if dataset.get("WindowWidth") is not None else ""


def reference(name, index):
    """Grey values by pydicom's own chain in float64, with whichever of its plug-ins comes first."""
    dataset = pydicom.dcmread(FOLDER / name, force=True)
    values = pixel_array(dataset, index=index)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        values = apply_color_lut(values, dataset)
    if values.ndim == 3:
        top = 65535 if values.dtype.itemsize == 2 and values.max() > 255 else 255
        return np.einsum("rck,k->rc", values / top, [0.299, 0.587, 0.114])
    rescaled = apply_modality_lut(values, dataset).astype(np.float64)
    if "VOILUTSequence" in dataset:
        grey = apply_voi(rescaled.astype(values.dtype), dataset) / (2 ** dataset.VOILUTSequence[0].LUTDescriptor[2] - 1)
    elif "WindowWidth" in dataset:
        windowed = apply_windowing(rescaled, dataset)
        # pydicom's window ends at the lowest and highest value that the stored bits could give.
        signed, bits = dataset.PixelRepresentation, dataset.BitsStored
        ends = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
        low, high = (end * slope + intercept for end in ends)
        grey = (windowed - low) / (high - low)
    else:
        padding = dataset.get("PixelPaddingValue")
        shown = rescaled if padding is None else rescaled[values != padding]
        low, high = np.percentile(shown, [0.5, 99.5])
        grey = np.clip((rescaled - low) / (high - low), 0, 1)
        if padding is not None:
            grey = np.where(values == padding, 0, grey)
    return 1 - grey if dataset.PhotometricInterpretation == "MONOCHROME1" else grey


@pytest.mark.parametrize("name", names(lambda name: name not in REFUSED and name not in SPECIAL))
def test_grey_values_are_those_of_pydicoms_own_chain(name):
    decoded = decode((FOLDER / name).read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = reference(name, decoded.frame)
    # Lossy colour JPEGs differ by a level or two between decoders; large images take their percentiles from a sample.
    tolerance = 0.02 if "jpeg" in name or name == "SC_rgb_dcmtk_+eb+cy+np.dcm" or "color" in name else 5e-3
    assert np.abs(decoded.pixels - expected).max() <= tolerance
    assert np.abs(decoded.pixels - expected).mean() <= 2e-3


@pytest.mark.parametrize("name", names(lambda name: name in TWELVE_BIT))
def test_twelve_bit_lossy_jpeg_is_near_the_lossless_scan(name):
    lossy = decode((FOLDER / name).read_bytes()).pixels
    stored = pixel_array(FOLDER / TWELVE_BIT[name]).astype(np.float64)
    low, high = np.percentile(stored, [0.5, 99.5])
    assert np.abs(lossy - np.clip((stored - low) / (high - low), 0, 1)).mean() < 0.02


@pytest.mark.parametrize("name", names(lambda name: name in USELESS_WINDOW))
def test_a_window_that_shows_nothing_is_replaced_by_percentiles(name):
    decoded = decode((FOLDER / name).read_bytes())
    stored = pixel_array(FOLDER / name).astype(np.float64)
    low, high = np.percentile(stored, [0.5, 99.5])
    assert np.abs(decoded.pixels - np.clip((stored - low) / (high - low), 0, 1)).max() < 1e-5
    assert any("leaves the image nearly uniform" in warning for warning in decoded.warnings)


def test_palette_image_without_meta_group_shows_its_colours():
    dataset = pydicom.dcmread(FOLDER / "OT-PAL-8-face.dcm", force=True)
    indices = np.frombuffer(dataset.PixelData, np.uint8)[: 480 * 640].reshape(480, 640)
    tables = [
        np.frombuffer(dataset[f"{colour}PaletteColorLookupTableData"].value, "<u2")
        for colour in ("Red", "Green", "Blue")
    ]
    grey = sum(w * t[indices].astype(float) for w, t in zip((0.299, 0.587, 0.114), tables, strict=True))
    decoded = decode((FOLDER / "OT-PAL-8-face.dcm").read_bytes())
    assert np.abs(decoded.pixels - grey / (65535 if max(t.max() for t in tables) > 255 else 255)).max() < 1e-4
    assert any("(0002,0010) Transfer Syntax UID" in warning for warning in decoded.warnings)


def test_float_pixels_use_the_frames_window():
    # Its window is centre 0.5, width 1: exactly the values themselves.
    stored = pixel_array(FOLDER / "parametric_map_float.dcm")
    assert np.abs(decode((FOLDER / "parametric_map_float.dcm").read_bytes()).pixels - stored).max() < 1e-6


@pytest.mark.parametrize("index", [0, 1])
def test_enhanced_ct_uses_the_window_and_rescale_of_its_functional_groups(index):
    stored = pixel_array(FOLDER / "eCT_Supplemental.dcm", index=index).astype(np.float64) - 1024
    expected = np.clip((stored - 48.5) / 101 + 0.5, 0, 1)
    decoded = decode((FOLDER / "eCT_Supplemental.dcm").read_bytes(), frame=index)
    assert np.abs(decoded.pixels - expected).max() < 1e-5
    assert decoded.geometry.pixel_spacing == (0.388672, 0.388672)
    assert decoded.geometry.plane == "axial"
    assert dict(decoded.facts)["Body part"] == "Brain"


@pytest.mark.parametrize(
    "name",
    names(lambda name: name.startswith("emri_small") and name not in REFUSED),
)
@pytest.mark.parametrize("index", [0, 3, 9])
def test_every_encoding_of_the_enhanced_mr_gives_the_same_frames(name, index):
    plain = decode((FOLDER / "emri_small.dcm").read_bytes(), frame=index)
    other = decode((FOLDER / name).read_bytes(), frame=index)
    assert other.frame == index
    assert np.array_equal(plain.pixels, other.pixels)
