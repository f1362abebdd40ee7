"""Each heat map method against networks whose maps can be worked out by hand, and on every architecture."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from services.errors import ModelDamaged, ModelMismatch, ModelNotFound
from services.inference.explain import METHODS, compile_explanation, compile_explanations
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
    logits, heat, *_ = compile_explanation(by_hand, "maps", flips=False)(square(), 0)
    assert logits == pytest.approx([2 * 4 / 64, 2 * 60 / 64], rel=1e-5)
    assert heat == pytest.approx(square() * 2 / 64, abs=1e-6)
    _, other, *_ = compile_explanation(by_hand, "maps", flips=False)(square(), 1)
    assert other == pytest.approx((1 - square()) * 2 / 64, abs=1e-6)


def test_minus_one_asks_for_the_likeliest_class(by_hand):
    explain = compile_explanation(by_hand, "maps", flips=False)
    assert np.array_equal(explain(square(), -1).heat, explain(square(), 1).heat)


def test_flips_average_both_views_in_the_slices_own_place(by_hand):
    _, heat, *_ = compile_explanation(by_hand, "maps", flips=True)(square(), 0)
    assert heat == pytest.approx(square() * 2 / 64, abs=1e-6)


@pytest.fixture(scope="module")
def uneven() -> keras.Model:
    """One logit: of two maps, the picture p and 1 - p, the weights differ from place to place.

    On the 2 x 2 picture the logit is 1 p00 + 2 p01 - 3 p10 + 0 p11 of the first map and -1, 1, 1, 1 of the second.
    """
    grey = keras.Input((2, 2, 1))
    maps = keras.layers.Conv2D(2, 1, name="maps")(grey)
    model = keras.Model(grey, keras.layers.Dense(1, name="logits")(keras.layers.Flatten()(maps)))
    model.get_layer("maps").set_weights([np.array([[[[1.0, -1.0]]]], np.float32), np.array([0.0, 1.0], np.float32)])
    weights = np.array([1, -1, 2, 1, -3, 1, 0, 1], np.float32)[:, None]
    model.get_layer("logits").set_weights([weights, np.zeros(1, np.float32)])
    return model


PICTURE = np.array([[1.0, 0.5], [0.25, 0.0]], np.float32)
# Sums of the maps: 1.75 and 2.25.
PLUS_FIRST = 1 / (2 + 1.75) + 2 / (2 + 2 * 1.75)
PLUS_SECOND = 3 / (2 + 2.25)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        # Mean gradients 0 and 0.5.
        ("Grad-CAM", [[0.0, 0.25], [0.375, 0.5]]),
        ("Grad-CAM++", PLUS_FIRST * PICTURE + PLUS_SECOND * (1 - PICTURE)),
        # 1 - 0, 1 + 0.5, -0.75 + 0.75, 0 + 1.
        ("HiRes-CAM", [[1.0, 1.5], [0.0, 1.0]]),
        # 1 + 0, 1 + 0.5, 0 + 0.75, 0 + 1.
        ("Layer-CAM", [[1.0, 1.5], [0.75, 1.0]]),
    ],
)
def test_each_method_weights_the_maps_as_its_paper_says(uneven, method, expected):
    _, heat, *_ = compile_explanation(uneven, "maps", flips=False, method=method)(PICTURE, 0)
    assert heat == pytest.approx(np.array(expected), abs=1e-5)


def test_before_a_global_average_hires_cam_is_grad_cam(by_hand):
    wanted = [("Grad-CAM", "maps"), ("HiRes-CAM", "maps"), ("Layer-CAM", "maps")]
    _, (plain, fine, positive) = compile_explanations(by_hand, wanted, flips=True)(square(), 0)
    assert plain == pytest.approx(fine)
    assert plain == pytest.approx(positive)


def test_two_layers_give_the_product_of_their_scaled_maps():
    grey = keras.Input((4, 4, 1))
    fine = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="fine")(grey)
    coarse = keras.layers.AveragePooling2D(4, name="coarse")(fine)
    model = keras.Model(grey, keras.layers.Flatten()(coarse))
    picture = np.arange(16, dtype=np.float32).reshape(4, 4)
    _, heat, *_ = compile_explanation(model, "coarse x fine", flips=False)(picture, 0)
    assert heat == pytest.approx(picture / 15, rel=1e-5)
    _, nothing, *_ = compile_explanation(model, "coarse x fine", flips=False)(-picture, 0)
    assert not nothing.any()


def test_an_unknown_method_is_named_with_the_known_ones(by_hand):
    with pytest.raises(ModelMismatch, match="Grad-CAM"):
        compile_explanation(by_hand, "maps", flips=False, method="Guesswork")


@pytest.mark.parametrize("key", NETWORKS)
def test_every_architecture_answers_and_explains(key):
    model = build(key, 4, size=64)
    image = np.random.default_rng(0).random((64, 64), np.float32)
    views = np.stack([image, image[:, ::-1]])[..., None]
    answer = np.asarray(model(views, training=False)).mean(axis=0)
    logits, heat, *_ = compile_explanation(model, get_network(key).heat_layer, flips=True)(image, 2)
    assert answer == pytest.approx(logits, abs=1e-4)
    assert heat.ndim == 2
    assert heat.min() >= 0
    assert np.isfinite(heat).all()


def test_one_call_gives_the_maps_of_every_method():
    model = build("efficientnet", 4, size=64)
    image = np.random.default_rng(0).random((64, 64), np.float32)
    wanted = [(method, layer) for method in METHODS for layer in ("block4c_add", "top_activation x block5e_add")]
    _, heats = compile_explanations(model, wanted, flips=True)(image, 2)
    for (method, layer), heat in zip(wanted, heats, strict=True):
        alone = compile_explanation(model, layer, flips=True, method=method)(image, 2)[1]
        assert heat == pytest.approx(alone, rel=1e-3, abs=1e-6 * float(alone.max()))
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
