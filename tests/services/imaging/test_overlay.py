"""The heat map over the slice: what is transparent, what the colours mean, and that pictures can be read back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from services.errors import ImagingError
from services.imaging.overlay import COLOUR_MAPS, legend, outlined, overlay, to_png


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(1).random((40, 56), dtype=np.float32)


def test_no_heat_leaves_the_slice_as_it_is(pixels):
    plain = overlay(pixels, None)
    assert plain.shape == (40, 56, 3)
    assert plain.dtype == np.uint8
    assert np.array_equal(plain[:, :, 0], np.rint(pixels * 255))
    assert np.array_equal(plain, overlay(pixels, np.zeros_like(pixels), opacity=1.0, colour_map="viridis"))
    assert np.array_equal(plain, overlay(pixels, np.ones_like(pixels), opacity=0.0))


@pytest.mark.parametrize("name", COLOUR_MAPS)
def test_the_hottest_point_has_the_last_colour_of_the_legend(pixels, name):
    heat = np.zeros_like(pixels)
    heat[7, 9] = 1.0
    picture = overlay(pixels, heat, opacity=1.0, colour_map=name)
    strip = legend(name)
    assert strip.shape == (16, 256, 3)
    assert np.array_equal(picture[7, 9], strip[0, -1])
    assert np.array_equal(picture[7, 10], np.rint(pixels[7, 10] * 255).repeat(3))


@pytest.mark.parametrize("name", COLOUR_MAPS)
def test_maps_rise_evenly_in_lightness(name):
    lightness = cv2.cvtColor(legend(name).astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[0, :, 0]
    steps = np.diff(lightness[::16])
    assert (steps > 0).all()
    assert steps.max() < 3 * steps.mean()


def test_cover_grows_with_heat():
    heat = np.linspace(0, 1, 11, dtype=np.float32)[None]
    covered = overlay(np.zeros((1, 11), np.float32), heat, opacity=0.8, colour_map="viridis").astype(int).sum(axis=2)[0]
    assert (np.diff(covered) > 0).all()


def test_values_out_of_range_are_harmless(pixels):
    heat = np.full_like(pixels, 7.0)
    heat[0, 0] = np.nan
    picture = overlay(pixels * 3 - 1, heat, opacity=9.0)
    assert np.array_equal(picture[5, 5], legend()[0, -1])
    assert np.array_equal(picture[0, 0], overlay(pixels * 3 - 1, None)[0, 0])


def test_an_outline_is_a_line_around_and_nothing_inside_or_far(pixels):
    inside = np.zeros(pixels.shape, bool)
    inside[10:30, 12:40] = True
    plain = overlay(pixels, None)
    picture = outlined(plain, inside)
    assert (picture[10, 13:39] > 200).all()
    changed = (picture != plain).any(axis=2)
    assert not changed[15:25, 18:34].any()
    assert not changed[:6].any()
    assert np.array_equal(outlined(plain, np.zeros_like(inside)), plain)


def test_errors_say_what_to_do(pixels):
    with pytest.raises(ImagingError, match=r"10 × 10.*40 × 56.*Analyse the slice again"):
        overlay(pixels, np.zeros((10, 10), np.float32))
    with pytest.raises(ImagingError, match=r"“jet”.*magma, viridis"):
        legend("jet")
    with pytest.raises(ImagingError, match="PNG"):
        to_png(np.zeros((3, 3, 4), np.uint8))


def test_png_reads_back_exactly(pixels):
    picture = overlay(pixels, pixels, colour_map="cividis")
    back = cv2.imdecode(np.frombuffer(to_png(picture), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(back[:, :, ::-1], picture)
    grey = cv2.imdecode(np.frombuffer(to_png(pixels), np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(grey, np.rint(pixels * 255))
