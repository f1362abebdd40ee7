"""What the model's features say of a picture's kind, by hand."""

from __future__ import annotations

import io

import numpy as np
import pytest

from services.inference.familiarity import LIMIT, Familiarity


@pytest.fixture
def by_hand() -> Familiarity:
    """Two features; the first says how much of a brain it is, the second how far it is from two known slices."""
    floats = {
        "mean": [1.0, 10.0], "scale": [2.0, 5.0], "weights": [1.0, 0.0], "bias": 0.5, "least": -1.0,
        "axes": [[0.0], [1.0]], "known": [[0.0], [4.0]], "farthest": 2.0,
    }  # fmt: skip
    return Familiarity(**{name: np.asarray(values, np.float32) for name, values in floats.items()})


def test_both_checks_refuse_on_their_own(by_hand):
    features = np.array([[1, 10], [-1.9, 10], [-2.1, 10], [1, 30], [1, 41], [1, -1]], np.float32)
    assert by_hand.logits(features) == pytest.approx([0.5, -0.95, -1.05, 0.5, 0.5, 0.5])
    assert by_hand.distances(features) == pytest.approx([0, 0, 0, 0, 2.2, 2.2], abs=1e-5)
    assert by_hand.known_kind(features).tolist() == [True, True, False, True, False, False]


def test_no_single_feature_counts_without_end(by_hand):
    assert by_hand.logits(np.array([[1e9, 10]], np.float32)) == pytest.approx([LIMIT + 0.5])


def test_it_is_read_as_it_was_written(by_hand):
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **by_hand.arrays())
    file.seek(0)
    again = Familiarity.read(file)
    for name, array in by_hand.arrays().items():
        assert getattr(again, name) == pytest.approx(array)
        assert getattr(again, name).dtype == np.float32


def test_cuts_are_chosen_for_what_ships(by_hand):
    rough = by_hand.rounded().cut(least=0.123456, farthest=3.0)
    assert float(rough.least) == pytest.approx(0.123456)
    assert rough.weights == pytest.approx(by_hand.weights)
