"""Networks that have no normalisation learn with it and ship without: it is folded into their convolutions.

Deep plain convolutions hardly learn from fresh weights (Ioffe & Szegedy, "Batch Normalization", ICML 2015); once the
moments stand still, normalisation is a scale and a shift a channel, which the convolution before it can take over.
"""

from __future__ import annotations

import keras
import numpy as np

JOIN = "channels"
SUFFIX = "_norm"


def with_normalisation(model: keras.Model) -> keras.Model:
    """The same layers and weights with batch normalisation between each convolution and its ReLU.

    A network that has normalisation of its own is given back as it is.
    """
    if any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers):
        return model
    start = next(i for i, layer in enumerate(model.layers) if layer.name == JOIN)
    features = model.layers[start].output
    for layer in model.layers[start + 1 :]:
        config = layer.get_config()
        if isinstance(layer, keras.layers.Conv2D):
            features = keras.layers.Conv2D.from_config(config | {"activation": "linear"})(features)
            features = keras.layers.BatchNormalization(name=layer.name + SUFFIX)(features)
            features = keras.layers.ReLU(name=f"{layer.name}_relu")(features)
        else:
            features = type(layer).from_config(config)(features)
    normalised = keras.Model(model.inputs[0], features, name=model.name)
    for layer in model.layers:
        if layer.weights and not isinstance(layer, keras.layers.Dropout):
            normalised.get_layer(layer.name).set_weights(layer.get_weights())
    return normalised


def fold(normalised: keras.Model, model: keras.Model) -> None:
    """Give ``model`` the weights with which it answers as ``normalised`` does; nothing to do where they are one."""
    if normalised is model:
        return
    for layer in model.layers:
        if not layer.weights or isinstance(layer, keras.layers.Dropout):
            continue
        weights = normalised.get_layer(layer.name).get_weights()
        if isinstance(layer, keras.layers.Conv2D):
            norm = normalised.get_layer(layer.name + SUFFIX)
            gamma, beta, mean, variance = (np.asarray(w, np.float64) for w in norm.get_weights())
            scale = gamma / np.sqrt(variance + norm.epsilon)
            kernel, bias = weights
            weights = [(kernel * scale).astype(np.float32), ((bias - mean) * scale + beta).astype(np.float32)]
        layer.set_weights(weights)
