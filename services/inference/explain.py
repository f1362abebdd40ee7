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
Answer = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Explanation = Callable[[NDArray[np.float32], int], tuple[NDArray[np.float32], NDArray[np.float32]]]


def compile_answer(model: keras.Model, *, flips: bool) -> Answer:
    """One compiled call of fixed shape: prepared square float32 (size, size) in 0..1 → logits float32 (classes,).

    With ``flips`` the logits are the mean over the square and its mirror image.
    """

    @tf.function(input_signature=[_signature(model)], reduce_retracing=True)
    def answer(square: Any) -> Any:
        return tf.reduce_mean(model(_views(square, flips), training=False), axis=0)

    return lambda square: np.asarray(answer(tf.constant(square)))


def compile_explanation(model: keras.Model, layer: str, *, flips: bool) -> Explanation:
    """One compiled call for logits and Grad-CAM: (square, class index or -1 for the likeliest) → (logits, map).

    The map is float32 of the layer's (rows, columns), at least 0, not normalised; with ``flips`` both views' mean.
    """
    both = keras.Model(model.inputs[0], [model.get_layer(layer).output, model.outputs[0]])

    @tf.function(input_signature=[_signature(model), tf.TensorSpec((), tf.int32)], reduce_retracing=True)
    def explain(square: Any, wanted: Any) -> Any:
        views = _views(square, flips)
        with tf.GradientTape() as tape:
            tape.watch(views)
            maps, logits = both(views, training=False)
            mean = tf.reduce_mean(logits, axis=0)
            index = tf.where(wanted < 0, tf.argmax(mean, output_type=tf.int32), wanted)
            score = tf.reduce_sum(tf.gather(logits, index, axis=1))
        weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2), keepdims=True)
        heat = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1))
        if flips:
            heat = tf.stack([heat[0], tf.reverse(heat[1], axis=[1])])
        return mean, tf.reduce_mean(heat, axis=0)

    def run(square: NDArray[np.float32], wanted: int = -1) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        logits, heat = explain(tf.constant(square), tf.constant(wanted, tf.int32))
        return np.asarray(logits), np.asarray(heat)

    return run


def _signature(model: keras.Model) -> Any:
    return tf.TensorSpec(tuple(model.input_shape[1:3]), tf.float32)


def _views(square: Any, flips: bool) -> Any:
    views = [square, tf.reverse(square, axis=[1])] if flips else [square]
    return tf.stack(views)[..., None]
