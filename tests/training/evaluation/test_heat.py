"""Heat-map scores against cases worked out by hand, and the choice made from them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from services.inference.networks import NETWORKS, build
from services.tasks import get_task
from training.corpus import read_corpora
from training.evaluation.heat import Scoring, best_of, candidates
from training.evaluation.outlines import THRESHOLDS, figures, head_of, rank_correlation, score_slice

SIDE = 224
MAP = ("Grad-CAM", "a")


def rectangle(top: int, left: int, height: int, width: int) -> np.ndarray:
    area = np.zeros((SIDE, SIDE), bool)
    area[top : top + height, left : left + width] = True
    return area


OUTLINE, HEAD = rectangle(100, 100, 10, 20), rectangle(50, 50, 100, 100)


def heat_at(*spots: tuple[int, int, float]) -> np.ndarray:
    heat = np.zeros((SIDE, SIDE), np.float32)
    for row, column, value in spots:
        heat[row, column] = value
    return heat


def test_shares_of_heat_and_the_base_rate():
    found = score_slice(heat_at((105, 110, 3.0), (60, 60, 2.0), (10, 10, 1.0)), OUTLINE, HEAD)
    assert found.hit == found.near == 1
    assert found.base == pytest.approx(200 / 10_000)
    assert found.inside == pytest.approx(3 / 6)
    assert found.outside_head == pytest.approx(1 / 6)


@pytest.mark.parametrize(("column", "hit", "near"), [(119, 1, 1), (120, 0, 1), (127, 0, 1), (128, 0, 0)])
def test_the_hottest_point_and_the_eight_pixels_round_the_outline(column, hit, near):
    found = score_slice(heat_at((105, column, 1.0), (105, 110, 0.9)), OUTLINE, HEAD)
    assert (found.hit, found.near) == (hit, near)


def test_eight_pixels_are_eight_of_224():
    outline = np.zeros((112, 112), bool)
    outline[50, 50] = True
    for column, near in ((54, 1), (55, 0)):
        heat = np.zeros((112, 112), np.float32)
        heat[50, column] = 1
        assert score_slice(heat, outline, outline).near == near


def test_overlap_at_every_threshold():
    heat = rectangle(100, 100, 10, 40).astype(np.float32) * 0.5
    heat[100:110, 100:110] = 1
    found = dict(zip(np.round(THRESHOLDS, 2).tolist(), score_slice(heat, OUTLINE, HEAD).iou, strict=True))
    assert found[0.05] == found[0.5] == pytest.approx(200 / 400)
    assert found[0.55] == found[0.95] == pytest.approx(100 / 200)
    perfect = score_slice(OUTLINE.astype(np.float32), OUTLINE, HEAD)
    assert perfect.iou == pytest.approx(np.ones(19))


def test_no_heat_hits_nothing():
    outline = rectangle(0, 0, 5, 5)
    found = score_slice(heat_at(), outline, HEAD)
    assert (found.hit, found.near, found.inside, found.outside_head, found.iou.max()) == (0, 0, 0, 0, 0)


def test_figures_are_means_and_the_threshold_is_that_of_the_best_mean_overlap():
    wide = rectangle(100, 100, 10, 40).astype(np.float32) * 0.3 + OUTLINE * 0.7
    miss = heat_at((60, 60, 1.0))
    scores = [score_slice(heat.astype(np.float32), OUTLINE, HEAD) for heat in (wide, wide, wide, miss)]
    found = figures("val", MAP, scores, ["p", "q", "r", "s"])
    assert (found.images, found.groups) == (4, 4)
    assert found.pointing.value == 0.75
    assert found.pointing.low < 0.75 < found.pointing.high
    assert found.inside.value == pytest.approx(0.75 * 200 / (200 + 200 * 0.3), abs=1e-4)
    assert (found.threshold, found.iou.value) == (0.35, 0.75)
    at_val = figures("test", MAP, scores, ["p", "q", "r", "s"], threshold=0.1)
    assert (at_val.threshold, at_val.iou.value) == (0.1, 0.375)


def test_intervals_resample_groups():
    hit, miss = (score_slice(heat_at((row, 105, 1.0)), OUTLINE, HEAD) for row in (105, 60))
    found = figures("val", MAP, [hit] * 50 + [miss] * 50, ["p"] * 50 + ["q"] * 50)
    assert (found.pointing.low, found.pointing.high) == (0, 1)


def test_every_part_counts_alike_in_the_choice():
    hit, miss = (score_slice(heat_at((row, 105, 1.0)), OUTLINE, HEAD) for row in (105, 60))

    def row(part: str, layer: str, hits: int, images: int):
        scores = [hit] * hits + [miss] * (images - hits)
        return figures(part, ("Grad-CAM", layer), scores, [str(i) for i in range(images)])

    rows = [row("large", "a", 9, 12), row("large", "b", 6, 12), row("small", "a", 0, 2), row("small", "b", 1, 2)]
    assert best_of(rows) == ("Grad-CAM", "b")


def test_head_is_the_hull_of_what_is_not_background():
    square = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(square, (112, 112), 80, 120, -1)
    cv2.circle(square, (112, 112), 40, 0, -1)
    square[5:8, 5:8] = 200
    disc = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(disc, (112, 112), 80, 1, -1)
    head = head_of(square)
    assert np.logical_xor(head, disc).sum() < 0.05 * disc.sum()
    assert head[112, 112]
    assert not head[6, 6]


def test_rank_correlation_sees_order_alone():
    rising = np.arange(9, dtype=np.float32).reshape(3, 3)
    assert rank_correlation(rising, rising**3) == pytest.approx(1)
    assert rank_correlation(rising, -rising) == pytest.approx(-1)
    assert rank_correlation(rising, np.zeros((3, 3), np.float32)) == 0


@pytest.mark.parametrize("key", NETWORKS)
def test_candidates_are_layers_of_the_network(key):
    layers = {layer.name for layer in build(key, 4, size=64).layers}
    assert {part for _, layer in candidates(key) for part in layer.split(" x ")} <= layers


def test_a_network_of_random_weights_agrees_with_itself_alone(shared_data):
    """The whole way on real slices: reading, preparing, mapping, scoring, comparing."""
    task = get_task("brain_tumor_type")
    outlined = [s for s in read_corpora([shared_data / "brain_presence"], task) if s.mask]
    val = [s for s in outlined if s.part == "val"][:3]
    network = build("efficientnet", 4, size=task.preparation.size)
    scoring = Scoring(network, "efficientnet", val, task, side=0, places=False, flips=False, cache=None)
    wanted = [("Grad-CAM", "block4c_add")]
    found = scoring.figures("val", wanted, None)
    assert [(row.part, row.images) for row in found] == [("brain_presence val", 3)]
    assert 0 < found[0].base_rate.value < 0.5
    assert scoring.sanity(wanted)[0].correlation.value < 0.9
