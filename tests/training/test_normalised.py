"""Normalisation that is learnt with and shipped without changes no answer."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from services.inference.networks import build
from training.learner import with_outline
from training.normalised import SUFFIX, fold, with_normalisation


@pytest.fixture(scope="module")
def plain() -> keras.Model:
    keras.utils.set_random_seed(3)
    return build("vgg16", 4, size=64)


def test_a_folded_network_answers_as_it_did_with_normalisation(plain):
    normalised = with_normalisation(plain)
    rng = np.random.default_rng(1)
    for layer in normalised.layers:
        if layer.name.endswith(SUFFIX):
            shapes = [w.shape for w in layer.get_weights()]
            gamma, beta, mean, variance = (rng.uniform(0.5, 1.5, shape) for shape in shapes)
            layer.set_weights([gamma, beta - 1, 0.1 * (mean - 1), variance])
    pictures = rng.random((3, 64, 64, 1)).astype(np.float32)
    expected = normalised.predict_on_batch(pictures)
    before = plain.predict_on_batch(pictures)
    fold(normalised, plain)
    assert plain.predict_on_batch(pictures) == pytest.approx(expected, rel=1e-3, abs=1e-4)
    assert not np.allclose(before, expected, rtol=1e-2)


def test_it_begins_with_the_weights_of_the_network(plain):
    normalised = with_normalisation(plain)
    for layer in plain.layers:
        for own, other in zip(layer.get_weights(), normalised.get_layer(layer.name).get_weights(), strict=True):
            assert np.array_equal(own, other)
    assert sum(layer.name.endswith(SUFFIX) for layer in normalised.layers) == 13
    assert with_outline(normalised, "vgg16").output["outline"].shape[1:] == (4, 4, 1)


@pytest.mark.parametrize("network", ["efficientnet", "resnet50"])
def test_networks_with_normalisation_of_their_own_stay(network):
    model = build(network, 4, size=64)
    assert with_normalisation(model) is model
