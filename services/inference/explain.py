"""Heat maps for any Keras 3 network, compiled together with its answer; TensorFlow is the backend that serves.

Each method reads the feature maps of one layer and the gradients of the class's logit there, so that one pass back
serves them all. The sum over the maps is cut off at zero in each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from services.errors import ModelMismatch

METHOD = "Grad-CAM"
JOINED = " x "


class Explained(NamedTuple):
    """What one call says of a square.

    ``logits`` float32 (classes,); ``heat`` float32 of its layer's (rows, columns), at least 0, not normalised;
    ``outline`` float32 (rows, columns) in 0..1, the share of each cell inside the estimated outline, or None where the
    network has learnt none; ``features`` float32 (n,), the mean over all places of each map that was asked for.
    """

    logits: NDArray[np.float32]
    heat: NDArray[np.float32]
    outline: NDArray[np.float32] | None = None
    features: NDArray[np.float32] | None = None


Compiled = Callable[[Any, Any], tuple[Any, list[Any], list[Any], list[Any]]]
Explanation = Callable[[NDArray[np.float32], int], Explained]
Explanations = Callable[[NDArray[np.float32], int], tuple[NDArray[np.float32], list[NDArray[np.float32]]]]


def compile_explanation(
    model: keras.Model, layer: str, *, flips: bool, method: str = METHOD, pooled: Sequence[str] = ()
) -> Explanation:
    """One compiled call of fixed shape for logits and heat: (square, class index or -1 for the likeliest) → Explained.

    The square is the prepared one, float32 (size, size) in 0..1. With ``flips`` all is the mean over the square and its
    mirror image, maps in the square's own place. ``layer`` names one layer, or two as "coarse x fine": the product of
    their maps, each scaled to a highest value of 1, at the finer one's resolution. ``pooled`` names the layers whose
    features are wanted. Where ``model`` has a second output, "outline", that comes along.

    Raises ModelMismatch where no method has that name.
    """
    compiled = _compiled(model, [(method, layer)], pooled, flips=flips)

    def run(square: NDArray[np.float32], wanted: int = -1) -> Explained:
        logits, heats, outline, features = compiled(tf.constant(square), tf.constant(wanted, tf.int32))
        parts = [np.asarray(part[0]) if part else None for part in (outline, features)]
        return Explained(np.asarray(logits), np.asarray(heats[0]), *parts)

    return run


def compile_explanations(model: keras.Model, wanted_maps: Sequence[tuple[str, str]], *, flips: bool) -> Explanations:
    """Logits and several maps, each a (method, layer), in one pass forward and one back."""
    compiled = _compiled(model, wanted_maps, (), flips=flips)

    def run(square: NDArray[np.float32], wanted: int = -1) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        logits, heats, *_ = compiled(tf.constant(square), tf.constant(wanted, tf.int32))
        return np.asarray(logits), [np.asarray(heat) for heat in heats]

    return run


def _compiled(
    model: keras.Model, wanted_maps: Sequence[tuple[str, str]], pooled: Sequence[str], *, flips: bool
) -> Compiled:
    """(square, class) → logits, heat maps, and lists of one or none: the outline, the features."""
    for method, _ in wanted_maps:
        if method not in METHODS:
            raise ModelMismatch(f"There is no heat map method “{method}”. Use one of: {', '.join(METHODS)}.")
    layers = list(dict.fromkeys(name for _, layer in wanted_maps for name in layer.split(JOINED)))
    answer = model.output if isinstance(model.output, dict) else {"logits": model.outputs[0]}
    seen_too = [model.get_layer(name).output for name in pooled]
    forward = with_fixed_weights(
        keras.Model(model.inputs[0], [[model.get_layer(name).output for name in layers], seen_too, answer])
    )

    @tf.function(input_signature=[_signature(model), tf.TensorSpec((), tf.int32)])
    def explain(square: Any, wanted: Any) -> Any:
        views = _views(square, flips)
        with tf.GradientTape() as tape:
            tape.watch(views)
            maps, features, said = forward(views)
            logits = said["logits"]
            mean = tf.reduce_mean(logits, axis=0)
            index = tf.where(wanted < 0, tf.argmax(mean, output_type=tf.int32), wanted)
            score = tf.reduce_sum(tf.gather(logits, index, axis=1))
        seen = dict(zip(layers, zip(maps, tape.gradient(score, maps), strict=True), strict=True))
        heats = [
            _product([METHODS[method](*seen[name]) for name in layer.split(JOINED)]) for method, layer in wanted_maps
        ]
        outline = [tf.sigmoid(said["outline"][..., 0])] if "outline" in said else []
        pooled_maps = [tf.concat([tf.reduce_mean(f, axis=(0, 1, 2)) for f in features], axis=0)] if features else []
        return mean, _own_place(heats, flips), _own_place(outline, flips), pooled_maps

    compiled: Compiled = explain.get_concrete_function()
    return compiled


def _own_place(maps: list[Any], flips: bool) -> list[Any]:
    """Maps (views, rows, columns) → their mean over the views, that of the mirror image turned back."""
    if flips:
        maps = [tf.stack([both[0], tf.reverse(both[1], axis=[1])]) for both in maps]
    return [tf.reduce_mean(views, axis=0) for views in maps]


def _grad_cam(maps: Any, gradients: Any) -> Any:
    """Each map weighted by its mean gradient.

    Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization" (ICCV 2017),
    equations 1 and 2.
    """
    return _heat(maps * tf.reduce_mean(gradients, axis=(1, 2), keepdims=True))


def _grad_cam_plus_plus(maps: Any, gradients: Any) -> Any:
    """Each map weighted by the sum of its positive gradients, each with a share that evens out how often it occurs.

    Chattopadhay et al., "Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep Convolutional Networks"
    (WACV 2018), equations 5, 15 and 19 with the class's score as exp(logit), whose factor in every weight is dropped.
    """
    # Equation 19 divided by the squared gradient; where that is 0, the share is multiplied by 0.
    shares = tf.math.divide_no_nan(1.0, 2.0 + gradients * tf.reduce_sum(maps, axis=(1, 2), keepdims=True))
    return _heat(maps * tf.reduce_sum(shares * tf.nn.relu(gradients), axis=(1, 2), keepdims=True))


def _hires_cam(maps: Any, gradients: Any) -> Any:
    """Each place of each map weighted by its own gradient.

    Draelos and Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks"
    (2020, arXiv:2011.08891), equation 3. Where the layer goes straight into a global average it equals Grad-CAM.
    """
    return _heat(maps * gradients)


def _layer_cam(maps: Any, gradients: Any) -> Any:
    """Each place of each map weighted by its own gradient where that is positive.

    Jiang et al., "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization" (IEEE Transactions on Image
    Processing, 2021), equations 6 to 8.
    """
    return _heat(maps * tf.nn.relu(gradients))


METHODS: dict[str, Callable[[Any, Any], Any]] = {
    METHOD: _grad_cam,
    "Grad-CAM++": _grad_cam_plus_plus,
    "HiRes-CAM": _hires_cam,
    "Layer-CAM": _layer_cam,
}


def _heat(weighted: Any) -> Any:
    """Weighted maps (views, rows, columns, channels) → their sum over channels, at least 0."""
    return tf.nn.relu(tf.reduce_sum(weighted, axis=-1))


def _product(heats: list[Any]) -> Any:
    if len(heats) == 1:
        return heats[0]
    side = max(int(heat.shape[1]) for heat in heats)
    scaled = [tf.math.divide_no_nan(heat, tf.reduce_max(heat, axis=(1, 2), keepdims=True)) for heat in heats]
    larger = [tf.image.resize(heat[..., None], (side, side), "bilinear")[..., 0] for heat in scaled]
    return tf.reduce_prod(tf.stack(larger), axis=0)


def with_fixed_weights(model: keras.Model) -> Callable[[Any], Any]:
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
