"""The head that estimates outlines, and what one call says of it."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from services.errors import ModelDamaged
from services.inference.explain import compile_explanation
from services.inference.networks import NETWORKS, build, get_arrays, get_network, set_arrays
from services.inference.outline import PREFIX, with_outline


@pytest.mark.parametrize("key", NETWORKS)
def test_every_architecture_can_learn_outlines_at_a_quarter_of_the_side(key):
    model = build(key, 4, size=64)
    learner = with_outline(model, key)
    picture = np.random.default_rng(0).random((2, 64, 64, 1), np.float32)
    said = learner(picture, training=False)
    assert np.asarray(said["logits"]) == pytest.approx(np.asarray(model(picture, training=False)), abs=1e-5)
    side = (50 if key == "smallcnn" else 64) // 4
    assert said["outline"].shape == (2, side, side, 1)
    own, base = ({layer.name for layer in each.layers} for each in (learner, model))
    assert all(name.startswith(PREFIX) for name in own - base)


def test_the_head_is_stored_and_filled_apart_from_the_network():
    keras.utils.set_random_seed(4)
    one, other = (with_outline(build("efficientnet", 4, size=64), "efficientnet") for _ in range(2))
    arrays = get_arrays(one, PREFIX)
    assert arrays
    assert all(name.startswith(PREFIX) for name in arrays)
    before = get_arrays(other)
    set_arrays(other, arrays, PREFIX)
    after = get_arrays(other)
    assert all(np.array_equal(after[name], arrays.get(name, before[name])) for name in after)
    lacking = {name: array for name, array in arrays.items() if name != f"{PREFIX}/bias"}
    with pytest.raises(ModelDamaged, match="outline/bias"):
        set_arrays(other, lacking, PREFIX)


@pytest.fixture
def echo() -> keras.Model:
    """Its outline's logits are 10 times the picture less 5, its one map the picture, its logit the map's mean."""
    grey = keras.Input((8, 8, 1))
    maps = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="maps")(grey)
    logits = keras.layers.GlobalAveragePooling2D(name="logits")(maps)
    outline = keras.layers.Rescaling(10.0, -5.0, name="outline")(maps)
    return keras.Model(grey, {"logits": logits, "outline": outline})


@pytest.mark.parametrize("flips", [False, True])
def test_one_call_gives_outline_and_features_in_the_slices_own_place(echo, flips):
    picture = np.zeros((8, 8), np.float32)
    picture[1:3, 5:7] = 1.0
    said = compile_explanation(echo, "maps", flips=flips, pooled=["maps"])(picture, 0)
    assert said.outline == pytest.approx(1 / (1 + np.exp(5 - 10 * picture)), rel=1e-5)
    assert said.features == pytest.approx([4 / 64])
    assert said.logits == pytest.approx([4 / 64])


def test_a_network_without_a_head_says_nothing_of_outlines():
    model = build("efficientnet", 4, size=64)
    said = compile_explanation(model, get_network("efficientnet").heat_layer, flips=True)(np.zeros((64, 64), "f4"), 0)
    assert said.outline is None
    assert said.features is None
