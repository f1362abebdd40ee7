"""From stored values to grey: rescale, windows, tables, padding and polarity, on files built here."""

from __future__ import annotations

import numpy as np
import pytest

from services.errors import DamagedFile
from services.imaging.decode import decode
from tests.services.imaging.dicom_files import HEAD, dicom_of, group, sequence
from tests.services.imaging.dicom_grey import STORED, linear, shown


@pytest.mark.parametrize(("centre", "width"), [(480, 960), (300, 100), (40, 80), (900, 50), (480, 2), (484, 1)])
def test_linear_window(centre, width):
    decoded = decode(dicom_of(WindowCenter=centre, WindowWidth=width))
    assert np.allclose(decoded.pixels, linear(STORED, centre, width), atol=1e-5)
    assert decoded.warnings == ()


def test_linear_exact_window():
    pixels = shown(dicom_of(WindowCenter=480, WindowWidth=400, VOILUTFunction="LINEAR_EXACT"))
    assert np.allclose(pixels, np.clip((STORED - 480) / 400 + 0.5, 0, 1), atol=1e-5)


def test_sigmoid_window():
    pixels = shown(dicom_of(WindowCenter=480, WindowWidth=400, VOILUTFunction="SIGMOID"))
    assert np.allclose(pixels, 1 / (1 + np.exp(-4 * (STORED - 480) / 400)), atol=1e-5)


def test_sigmoid_far_outside_its_window_does_not_overflow():
    pixels = shown(dicom_of(WindowCenter=480, WindowWidth=0.001, VOILUTFunction="SIGMOID"))
    assert np.array_equal(np.unique(pixels), np.array([0, 0.5, 1], np.float32))


def test_unknown_window_function_is_taken_as_linear_and_said():
    decoded = decode(dicom_of(WindowCenter=480, WindowWidth=400, VOILUTFunction="CURVE"))
    assert np.allclose(decoded.pixels, linear(STORED, 480, 400), atol=1e-5)
    assert "(0028,1056) VOI LUT Function is CURVE" in decoded.warnings[0]


def test_first_of_several_windows_is_taken_and_said():
    decoded = decode(dicom_of(WindowCenter=[300, 10], WindowWidth=[200, 20]))
    assert np.allclose(decoded.pixels, linear(STORED, 300, 200), atol=1e-5)
    assert "several windows" in decoded.warnings[0]


@pytest.mark.parametrize("width", [0, -5])
def test_impossible_width_falls_back_to_percentiles(width):
    decoded = decode(dicom_of(WindowCenter=300, WindowWidth=width))
    low, high = np.percentile(STORED, [0.5, 99.5])
    assert np.allclose(decoded.pixels, np.clip((STORED - low) / (high - low), 0, 1), atol=1e-5)
    assert f"(0028,1051) Window Width is {width}" in decoded.warnings[0]


def test_missing_window_means_percentiles_and_says_so():
    decoded = decode(dicom_of())
    low, high = np.percentile(STORED, [0.5, 99.5])
    assert np.allclose(decoded.pixels, np.clip((STORED - low) / (high - low), 0, 1), atol=1e-5)
    assert "no (0028,1050) Window Center" in decoded.warnings[0]


@pytest.mark.parametrize(("centre", "width"), [(5000, 10), (-5000, 10), (5000, 100000)])
def test_window_that_shows_nothing_means_percentiles_and_says_so(centre, width):
    decoded = decode(dicom_of(WindowCenter=centre, WindowWidth=width))
    assert np.ptp(decoded.pixels) == 1
    assert "nearly uniform" in decoded.warnings[0]


def test_constant_image_stays_constant():
    pixels = shown(dicom_of(np.full((8, 8), 7, np.uint16)))
    assert np.array_equal(pixels, np.zeros((8, 8)))


@pytest.mark.parametrize(("slope", "intercept"), [(2, -500), (0.25, 10), (-1, 952)])
def test_rescale_comes_before_the_window(slope, intercept):
    rescaled = STORED * slope + intercept
    centre, width = float(np.median(rescaled)), float(np.ptp(rescaled)) / 2
    pixels = shown(dicom_of(RescaleSlope=slope, RescaleIntercept=intercept, WindowCenter=centre, WindowWidth=width))
    assert np.allclose(pixels, linear(rescaled, centre, width), atol=1e-5)


def test_falling_rescale_without_window_keeps_its_direction():
    pixels = shown(dicom_of(RescaleSlope=-1, RescaleIntercept=952))
    assert pixels[0, 0] == 1
    assert pixels[-1, -1] == 0


def test_slope_of_zero_is_taken_as_one_and_said():
    decoded = decode(dicom_of(RescaleSlope=0, RescaleIntercept=0, WindowCenter=480, WindowWidth=400))
    assert np.allclose(decoded.pixels, linear(STORED, 480, 400), atol=1e-5)
    assert "(0028,1053) Rescale Slope is 0" in decoded.warnings[0]


@pytest.mark.parametrize("slope", ["1e300", "1e-300", "-1e308"])
def test_absurd_slopes_give_finite_grey(slope):
    for keywords in (
        {},
        {"WindowCenter": "5", "WindowWidth": "10"},
        {"WindowCenter": "1e308", "WindowWidth": "1e-308"},
    ):
        pixels = shown(dicom_of(RescaleSlope=slope, RescaleIntercept="1e300", **keywords))
        assert np.isfinite(pixels).all()


def test_monochrome1_is_inverted():
    upright = shown(dicom_of(WindowCenter=300, WindowWidth=200))
    inverted = shown(dicom_of(WindowCenter=300, WindowWidth=200, PhotometricInterpretation="MONOCHROME1"))
    assert np.allclose(inverted, 1 - upright, atol=1e-6)
    assert inverted[0, 0] == 1


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_outside_the_percentiles(photometric):
    values = HEAD.astype(np.int16)
    values[0] = -2000
    pixels = shown(dicom_of(values, PixelPaddingValue=-2000, PhotometricInterpretation=photometric))
    assert (pixels[0] == 0).all()
    low, high = np.percentile(values[1:], [0.5, 99.5])
    expected = np.clip((values[1:] - low) / (high - low), 0, 1)
    assert np.allclose(pixels[1:], 1 - expected if photometric == "MONOCHROME1" else expected, atol=1e-5)


def test_padding_range():
    values = HEAD.astype(np.int16)
    values[0], values[1] = -2000, -1990
    pixels = shown(dicom_of(values, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1990))
    assert (pixels[:2] == 0).all()
    assert pixels[2, 5] > 0


@pytest.mark.parametrize(("bits", "top"), [(8, 255), (16, 65535), (12, 4095)])
def test_voi_table(bits, top):
    table = np.linspace(top, 0, 953).round().astype(np.uint16)
    item = group(LUTDescriptor=[953, 0, bits], LUTData=table.tobytes())
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
    pixels = shown(dicom_of(VOILUTSequence=sequence(item), WindowCenter=1, WindowWidth=2))
    assert np.allclose(pixels, table[HEAD] / top, atol=1e-5)


def test_voi_table_of_twelve_bit_entries_announced_with_sixteen_is_not_dark():
    table = np.linspace(0, 4095, 953).round().astype(np.uint16)
    item = group(LUTDescriptor=[953, 0, 16], LUTData=table.tobytes())
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
    assert shown(dicom_of(VOILUTSequence=sequence(item))).max() == 1


def test_tables_clamp_before_their_first_and_after_their_last_entry():
    table = np.arange(0, 65536, 656, dtype=np.uint16)[:100]
    item = group(LUTDescriptor=[100, 400, 16], LUTData=table.tobytes())
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
    pixels = shown(dicom_of(VOILUTSequence=sequence(item)))
    assert np.allclose(pixels, table[np.clip(HEAD.astype(int) - 400, 0, 99)] / 65535, atol=1e-5)


def test_voi_table_after_a_rescale_to_negative_numbers():
    table = np.linspace(0, 65535, 953).round().astype(np.uint16)
    # -1000 as the unsigned number that the element holds
    item = group(LUTDescriptor=[953, 65536 - 1000, 16], LUTData=table.tobytes())
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
    pixels = shown(dicom_of(VOILUTSequence=sequence(item), RescaleSlope=1, RescaleIntercept=-1000))
    assert np.allclose(pixels, table[HEAD] / 65535, atol=1e-5)


def test_modality_table_comes_before_the_window():
    table = (np.arange(953) ** 2 // 14).astype(np.uint16)
    item = group(LUTDescriptor=[953, 0, 16], LUTData=table.tobytes())
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
    pixels = shown(dicom_of(ModalityLUTSequence=sequence(item), WindowCenter=30000, WindowWidth=20000))
    assert np.allclose(pixels, linear(table[HEAD].astype(float), 30000, 20000), atol=1e-4)


@pytest.mark.parametrize("broken", [{"LUTData": b"\1\0"}, {"LUTDescriptor": [953, 0]}, {}])
def test_damaged_table_is_refused(broken):
    item = group(**({"LUTDescriptor": [953, 0, 16], "LUTData": b"\1\0" * 953} | broken if broken else {}))
    if broken:
        item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
    else:
        item.LUTExplanation = "nothing else"
    with pytest.raises(DamagedFile, match=r"VOI LUT Sequence|LUT Descriptor"):
        decode(dicom_of(VOILUTSequence=sequence(item)))


def test_enhanced_file_uses_each_frames_own_window_and_rescale():
    frames = np.stack([HEAD, HEAD, HEAD])
    own = [
        group(
            FrameVOILUTSequence=sequence(group(WindowCenter=centre, WindowWidth=200)),
            PixelValueTransformationSequence=sequence(group(RescaleSlope=slope, RescaleIntercept=0)),
        )
        for centre, slope in ((300, 1), (600, 2), (100, 0.5))
    ]
    data = dicom_of(frames, PerFrameFunctionalGroupsSequence=sequence(*own))
    for index, (centre, slope) in enumerate(((300, 1), (600, 2), (100, 0.5))):
        assert np.allclose(shown(data, frame=index), linear(STORED * slope, centre, 200), atol=1e-5)
    assert decode(data).frame == 1


def test_shared_group_serves_frames_without_their_own():
    shared = group(FrameVOILUTSequence=sequence(group(WindowCenter=300, WindowWidth=200)))
    own = [group(), group(FrameVOILUTSequence=sequence(group(WindowCenter=600, WindowWidth=100)))]
    data = dicom_of(
        np.stack([HEAD, HEAD]),
        SharedFunctionalGroupsSequence=sequence(shared),
        PerFrameFunctionalGroupsSequence=sequence(*own),
    )
    assert np.allclose(shown(data, frame=0), linear(STORED, 300, 200), atol=1e-5)
    assert np.allclose(shown(data, frame=1), linear(STORED, 600, 100), atol=1e-5)
