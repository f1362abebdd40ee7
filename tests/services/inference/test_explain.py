"""Grad-CAM against a network whose heat map can be worked out by hand, and on every architecture."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from services.errors import ModelDamaged, ModelNotFound
from services.inference.explain import compile_explanation
from services.inference.networks import NETWORKS, build, get_arrays, get_network, set_arrays


@pytest.fixture(scope="module")
def by_hand() -> keras.Model:
    """Two feature maps, the image and its negative, averaged; class 0 likes the first, class 1 the second."""
    grey = keras.Input((8, 8, 1))
    maps = keras.layers.Conv2D(2, 1, name="maps")(grey)
    logits = keras.layers.Dense(2, name="logits")(keras.layers.GlobalAveragePooling2D()(maps))
    model = keras.Model(grey, logits)
    model.get_layer("maps").set_weights([np.array([[[[1.0, -1.0]]]], np.float32), np.array([0.0, 1.0], np.float32)])
    model.get_layer("logits").set_weights([np.array([[2.0, 0.0], [0.0, 2.0]], np.float32), np.zeros(2, np.float32)])
    return model


def square() -> np.ndarray:
    image = np.zeros((8, 8), np.float32)
    image[1:3, 5:7] = 1.0
    return image


def test_heat_is_the_weighted_sum_of_the_maps(by_hand):
    logits, heat = compile_explanation(by_hand, "maps", flips=False)(square(), 0)
    assert logits == pytest.approx([2 * 4 / 64, 2 * 60 / 64], rel=1e-5)
    assert heat == pytest.approx(square() * 2 / 64, abs=1e-6)
    _, other = compile_explanation(by_hand, "maps", flips=False)(square(), 1)
    assert other == pytest.approx((1 - square()) * 2 / 64, abs=1e-6)


def test_minus_one_asks_for_the_likeliest_class(by_hand):
    explain = compile_explanation(by_hand, "maps", flips=False)
    assert np.array_equal(explain(square(), -1)[1], explain(square(), 1)[1])


def test_flips_average_both_views_in_the_slices_own_place(by_hand):
    _, heat = compile_explanation(by_hand, "maps", flips=True)(square(), 0)
    assert heat == pytest.approx(square() * 2 / 64, abs=1e-6)


@pytest.mark.parametrize("key", NETWORKS)
def test_every_architecture_answers_and_explains(key):
    model = build(key, 4, size=64)
    image = np.random.default_rng(0).random((64, 64), np.float32)
    views = np.stack([image, image[:, ::-1]])[..., None]
    answer = np.asarray(model(views, training=False)).mean(axis=0)
    logits, heat = compile_explanation(model, get_network(key).heat_layer, flips=True)(image, 2)
    assert answer == pytest.approx(logits, abs=1e-4)
    assert heat.ndim == 2
    assert heat.min() >= 0
    assert np.isfinite(heat).all()


def test_weights_survive_the_way_through_half_precision():
    model, other = build("vgg16", 4, size=64), build("vgg16", 4, size=64)
    arrays = get_arrays(model)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float16)}
    set_arrays(other, arrays)
    set_arrays(model, arrays)
    image = np.random.default_rng(0).random((64, 64), np.float32)
    assert np.array_equal(model(image[None, ..., None], training=False), other(image[None, ..., None], training=False))


@pytest.mark.parametrize("spoil", [lambda a: a.pop("logits/kernel"), lambda a: a.update({"logits/bias": np.zeros(7)})])
def test_weights_that_do_not_fit_are_refused(spoil):
    model = build("vgg16", 4, size=64)
    arrays = get_arrays(model)
    spoil(arrays)
    with pytest.raises(ModelDamaged, match="logits"):
        set_arrays(model, arrays)


def test_an_unknown_network_is_named_with_the_known_ones():
    with pytest.raises(ModelNotFound, match="efficientnet"):
        get_network("alexnet")
