"""What the networks look at: slices of the preparation's size, or reduced to the side that they learnt from."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from services.inference.networks import apart, build, get_arrays, get_network, set_arrays
from services.inference.outline import answers_from_places, shipped_network, with_outline
from tests.services.inference.versions import TASK, edit_card


def seen(model: keras.Model) -> int:
    return int(model.get_layer("channels").output.shape[1])


@pytest.mark.parametrize("key", ["efficientnet", "resnet50", "vgg16"])
def test_a_network_looks_at_no_more_than_its_own_side(key):
    assert seen(build(key, 4, size=224)) == min(224, get_network(key).side)
    assert seen(build(key, 4, size=64)) == 64


def test_a_smaller_side_is_looked_at_where_it_was_learnt_from():
    assert seen(build("efficientnet", 4, size=224, side=128)) == 128
    assert seen(build("vgg16", 4, size=224, side=160)) == get_network("vgg16").side, "its own side is the largest"


def test_the_reduced_slice_is_answered_as_one_of_that_size():
    large, small = build("smallcnn", 4, size=96, side=64), build("smallcnn", 4, size=64)
    set_arrays(small, get_arrays(large))
    set_arrays(large, get_arrays(large))
    slices = np.random.default_rng(3).random((2, 96, 96, 1), np.float32)
    reduced = keras.layers.Resizing(64, 64, antialias=True)(slices)
    assert np.allclose(large(slices, training=False), small(reduced, training=False), atol=1e-4)


def test_a_version_looks_at_the_pixels_that_its_card_names(own_repository):
    ref = own_repository.live_ref(TASK.key)
    assert seen(shipped_network(own_repository, own_repository.card(ref))) == TASK.preparation.size
    edit_card(own_repository, ref, hyperparameters={**own_repository.card(ref).hyperparameters, "pixels": 96})
    assert seen(shipped_network(own_repository, own_repository.card(ref))) == 96


def test_places_answer_with_the_likeliest_and_carry_the_same_weights():
    whole, places = build("smallcnn", 2, size=96), build("smallcnn", 2, size=96, places=True)
    set_arrays(places, get_arrays(whole))
    slices = np.random.default_rng(4).random((2, 96, 96, 1), np.float32)
    said = with_outline(places, "smallcnn")(slices, training=False)
    maps = np.asarray(said["outline"])
    assert maps.shape == (2, 12, 12, 1)
    logits = np.asarray(said["logits"])
    assert np.allclose(logits[:, 1] - logits[:, 0], maps.max(axis=(1, 2, 3)), atol=1e-4)


def test_a_place_is_judged_by_how_it_differs_from_what_is_not_black():
    features = np.array([[1, 2], [3, 100]], np.float32).reshape(1, 2, 2, 1)
    grey = np.full((1, 32, 32, 1), 0.5, np.float32)
    assert np.asarray(apart(features, grey)) == pytest.approx(features - 26.5, abs=0.05)
    grey[:, 16:, 16:] = 0
    (mean,) = set(np.round(features - np.asarray(apart(features, grey)), 3).ravel().tolist())
    # Two of the first three; a little of the black place is in because the picture is reduced smoothly.
    assert 2 <= mean < 15


def test_a_version_that_answers_from_places_is_built_so_again(own_repository):
    ref = own_repository.live_ref(TASK.key)
    card = own_repository.card(ref)
    assert not answers_from_places(shipped_network(own_repository, card))
    edit_card(own_repository, ref, hyperparameters={**card.hyperparameters, "places": True})
    assert answers_from_places(shipped_network(own_repository, own_repository.card(ref)))
