"""Estimated outlines against drawn ones, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.drawn import TASK
from training.corpus import Sample
from training.evaluation import estimated
from training.evaluation.estimated import dice, measure_outlines, outline_maps


def test_dice_is_twice_the_common_area_over_both():
    one, other = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert dice(one, other) == 1.0
    one[:2] = True
    assert dice(one, other) == 0.0
    other[1:3, :2] = True
    assert dice(one, other) == pytest.approx(2 * 2 / (8 + 4))


class Echo:
    """Its outline's logits are those of the left half of the picture's brightness, seen in any view alike."""

    def predict_on_batch(self, views: np.ndarray) -> dict[str, np.ndarray]:
        shares = np.clip(views, 0.001, 0.999)
        return {"outline": np.log(shares / (1 - shares))}


@pytest.mark.parametrize("flips", [False, True])
def test_maps_come_in_the_slices_own_place(flips):
    images = np.zeros((1, 8, 8), np.uint8)
    images[0, 2:4, 5:7] = 255
    assert outline_maps(Echo(), images, flips=flips)[0] == pytest.approx(images[0] / 255, abs=0.01)


@pytest.fixture
def slices(tmp_path, monkeypatch) -> list[Sample]:
    """Val and test of one corpus: two slices with a tumour, whose map is brighter inside, and one without."""
    rng = np.random.default_rng(2)
    samples, images, outlines = [], {}, {}
    for part in ("val", "test"):
        for index, label in enumerate(("glioma", "pituitary", "notumor")):
            sample = Sample(tmp_path / f"{part}{index}", "named", label, "s", "", "", f"{part}{index}", part, None)
            drawn = np.zeros((16, 16), np.uint8)
            if label != "notumor":
                sample = Sample(**{**vars(sample), "mask": tmp_path / "mask"})
                drawn[4:8, 4 : 8 + index] = 255
            shares = 0.3 * rng.random((16, 16)) + 0.6 * (drawn > 0)
            images[sample.path], outlines[sample.path] = np.round(shares * 255).astype(np.uint8), drawn
            samples.append(sample)
    monkeypatch.setattr(estimated, "load_images", lambda own, *_: np.stack([images[s.path] for s in own]))
    monkeypatch.setattr(estimated, "load_outlines", lambda own, *_: np.stack([outlines[s.path] for s in own]))
    return samples


def test_the_cut_of_the_highest_dice_is_chosen_on_val_and_scored_on_both(slices):
    facts, rows = measure_outlines(Echo(), slices, TASK, None, flips=True)
    assert 0.3 <= facts.threshold <= 0.6
    assert measure_outlines(Echo(), slices, TASK, None, flips=True, facts=facts)[1] == rows
    test, val = rows
    assert (val.part, test.part) == ("named val", "named test")
    assert (test.images, test.dice.value, test.pointing.value) == (2, pytest.approx(1.0), 1.0)
    assert test.clear is not None
    assert test.clear.value == 1.0
