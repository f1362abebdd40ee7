"""Normalisation that is learnt with and shipped without changes no answer."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from services.inference.networks import build
from services.inference.outline import with_outline
from services.inference.starting import fresh_layers
from training.augment import Draws, styled_batch
from training.normalised import SETTLING_EPOCH, SUFFIX, fold, settle, with_normalisation


@pytest.fixture(scope="module")
def plain() -> keras.Model:
    keras.utils.set_random_seed(3)
    return build("vgg16", 4, size=64)


def test_a_folded_network_answers_as_it_did_with_normalisation(plain):
    normalised = with_normalisation(plain, fresh_layers(plain, "none"))
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
    normalised = with_normalisation(plain, fresh_layers(plain, "none"))
    for layer in plain.layers:
        for own, other in zip(layer.get_weights(), normalised.get_layer(layer.name).get_weights(), strict=True):
            assert np.array_equal(own, other)
    assert sum(layer.name.endswith(SUFFIX) for layer in normalised.layers) == 13
    assert with_outline(normalised, "vgg16").output["outline"].shape[1:] == (16, 16, 1)


def test_a_network_that_answers_from_places_is_normalised_too():
    places = build("smallcnn", 2, size=64, places=True)
    normalised = with_normalisation(places, fresh_layers(places, "none"))
    assert sum(layer.name.endswith(SUFFIX) for layer in normalised.layers) == 3
    pictures = np.random.default_rng(5).random((2, 64, 64, 1)).astype(np.float32)
    fold(normalised, places)
    assert places.predict_on_batch(pictures) == pytest.approx(normalised.predict_on_batch(pictures), rel=1e-2, abs=1e-3)


@pytest.mark.parametrize("network", ["efficientnet", "resnet50"])
def test_networks_with_normalisation_of_their_own_stay(network):
    model = build(network, 4, size=64)
    assert with_normalisation(model, fresh_layers(model, "none")) is model


def test_only_layers_without_starting_weights_are_normalised(plain, tmp_path):
    np.savez(tmp_path / "part.npz", **{f"block{block}_conv1/kernel": np.zeros(1) for block in (1, 2, 3)})
    fresh = fresh_layers(plain, str(tmp_path / "part.npz"))
    assert {"block1_conv2", "block4_conv1", "block5_conv3"} < fresh
    assert not fresh & {"block1_conv1", "block2_conv1", "block3_conv1"}
    normalised = with_normalisation(plain, fresh)
    assert sum(layer.name.endswith(SUFFIX) for layer in normalised.layers) == 10
    pictures = np.random.default_rng(2).random((2, 64, 64, 1)).astype(np.float32)
    own = keras.models.clone_model(plain)
    fold(normalised, own)
    # Fresh normalisation only divides by the root of 1 + epsilon.
    assert own.predict_on_batch(pictures) == pytest.approx(normalised.predict_on_batch(pictures), rel=1e-2, abs=1e-3)


def test_whole_starting_weights_need_no_normalisation(plain):
    assert with_normalisation(plain, fresh_layers(plain, "imagenet")) is plain


def test_settled_normalisation_has_the_moments_of_the_slices():
    model = build("resnet50", 4, size=64)
    images = np.random.default_rng(5).integers(0, 255, (12, 64, 64)).astype(np.uint8)
    draws = Draws(
        images=images, labels=np.eye(4, dtype=np.float32)[np.zeros(12, int)], weights=np.full(12, 1 / 12),
        outlines=np.zeros_like(images), known=np.ones(12, bool), cells=16, batch=12, steps=3, seed=1,
    )  # fmt: skip
    first = model.get_layer("conv1_bn")
    momentum = first.momentum
    settle(model, draws)
    batches = [styled_batch(draws, SETTLING_EPOCH, step)[0] for step in range(3)]
    seen = keras.Model(model.inputs[0], model.get_layer("conv1_conv").output)
    maps = [np.asarray(seen(batch[..., None].astype(np.float32) / 255)) for batch in batches]
    means = np.mean([m.mean(axis=(0, 1, 2)) for m in maps], axis=0)
    assert np.asarray(first.moving_mean) == pytest.approx(means, rel=1e-3, abs=1e-4)
    assert first.momentum == momentum
