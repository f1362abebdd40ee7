"""Grad-CAM for any Keras 3 network, compiled together with its answer.

Source: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization" (ICCV
2017), equations 1 and 2: each feature map of a layer is weighted by the mean gradient of the class's logit, and the
sum is cut off at zero. TensorFlow is the backend that serves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

METHOD = "Grad-CAM"
Explanation = Callable[[NDArray[np.float32], int], tuple[NDArray[np.float32], NDArray[np.float32]]]


def compile_explanation(model: keras.Model, layer: str, *, flips: bool) -> Explanation:
    """One compiled call of fixed shape for logits and Grad-CAM: (square, class index or -1 for the likeliest) → both.

    The square is the prepared one, float32 (size, size) in 0..1; logits are float32 (classes,); the map is float32 of
    the layer's (rows, columns), at least 0, not normalised. With ``flips`` both are the mean over the square and its
    mirror image, the map in the square's own place.
    """
    forward = _with_fixed_weights(keras.Model(model.inputs[0], [model.get_layer(layer).output, model.outputs[0]]))

    @tf.function(input_signature=[_signature(model), tf.TensorSpec((), tf.int32)])
    def explain(square: Any, wanted: Any) -> Any:
        views = _views(square, flips)
        with tf.GradientTape() as tape:
            tape.watch(views)
            maps, logits = forward(views)
            mean = tf.reduce_mean(logits, axis=0)
            index = tf.where(wanted < 0, tf.argmax(mean, output_type=tf.int32), wanted)
            score = tf.reduce_sum(tf.gather(logits, index, axis=1))
        weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2), keepdims=True)
        heat = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1))
        if flips:
            heat = tf.stack([heat[0], tf.reverse(heat[1], axis=[1])])
        return mean, tf.reduce_mean(heat, axis=0)

    compiled = explain.get_concrete_function()

    def run(square: NDArray[np.float32], wanted: int = -1) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        logits, heat = compiled(tf.constant(square), tf.constant(wanted, tf.int32))
        return np.asarray(logits), np.asarray(heat)

    return run


def _with_fixed_weights(model: keras.Model) -> Callable[[Any], Any]:
    """The forward pass with the weights of now as constants, which the compiler may merge with what uses them.

    Normalisation goes into the convolutions, and nothing is read from variables: a third less time a call.
    """
    state = [[np.asarray(v) for v in part] for part in (model.trainable_variables, model.non_trainable_variables)]

    def forward(batch: Any) -> Any:
        # Made while the call is traced: constants made outside would become its inputs, which nothing merges with.
        trainable, others = ([tf.constant(array) for array in part] for part in state)
        return model.stateless_call(trainable, others, batch, training=False)[0]

    return forward


def _signature(model: keras.Model) -> Any:
    return tf.TensorSpec(tuple(model.input_shape[1:3]), tf.float32)


def _views(square: Any, flips: bool) -> Any:
    views = [square, tf.reverse(square, axis=[1])] if flips else [square]
    return tf.stack(views)[..., None]
