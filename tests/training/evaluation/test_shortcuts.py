"""Each view hides what it says it hides, and a planted shortcut is found."""

from __future__ import annotations

import numpy as np
import pytest

from services.imaging.phantom import PHANTOMS, draw
from services.imaging.prepare import prepare
from services.tasks import get_task
from training.evaluation import shortcuts
from training.evaluation.outlines import head_of

TASK = get_task("brain_tumor_type")


@pytest.fixture(scope="module")
def square() -> np.ndarray:
    prepared = prepare(draw(PHANTOMS[0].key).astype(np.float32) / np.float32(255), TASK.preparation)
    return np.round(prepared.pixels * 255).astype(np.uint8)


def test_nothing_of_the_head_is_left(square):
    marked = square.copy()
    marked[2:6, 2:6] = 200
    left = shortcuts.without_head(marked)
    assert not left[head_of(square)].any()
    assert (left[2:6, 2:6] == 200).all()


def test_the_border_and_the_outline_show_no_more(square):
    inner = slice(shortcuts.BORDER, -shortcuts.BORDER)
    edge = shortcuts.border(square)
    assert not edge[inner, inner].any()
    assert np.array_equal(edge[: shortcuts.BORDER], square[: shortcuts.BORDER])
    assert set(np.unique(shortcuts.silhouette(square))) == {0, 255}


@pytest.mark.parametrize(("marked", "least", "most"), [(True, 0.75, 1.0), (False, 0.2, 0.7)])
def test_a_mark_that_one_class_has_is_found(square, monkeypatch, marked, least, most):
    """Half of the slices are no tumour, told by nothing but a grey corner; the network says the same of each."""
    rng = np.random.default_rng(5)
    images = np.stack([square] * 160) // 2 + rng.integers(0, 9, (160, *square.shape)).astype(np.uint8)
    truth = np.arange(160) % 2
    if marked:
        images[truth == 1, :10, :10] = 120
    samples = [Drawn("notumor" if kind else "glioma", "test" if i >= 80 else "train") for i, kind in enumerate(truth)]
    by_part = {"train": images[:80], "test": images[80:]}
    monkeypatch.setattr(shortcuts, "load_images", lambda chosen, *_: by_part[chosen[0].part])
    monkeypatch.setattr(shortcuts, "logits_of", lambda _, views, flips: np.zeros((len(views), 4), np.float32))
    found = {(f.view, f.who): f.recall.value for f in shortcuts.probe(None, samples, TASK, None, flips=False)}
    for view in ("whole slice", "head blacked out", "border"):
        assert least <= found[view, "linear classifier"] <= most
        assert found[view, "network"] == 0.5


class Drawn:
    """As much of a sample as the probe looks at."""

    def __init__(self, label: str, part: str) -> None:
        self.label, self.part, self.corpus, self.group = label, part, "drawn", f"{part}{id(self)}"
