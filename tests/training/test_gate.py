"""How the input gate is learnt and measured."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from services.imaging.phantom import PHANTOMS, draw
from tests.training.drawn import TASK
from training.corpus import CorpusError
from training.gate import REFUSED, learn, read_others
from training.strange import EACH, strange_pictures


def features(rng: np.random.Generator, middle: float, count: int) -> np.ndarray:
    return rng.normal(middle, 1, (count, 40)).astype(np.float32)


def test_it_refuses_what_it_learnt_to_and_what_nobody_had():
    rng = np.random.default_rng(3)
    brains, restyled, val = features(rng, 0, 300), features(rng, 0, 300), features(rng, 0, 1000)
    gate = learn(brains, restyled, [features(rng, 1.5, 60)], val)
    assert (~gate.known_kind(val)).mean() == pytest.approx(REFUSED, abs=0.003)
    assert (~gate.known_kind(features(rng, 1.5, 200))).mean() > 0.95
    # On the brains' side of the line, and far from all of them.
    assert not gate.known_kind(features(rng, -6, 50)).any()


@pytest.mark.parametrize("side", [64, 448])
def test_strange_pictures_are_of_every_kind_and_in_range(side):
    brains = np.stack([cv2.resize(draw(info.key), (side, side)) for info in PHANTOMS[:3]])
    pictures = strange_pictures(brains, np.random.default_rng(1))
    assert len(pictures) == 7 * EACH
    assert all(p.dtype == np.float32 and p.min() >= 0 and p.max() <= 1 and p.ndim == 2 for p in pictures)
    for start in range(0, len(pictures), EACH):
        assert len({p.tobytes() for p in pictures[start : start + EACH]}) > 1


def test_other_pictures_come_with_their_part_and_what_simple_checks_say(tmp_path: Path):
    folder = tmp_path / "others"
    folder.mkdir()
    cv2.imwrite(str(folder / "brain.png"), draw(PHANTOMS[0].key))
    cv2.imwrite(str(folder / "page.png"), 255 - draw(PHANTOMS[0].key))
    with (folder / "manifest.csv").open("w", newline="") as target:
        csv.writer(target).writerows([["file", "split"], ["brain.png", "train"], ["page.png", "test"]])
    one, other = read_others([folder], TASK)
    assert (one.part, one.simple) == ("others train", True)
    assert (other.part, other.simple) == ("others test", False)
    assert one.square.shape == (224, 224)
    with pytest.raises(CorpusError, match=r"holds no manifest.csv; name a folder that does with --others"):
        read_others([tmp_path], TASK)


def test_of_a_large_folder_pictures_are_read_at_even_steps(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("training.gate.MOST", 3)
    cv2.imwrite(str(tmp_path / "brain.png"), draw(PHANTOMS[0].key))
    splits = ["train", "train", "val", "val", "test", "test", "test"]
    with (tmp_path / "manifest.csv").open("w", newline="") as target:
        csv.writer(target).writerows([["file", "split"], *(["brain.png", split] for split in splits)])
    assert [other.part.split()[-1] for other in read_others([tmp_path], TASK)] == ["train", "val", "test"]
