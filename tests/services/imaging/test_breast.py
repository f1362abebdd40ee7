"""The preparation and the check of mammograms, from films as files hold them."""

from __future__ import annotations

import csv
import tracemalloc

import cv2
import numpy as np
import pytest

from services.errors import NotPreparable
from services.imaging.decode import decode
from services.imaging.gate import check
from services.imaging.phantom import as_png
from services.imaging.placement import to_slice, to_square
from services.imaging.prepare import prepare, stage_names
from services.tasks import get_task
from tests.services.imaging.dicom_files import dataset_of, written

TASK = get_task("breast_cancer")
SETTINGS = TASK.preparation
MAMMOGRAPHY = "1.2.840.10008.5.1.4.1.1.1.2"


def a_film(rows: int = 600, columns: int = 480) -> np.ndarray:
    """A breast that hangs from the left edge and fades at its skin, with a lesion, and a label in the dark."""
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    reach = np.sqrt(np.clip(1 - ((y - 0.5 * rows) / (0.4 * rows)) ** 2, 0, 1)) * 0.6 * columns
    film = np.clip((reach - x) / (0.15 * columns), 0, 1) * 0.6
    cv2.circle(film, (int(0.25 * columns), int(0.4 * rows)), columns // 24, 0.95, -1)
    film[int(0.06 * rows) : int(0.1 * rows), int(0.8 * columns) : int(0.95 * columns)] = 1
    return film.astype(np.float32)


def test_the_label_is_gone_and_the_chest_wall_is_on_the_left():
    prepared = prepare(a_film(), SETTINGS, keep_stages=True)
    assert not prepared.placement.mirrored
    alone = dict(prepared.stages)["breast alone"]
    assert alone[:, 380:].max() == 0
    assert alone[240, 120] == pytest.approx(0.95, abs=0.01)
    inner = prepared.placement.inner
    row = prepared.pixels[SETTINGS.size // 2, inner.left : inner.left + inner.width]
    assert row[5:20].mean() > 0.4
    assert row[-3:].mean() < 0.1
    assert tuple(name for name, _ in prepared.stages) == ("grey", *stage_names(SETTINGS))


@pytest.mark.parametrize("change", [lambda film: film[:, ::-1], lambda film: 1 - film, lambda film: 1 - film[:, ::-1]])
def test_side_and_polarity_make_no_difference(change):
    plain = prepare(a_film(), SETTINGS)
    changed = prepare(np.ascontiguousarray(change(a_film())), SETTINGS)
    assert np.abs(plain.pixels - changed.pixels).mean() < 0.01


def test_a_map_finds_its_way_through_the_mirror():
    film = np.ascontiguousarray(a_film()[:, ::-1])
    placement = prepare(film, SETTINGS).placement
    assert placement.mirrored
    marked = np.zeros_like(film)
    cv2.circle(marked, (film.shape[1] - 1 - 120, 240), 20, 1.0, -1)
    there = to_square(marked, placement)
    assert there[:, : SETTINGS.size // 2].sum() > 0.9 * there.sum()
    back = to_slice(there, placement)
    assert back[240, film.shape[1] - 1 - 120] > 0.9
    assert back[240, 120] == 0


@pytest.mark.parametrize(
    ("film", "words"),
    [
        (np.full((300, 300), 0.3, np.float32), "blank"),
        (np.pad(np.ones((12, 12), np.float32), 150), "No breast"),
    ],
)
def test_a_film_without_a_breast_is_refused_with_its_reason(film, words):
    with pytest.raises(NotPreparable, match=words):
        prepare(film, SETTINGS)
    if words != "blank":
        assert prepare(film, SETTINGS, whole=True).placement.box.height == film.shape[0]


def a_mammogram(values: np.ndarray, **elements) -> bytes:
    return written(
        dataset_of(values, Modality="MG", SOPClassUID=MAMMOGRAPHY, ImageLaterality="R", ViewPosition="MLO", **elements)
    )


def test_a_large_film_of_sixteen_bits_is_read_within_bounded_memory():
    film = a_film(4096, 3328)
    data = a_mammogram(((1 - film) * 4095).astype(np.uint16), PhotometricInterpretation="MONOCHROME1", BitsStored=12,
                       HighBit=11)  # fmt: skip
    tracemalloc.start()
    try:
        image = decode(data)
        prepared = prepare(image.pixels, SETTINGS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Each float32 copy of this film takes 54 MB.
    assert peak < 600e6
    assert image.geometry.laterality == "right"
    assert dict(image.facts)["View"] == "MLO"
    assert check(image, TASK).accepted
    small = prepare(a_film(), SETTINGS).pixels
    assert np.abs(prepared.pixels - small).mean() < 0.03


def test_a_brain_slice_that_says_so_and_a_page_are_refused():
    head = decode(as_png("axial_t1c_meningioma"))
    assert check(head, get_task("brain_tumor_type")).accepted
    brain = decode(written(dataset_of((a_film() * 4095).astype(np.uint16))))
    assert any("MR" in reason for reason in check(brain, TASK).reasons)
    paper = np.full((600, 480), 240, np.uint8) - (a_film() * 200).astype(np.uint8)
    page = decode(cv2.imencode(".png", paper)[1].tobytes())
    assert any("dark film around the breast" in reason for reason in check(page, TASK).reasons)


def test_every_film_of_the_collection_passes_and_is_turned_alike(shared_data):
    folder = shared_data / "mammograms"
    with (folder / "manifest.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))[::6]
    right = 0
    for row in rows:
        image = decode((folder / row["file"]).read_bytes())
        assert check(image, TASK).accepted, row["file"]
        right += prepare(image.pixels, SETTINGS).placement.mirrored is (row["side"] == "right")
    assert right >= 0.95 * len(rows)
