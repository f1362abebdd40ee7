"""Several networks asked as one, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from services.inference.calibration import probabilities
from services.inference.card import OutlineFacts
from services.inference.repository import ModelRepository
from services.settings import ROOT
from training.ensemble import Joint

REPOSITORY = ModelRepository(ROOT / "saved_models")
CARD = REPOSITORY.card(REPOSITORY.live_ref("brain_tumor_type"))


class LeftHalf:
    """Says more of the first class the brighter the left half of a view is, and outlines where it is bright."""

    def __init__(self, *, cells: int = 0) -> None:
        self.cells = cells

    def predict_on_batch(self, x: np.ndarray, /) -> Any:
        said = x[:, :, : x.shape[2] // 2].mean(axis=(1, 2, 3))
        logits = np.stack([said, np.zeros_like(said)], axis=1)
        if not self.cells:
            return logits
        size = x.shape[1] // self.cells
        return {"logits": logits, "outline": x.reshape(-1, self.cells, size, self.cells, size, 1).mean(axis=(2, 4))}


def views() -> np.ndarray:
    picture = np.zeros((1, 4, 4, 1), np.float32)
    picture[:, :, :2] = 1
    return picture


def test_each_member_has_its_own_temperature_and_views():
    seeing_both = CARD.model_copy(update={"flips": True, "temperature": 1.0, "outline": None})
    seeing_one = CARD.model_copy(update={"flips": False, "temperature": 2.0, "outline": None})
    said = Joint([seeing_both, seeing_one], [LeftHalf(), LeftHalf()]).predict_on_batch(views())
    # The mirror image has a dark left half, so the first sees a half on average, and the second the whole of it by two.
    assert probabilities(said["logits"])[0, 0] == pytest.approx(expit(0.5), abs=1e-6)
    assert "outline" not in said


def test_outlines_are_turned_back_and_those_of_coarser_members_enlarged():
    outlining = CARD.model_copy(update={"flips": True, "outline": OutlineFacts(threshold=0.4)})
    none = CARD.model_copy(update={"flips": False, "outline": None})
    joint = Joint([outlining, outlining, none], [LeftHalf(cells=4), LeftHalf(cells=2), LeftHalf()])
    shares = expit(joint.predict_on_batch(views())["outline"][0, :, :, 0])
    assert shares.shape == (4, 4)
    assert shares[:, 0] == pytest.approx(expit(1), abs=1e-6)
    assert shares[:, 3] == pytest.approx(expit(0), abs=1e-6)
