"""The drawn mammograms: repeatable, told as synthetic, and films that the check and the preparation take for films."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pydicom
import pytest

from services.imaging.decode import decode
from services.imaging.gate import check
from services.imaging.phantom import FILMS, NOTICE, PHANTOMS, as_dicom, as_png, draw, phantom
from services.imaging.prepare import prepare
from services.tasks import get_task

TASK = get_task("breast_cancer")
KEYS = [info.key for info in FILMS]
EVERY = pytest.mark.parametrize("key", KEYS)


def test_sides_views_densities_and_signs_are_all_there():
    assert len(set(KEYS)) == len(FILMS)
    assert not set(KEYS) & {info.key for info in PHANTOMS}
    assert {(info.side, info.view) for info in FILMS} == {(s, v) for s in ("left", "right") for v in ("MLO", "CC")}
    assert {info.lesion for info in FILMS} == {"mass", "calcifications", None}
    assert min(info.density for info in FILMS) < 0.25
    assert max(info.density for info in FILMS) > 0.75
    assert all(info.title.startswith("Synthetic") for info in FILMS)
    assert all(info.description.endswith(".") for info in FILMS)


@EVERY
def test_same_key_and_seed_give_the_same_film_and_another_seed_another_breast(key):
    first = draw(key)
    assert first.shape == (1024, 768)
    assert first.dtype == np.uint8
    assert np.array_equal(first, draw(key))
    assert np.corrcoef(first.ravel(), draw(key, seed=1).ravel())[0, 1] < 0.995
    assert draw(key, size=192).shape == (192, 144)


@EVERY
def test_the_breast_is_found_its_wall_is_named_and_the_label_is_gone(key):
    info, film = phantom(key), draw(key).astype(np.float32) / np.float32(255)
    prepared = prepare(film, TASK.preparation, keep_stages=True)
    assert prepared.placement.mirrored is (info.side == "right")
    alone = dict(prepared.stages)["breast alone"]
    label = np.s_[20:140, 24:216] if info.side == "right" else np.s_[20:140, -216:-24]
    assert film[label].max() > 0.75
    assert alone[label].max() == 0
    assert 0.25 < (alone > 0).mean() < 0.8


@EVERY
def test_png_and_dicom_pass_the_check_and_say_that_they_are_synthetic(key):
    info, data = phantom(key), as_dicom(key)
    picture, image = decode(as_png(key)), decode(data)
    for decoded in (picture, image):
        assert check(decoded, TASK).reasons == ()
    assert NOTICE.encode() in as_png(key)
    assert np.abs(picture.pixels - image.pixels).max() < 0.006
    assert image.geometry.laterality == info.side
    assert image.geometry.pixel_spacing == pytest.approx((240 / 1024, 240 / 1024))
    assert dict(image.facts)["View"] == info.view
    ds = pydicom.dcmread(io.BytesIO(data))
    assert (ds.Modality, ds.PhotometricInterpretation, ds.BitsStored) == ("MG", "MONOCHROME1", 12)
    assert str(ds.PatientName) == "Phantom^Synthetic"
    assert ds.ImageComments == NOTICE
    assert data == as_dicom(key)


@pytest.mark.parametrize("info", [info for info in FILMS if info.lesion], ids=lambda info: info.key)
def test_the_sign_stands_out_where_it_was_drawn(info):
    film = draw(info.key).astype(np.float32)
    film = film[:, ::-1] if info.side == "right" else film
    # Specks are finer than glands, a mass is about as coarse, so each is looked for at its own scale.
    fine, coarse = (2, 12) if info.lesion == "calcifications" else (10, 60)
    bumps = cv2.GaussianBlur(film, (0, 0), fine) - cv2.GaussianBlur(film, (0, 0), coarse)
    column, row = (round(place * 10.24) for place in info.place)
    there = bumps[row - 40 : row + 40, column - 40 : column + 40].max()
    assert there > 12
    assert there > np.percentile(bumps[200:900, 40:480], 97)
