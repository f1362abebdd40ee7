"""What is let through to a model, and what is not."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest

from services.imaging.decode import decode
from services.imaging.gate import check
from services.imaging.phantom import PHANTOMS, as_dicom, as_png
from services.imaging.slice import Slice
from services.tasks import get_task

TASK = get_task("brain_tumor_type")


def a_slice(pixels: np.ndarray, **facts) -> Slice:
    return Slice(pixels.astype(np.float32), "PNG", "0" * 64, **facts)


@pytest.mark.parametrize("info", PHANTOMS, ids=lambda info: info.key)
def test_every_phantom_passes(info):
    for data in (as_png(info.key), as_dicom(info.key)):
        decision = check(decode(data), TASK)
        assert decision.accepted, decision.reasons
        assert decision.reasons == ()


def head() -> np.ndarray:
    rows, columns = np.mgrid[:200, :200]
    return (np.hypot(rows - 100, columns - 100) < 80) * 0.6


@pytest.mark.parametrize(
    ("image", "word"),
    [
        (a_slice(head(), colourfulness=0.2), "colour"),
        (a_slice(head(), modality="CT"), "computed tomography"),
        (a_slice(head(), modality="XX"), "XX"),
        (a_slice(head()[:40, :40]), "at least 48"),
        (a_slice(np.tile(head()[:60], (1, 2))), "long and narrow"),
        (a_slice(np.full((100, 100), 0.3)), "blank"),
        (a_slice(1 - head()), "rim"),
    ],
)
def test_each_reason_is_said(image, word):
    decision = check(image, TASK)
    assert not decision.accepted
    assert any(word in reason for reason in decision.reasons), decision.reasons


def enlarged(picture: np.ndarray, side: int) -> np.ndarray:
    """What is left of a picture that was once no larger than ``side``."""
    small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    return np.clip(cv2.resize(small, picture.shape[::-1], interpolation=cv2.INTER_CUBIC), 0, 1)


def test_a_blurred_slice_is_refused_and_of_films_is_not_asked(shared_data):
    """Over real val slices: most that were blurred or enlarged fall, none as it is; the limit is of training slices."""
    with (shared_data / "brain_mri" / "manifest.csv").open() as lines:
        files = [row["file"] for row in csv.DictReader(lines) if row["fold"] == "4"][::20]
    slices = [decode((shared_data / "brain_mri" / file).read_bytes()).pixels for file in files]
    blurred = [cv2.GaussianBlur(pixels, (0, 0), 6 * pixels.shape[1] / 512) for pixels in slices]
    for worse in (blurred, [enlarged(pixels, 40) for pixels in slices]):
        told = [" ".join(check(a_slice(pixels), TASK).reasons) for pixels in worse]
        assert sum("blurred" in reasons for reasons in told) > 0.8 * len(told)
    assert not any("blurred" in reason for pixels in slices for reason in check(a_slice(pixels), TASK).reasons)
    films = get_task("breast_cancer")
    assert not any("blurred" in reason for pixels in blurred for reason in check(a_slice(pixels), films).reasons)


def test_real_slices_pass_and_colour_pictures_do_not(shared_data):
    """Over a sample of the val parts, which nothing was tuned on beyond these limits."""
    with (shared_data / "brain_mri" / "manifest.csv").open() as lines:
        slices = [row["file"] for row in csv.DictReader(lines) if row["fold"] == "4"][::8]
    refused = [f for f in slices if not check(decode((shared_data / "brain_mri" / f).read_bytes()), TASK).accepted]
    assert len(refused) <= 0.02 * len(slices), refused
    with (shared_data / "not_mri" / "manifest.csv").open() as lines:
        photos = [row["file"] for row in csv.DictReader(lines) if row["kind"] == "photo" and row["split"] != "test"]
    accepted = [f for f in photos if check(decode((shared_data / "not_mri" / f).read_bytes()), TASK).accepted]
    assert len(accepted) <= 0.1 * len(photos), accepted
