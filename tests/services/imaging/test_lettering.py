"""Text in a picture is noticed, and a picture without text is left alone."""

from __future__ import annotations

import io
import os
import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks.lettering import UNWRITTEN, files, written_on
from services.imaging.decode import decode
from services.imaging.lettering import SAID, shows_text, with_text_noted
from services.imaging.phantom import draw
from services.imaging.phantom_catalogue import PHANTOMS
from tests.services.imaging.dicom_files import dicom_of

FOLDER = Path(os.environ.get("FALX_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
HAS_DATA = (FOLDER / "brain_mri" / "manifest.csv").exists() and (FOLDER / "brain_presence" / "manifest.csv").exists()


def phantom_with(text: str, at: tuple[int, int] = (8, 28), scale: float = 0.6) -> np.ndarray:
    grey = draw("axial_t1c_glioma").copy()
    return cv2.putText(grey, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1, cv2.LINE_AA)


@pytest.mark.parametrize("key", [info.key for info in PHANTOMS])
def test_no_sample_is_suspected(key):
    assert not shows_text(draw(key) / np.float32(255))


@pytest.mark.parametrize("text", ["DOE, JANE", "1956-04-12", "Kowalska", "ID 4711"])
@pytest.mark.parametrize("at", [(8, 28), (330, 500), (8, 500)])
def test_names_and_dates_in_a_corner_are_noticed(text, at):
    assert shows_text(phantom_with(text, at) / np.float32(255))


def as_file(grey: np.ndarray, form: str) -> bytes:
    if form == "DICOM":
        return dicom_of(grey.astype(np.uint16) * 4, WindowCenter=510, WindowWidth=1020)
    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, form)
    return stream.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "DICOM"])
def test_every_format_is_noted_in_a_sentence(form):
    assert with_text_noted(decode(as_file(phantom_with("DOE, JANE"), form))).annotated == SAID
    bare = draw("axial_t1c_glioma").copy()
    assert with_text_noted(decode(as_file(bare, form))).annotated == ""


def test_what_the_header_says_goes_first():
    image = decode(dicom_of(BurnedInAnnotation="YES"))
    assert image.annotated
    assert with_text_noted(image) is image


def test_one_letter_for_the_side_a_ruler_and_a_frame_are_no_text():
    grey = phantom_with("L", (480, 260), 0.8)
    cv2.rectangle(grey, (0, 0), (511, 511), 255, 1)
    for number in range(11):
        cv2.line(grey, (150 + 20 * number, 490), (150 + 20 * number, 500 if number % 5 else 506), 255, 1)
    cv2.line(grey, (150, 490), (350, 490), 255, 1)
    assert not shows_text(grey / np.float32(255))


@pytest.mark.parametrize("shape", [(1, 1), (1, 640), (2000, 3), (7, 9)])
def test_odd_shapes_and_flat_pictures_have_none(shape):
    for level in (0, 0.5, 1):
        assert not shows_text(np.full(shape, level, np.float32))


def test_noise_is_no_text():
    noise = np.random.default_rng(3).random((512, 512), np.float32)
    assert not shows_text(noise * np.float32(0.1))


def test_a_very_large_picture_is_noticed_too():
    large = cv2.resize(phantom_with("DOE, JANE"), None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC)
    assert shows_text(large / np.float32(255))


@pytest.mark.skipif(not HAS_DATA, reason=f"the corpora are not on this machine (looked in {FOLDER})")
def test_the_rates_of_the_documentation_hold_on_a_sample():
    chance, by_source = random.Random(11), files(FOLDER)
    slices = [
        np.asarray(np.rint(decode(path.read_bytes()).pixels * 255), np.uint8)
        for source in UNWRITTEN
        for path in chance.sample(by_source[source], 50)
    ]
    alarms = sum(shows_text(grey / np.float32(255)) for grey in slices)
    noticed = sum(shows_text(written_on(grey, chance)[0] / np.float32(255)) for grey in slices)
    assert alarms <= 0.02 * len(slices)
    assert noticed >= 0.95 * len(slices)
