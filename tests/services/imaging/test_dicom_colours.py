"""Colours and palettes to grey and colourfulness, on files built here."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.pixels import convert_color_space

from services.errors import DamagedFile, UnsupportedFormat
from services.imaging.decode import decode
from tests.services.imaging.dicom_files import HEAD, dataset_of, dicom_of, written


def colours(dtype=np.uint8):
    return np.random.default_rng(5).integers(0, np.iinfo(dtype).max, (9, 7, 3), dtype, endpoint=True)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("planar", [0, 1])
def test_rgb(dtype, planar):
    values = colours(dtype)
    raw = (values.transpose(2, 0, 1) if planar else values).tobytes()
    decoded = decode(dicom_of(values, PlanarConfiguration=planar, PixelData=raw + b"\0" * (len(raw) % 2)))
    top = np.iinfo(dtype).max
    assert np.allclose(decoded.pixels, values @ [0.299, 0.587, 0.114] / top, atol=1e-5)
    assert decoded.colourfulness == pytest.approx(np.ptp(values.astype(float), axis=2).mean() / top, abs=1e-6)


def test_grey_stored_as_rgb_has_no_colour():
    grey = (HEAD // 4).astype(np.uint8)
    decoded = decode(dicom_of(np.repeat(grey[..., None], 3, axis=2)))
    assert decoded.colourfulness == 0
    assert np.allclose(decoded.pixels, grey / 255, atol=1e-6)


def test_ybr_full():
    values = colours()
    rgb = convert_color_space(values, "YBR_FULL", "RGB")
    decoded = decode(dicom_of(values, PhotometricInterpretation="YBR_FULL"))
    assert np.allclose(decoded.pixels, rgb @ [0.299, 0.587, 0.114] / 255, atol=1e-5)
    assert decoded.colourfulness == pytest.approx(np.ptp(rgb.astype(float), axis=2).mean() / 255, abs=1e-6)


@pytest.mark.parametrize("bits", [8, 16])
def test_palette_becomes_grey_with_colourfulness(bits):
    indices = np.arange(120, dtype=np.uint8).reshape(12, 10)
    top = 2**bits - 1
    tables = {"Red": np.linspace(0, top, 120), "Green": np.linspace(top, 0, 120), "Blue": np.full(120, top // 3)}
    elements = {}
    for name, table in tables.items():
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [120, 0, bits]
        elements[f"{name}PaletteColorLookupTableData"] = table.astype(np.uint8 if bits == 8 else "<u2").tobytes()
    dataset = dataset_of(indices, PhotometricInterpretation="PALETTE COLOR", **elements)
    for name in tables:
        dataset[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
    decoded = decode(written(dataset))
    whole = [np.floor(table)[indices] for table in tables.values()]
    expected = sum(w * t for w, t in zip((0.299, 0.587, 0.114), whole, strict=True)) / top
    assert np.allclose(decoded.pixels, expected, atol=1e-4)
    assert decoded.colourfulness == pytest.approx(np.ptp(whole, axis=0).mean() / top, abs=1e-4)


def test_palette_index_past_the_end_is_refused():
    indices = np.arange(120, dtype=np.uint8).reshape(12, 10)
    elements = {}
    for name in ("Red", "Green", "Blue"):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [100, 0, 8]
        elements[f"{name}PaletteColorLookupTableData"] = bytes(100)
    dataset = dataset_of(indices, PhotometricInterpretation="PALETTE COLOR", **elements)
    for name in ("Red", "Green", "Blue"):
        dataset[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
    with pytest.raises(DamagedFile, match=r"use colour 119, but its palette ends at 99 \(\(0028,1101\)"):
        decode(written(dataset))


def test_palette_without_tables_is_refused():
    with pytest.raises(DamagedFile, match="Palette Color Lookup Table Descriptor is missing"):
        decode(dicom_of(HEAD.astype(np.uint8), PhotometricInterpretation="PALETTE COLOR"))


@pytest.mark.parametrize(
    ("elements", "part"),
    [
        ({"PhotometricInterpretation": "HSV"}, r"\(0028,0004\) Photometric Interpretation is HSV"),
        ({"PhotometricInterpretation": "YBR_ICT"}, r"\(0028,0004\) Photometric Interpretation is YBR_ICT"),
        ({"PhotometricInterpretation": "MONOCHROME2"}, r"is MONOCHROME2 with 3 \(0028,0002\) Samples per Pixel"),
        ({"PhotometricInterpretation": None}, r"\(0028,0004\) Photometric Interpretation is missing"),
    ],
)
def test_other_colours_are_refused_by_name(elements, part):
    with pytest.raises((UnsupportedFormat, DamagedFile), match=part):
        decode(dicom_of(colours(), **elements))
