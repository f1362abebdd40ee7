"""Networks that have no normalisation learn with it and ship without: it is folded into their convolutions.

Deep plain convolutions hardly learn from fresh weights (Ioffe & Szegedy, "Batch Normalization", ICML 2015); once the
moments stand still, normalisation is a scale and a shift a channel, which the convolution before it can take over.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import keras
import numpy as np

from training.augment import Draws, styled_batch

# Batches whose moments are averaged, and a pass far from those of the run, so that its draws differ.
SETTLING, SETTLING_EPOCH = 16, 200_000
SUFFIX = "_norm"


def with_normalisation(model: keras.Model, fresh: Collection[str]) -> keras.Model:
    """The same layers and weights with batch normalisation between each ``fresh`` convolution and its ReLU.

    A network that has normalisation of its own, or no fresh convolution, is given back as it is.
    """
    layers = model.layers
    begins = any(isinstance(layer, keras.layers.Conv2D) and layer.name in fresh for layer in layers)
    if not begins or any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers):
        return model

    def made(layer: keras.Layer) -> keras.Layer:
        fresh_one = isinstance(layer, keras.layers.Conv2D) and layer.name in fresh
        return type(layer).from_config(layer.get_config() | ({"activation": "linear"} if fresh_one else {}))

    def called(layer: keras.Layer, *inputs: Any, **options: Any) -> Any:
        features = layer(*inputs, **options)
        if isinstance(layer, keras.layers.Conv2D) and layer.name in fresh:
            features = keras.layers.BatchNormalization(name=layer.name + SUFFIX)(features)
            features = keras.layers.ReLU(name=f"{layer.name}_relu")(features)
        return features

    normalised = keras.models.clone_model(model, clone_function=made, call_function=called)
    for layer in model.layers:
        if layer.weights and not isinstance(layer, keras.layers.Dropout):
            normalised.get_layer(layer.name).set_weights(layer.get_weights())
    return normalised


def settle(model: keras.Model, draws: Draws) -> None:
    """Give batch normalisation the moments of drawn slices in place of those that came with the weights.

    Source: Li et al., "Revisiting Batch Normalization For Practical Domain Adaptation" (2016, arXiv:1603.04779).
    """
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    before = [layer.momentum for layer in layers]
    for step in range(min(SETTLING, draws.steps)):
        images = styled_batch(draws, SETTLING_EPOCH, step)[0].astype(np.float32)[..., None] / np.float32(255)
        for layer in layers:
            layer.momentum = step / (step + 1)
        model(images, training=True)
    for layer, momentum in zip(layers, before, strict=True):
        layer.momentum = momentum


def fold(normalised: keras.Model, model: keras.Model) -> None:
    """Give ``model`` the weights with which it answers as ``normalised`` does; nothing to do where they are one."""
    if normalised is model:
        return
    known = {layer.name for layer in normalised.layers}
    for layer in model.layers:
        if not layer.weights or isinstance(layer, keras.layers.Dropout):
            continue
        weights = normalised.get_layer(layer.name).get_weights()
        if layer.name + SUFFIX in known:
            norm = normalised.get_layer(layer.name + SUFFIX)
            gamma, beta, mean, variance = (np.asarray(w, np.float64) for w in norm.get_weights())
            scale = gamma / np.sqrt(variance + norm.epsilon)
            kernel, bias = weights
            weights = [(kernel * scale).astype(np.float32), ((bias - mean) * scale + beta).astype(np.float32)]
        layer.set_weights(weights)
