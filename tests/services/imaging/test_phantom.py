"""The phantoms: complete, repeatable, told as synthetic, and built like a head in an MRI scanner."""

from __future__ import annotations

import hashlib
import io

import cv2
import numpy as np
import pydicom
import pytest
from PIL import Image

from services.errors import ImagingError
from services.imaging.phantom import NOTICE, PHANTOMS, as_dicom, as_png, draw, phantom
from services.tasks import get_task

KEYS = [info.key for info in PHANTOMS]


def test_there_is_one_for_every_plane_weighting_and_class():
    assert len(set(KEYS)) == len(PHANTOMS) >= 8
    assert {info.plane for info in PHANTOMS} == {"axial", "coronal", "sagittal"}
    assert {info.weighting for info in PHANTOMS} == {"T1 after contrast", "T2", "FLAIR"}
    positive = {info.key for info in get_task("brain_tumor_type").classes if info.positive}
    assert {info.lesion for info in PHANTOMS} == positive | {None}
    assert all(info.title.startswith("Synthetic") for info in PHANTOMS)
    assert all(info.description.endswith(".") for info in PHANTOMS)


@pytest.mark.parametrize("key", KEYS)
def test_same_key_and_seed_give_the_same_picture_and_another_seed_another_head(key):
    first = draw(key)
    assert first.shape == (512, 512)
    assert first.dtype == np.uint8
    assert np.array_equal(first, draw(key))
    other = draw(key, seed=1)
    assert np.corrcoef(first.ravel(), other.ravel())[0, 1] < 0.985


@pytest.mark.parametrize("key", KEYS)
def test_it_is_built_like_a_head_in_a_scanner(key):
    picture = draw(key).astype(np.float32)
    corner = picture[:40, :40]
    assert 0 < corner.mean() < 12, "air is dark"
    assert corner.std() > 0.5, "but carries noise"
    inside = cv2.morphologyEx((picture > 25).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((31, 31), np.uint8))
    assert 0.25 < inside.mean() < 0.75, "the head fills a good part of the picture"
    middle = picture[150:350, 180:330]
    assert middle.std() > 8, "and holds structures"
    assert picture.max() >= 180, "with something bright in it"


def _difference(key: str, healthy: str) -> tuple[float, float]:
    """How much brighter the lesion's slice is than the healthy one at its brightest and darkest smoothed spots."""
    a, b = (cv2.GaussianBlur(draw(k).astype(np.float32), (0, 0), 9) for k in (key, healthy))
    change = (a - b)[60:420, 120:400]
    return float(change.max()), float(change.min())


@pytest.mark.parametrize(
    ("key", "healthy"),
    [
        ("axial_t1c_meningioma", "axial_t1c_healthy"),
        ("sagittal_t1c_pituitary", "sagittal_t1c_healthy"),
        ("axial_flair_glioma", "axial_flair_healthy"),
        ("axial_t2_glioma", "axial_t2_healthy"),
    ],
)
def test_a_lesion_is_bright_against_the_healthy_slice(key, healthy):
    assert _difference(key, healthy)[0] > 35


def test_the_ring_of_a_glioma_has_a_dark_core():
    picture = cv2.GaussianBlur(draw("axial_t1c_glioma").astype(np.float32), (0, 0), 2)
    brain = picture[90:280, 270:390]
    row, column = np.unravel_index(brain.argmax(), brain.shape)
    around = brain[max(row - 60, 0) : row + 60, max(column - 60, 0) : column + 60]
    assert around.min() < 0.35 * brain[row, column]


@pytest.mark.parametrize("size", [96, 256, 700])
def test_any_size_shows_the_same_picture(size):
    small = draw("coronal_t1c_pituitary", size=size)
    assert small.shape == (size, size)
    back = cv2.resize(small, (96, 96), interpolation=cv2.INTER_AREA).astype(float)
    full = cv2.resize(draw("coronal_t1c_pituitary"), (96, 96), interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(back - full).mean() < 2


@pytest.mark.parametrize("key", KEYS)
def test_png_holds_the_picture_and_says_that_it_is_synthetic(key):
    data = as_png(key)
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        assert np.array_equal(np.asarray(image), draw(key))
        assert image.text["Title"] == phantom(key).title
        assert NOTICE in image.text["Description"]
    assert data == as_png(key)


@pytest.mark.parametrize("key", KEYS)
def test_dicom_is_a_valid_mr_image_of_nobody(key):
    info, data = phantom(key), as_dicom(key)
    ds = pydicom.dcmread(io.BytesIO(data))
    assert data == as_dicom(key)
    assert ds.file_meta.MediaStorageSOPClassUID.name == "MR Image Storage"
    assert str(ds.PatientName) == "Phantom^Synthetic"
    assert ds.ImageComments == NOTICE
    assert ds.SeriesDescription == info.title
    assert ds.Modality == "MR"
    assert len(ds.PatientID) <= 64
    assert float(ds.PixelSpacing[0]) * ds.Rows == pytest.approx(250.0)
    across = np.cross(ds.ImageOrientationPatient[:3], ds.ImageOrientationPatient[3:])
    assert {"axial": 2, "coronal": 1, "sagittal": 0}[info.plane] == int(np.abs(across).argmax())
    shown = (ds.pixel_array - (ds.WindowCenter - ds.WindowWidth / 2)) / ds.WindowWidth * 255
    assert np.abs(np.clip(shown, 0, 255) - draw(key)).max() <= 1


def test_every_file_is_different():
    assert len({hashlib.sha256(as_dicom(key)).hexdigest() for key in KEYS}) == len(KEYS)
    assert len({pydicom.dcmread(io.BytesIO(as_dicom(key))).SOPInstanceUID for key in KEYS}) == len(KEYS)


def test_an_unknown_key_is_told_the_known_ones():
    with pytest.raises(ImagingError, match=r"“knee”.*axial_t1c_glioma"):
        draw("knee")
