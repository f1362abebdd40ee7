"""The networks by name, built the same for training and serving, free of calls that only one Keras backend knows.

Each takes float32 (batch, size, size, 1) in 0..1 and gives logits float32 (batch, classes). All layers of the backbone
lie in one flat graph, so that a heat map can name any of them. Keras is imported when a network is built, so that their
names can be known without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from services.errors import ModelDamaged, ModelNotFound

if TYPE_CHECKING:
    import keras

SMALL_SIDE = 50
# Below this level a prepared picture shows nothing.
DARK = 8 / 255
# The layer whose outputs the logits are.
LOGITS = "logits"
DROPOUT = "dropout"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Network:
    """An architecture.

    ``backbone`` builds it without its top on a symbolic colour image (batch, size, size, 3); ``scale`` and ``offset``
    map grey 0..1 to what the starting weights expect, channel by channel (x * scale + offset); ``heat_method`` and
    ``heat_layer`` say how an answer is explained, in the words of services/inference/explain.py; ``top_layer`` is the
    last one of feature maps and ``outline_layers`` are ever coarser ones before it, from a quarter of the slice's side
    on, from which outlines are learnt; ``settle_normalisation`` says whether the starting weights' moments are to be
    measured anew on slices; ``kept`` begins the names of layers that stay as their starting weights have them: edges
    and textures that every picture has; ``side`` is the largest side it looks at, to which larger slices are reduced
    inside it.
    """

    key: str
    title: str
    backbone: Callable[[Any], keras.Model]
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    heat_method: str
    heat_layer: str
    top_layer: str
    outline_layers: tuple[str, ...]
    settle_normalisation: bool
    kept: tuple[str, ...] = ()
    side: int = 448

    @property
    def feature_layers(self) -> tuple[str, ...]:
        """The layers whose features say whether a picture is of a known kind."""
        return *self.outline_layers, self.top_layer


def _efficientnet(colour: Any) -> keras.Model:
    import keras

    return keras.applications.EfficientNetV2B0(include_top=False, weights=None, input_tensor=colour)


def _resnet50(colour: Any) -> keras.Model:
    """ResNet-50 in its "v1.5" form: stages 3 to 5 halve the resolution in the 3x3 convolution, not in the first 1x1."""
    import keras

    first = keras.applications.ResNet50(include_top=False, weights=None, input_tensor=colour)
    config = first.get_config()
    for layer in config["layers"]:
        for stage in (3, 4, 5):
            if layer["name"] == f"conv{stage}_block1_1_conv":
                layer["config"]["strides"] = (1, 1)
            if layer["name"] == f"conv{stage}_block1_2_conv":
                layer["config"]["strides"] = (2, 2)
    return keras.Model.from_config(config)


def _vgg16(colour: Any) -> keras.Model:
    import keras

    return keras.applications.VGG16(include_top=False, weights=None, input_tensor=colour)


def _small_cnn(colour: Any) -> keras.Model:
    """The classic small network on 50 x 50 pixels: two convolutions with max pooling, then a dense layer.

    The dense layer is a convolution over its whole reach, so that it has places that a heat map can name.
    """
    import keras

    x = keras.layers.Resizing(SMALL_SIDE, SMALL_SIDE, antialias=True, name="smaller")(colour)
    for number, filters in ((1, 32), (2, 64)):
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"small_conv{number}")(x)
        x = keras.layers.MaxPooling2D(2, name=f"small_pool{number}")(x)
    x = keras.layers.Conv2D(64, 5, padding="same", activation="relu", name="small_dense")(x)
    return keras.Model(keras.utils.get_source_inputs(colour), x)


_STANDARD_SCALE = (1 / 0.229, 1 / 0.224, 1 / 0.225)
_STANDARD_OFFSET = (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225)

NETWORKS: dict[str, Network] = {
    network.key: network
    for network in (
        Network(
            "efficientnet",
            "EfficientNetV2B0",
            _efficientnet,
            (255.0,) * 3,
            (0.0,) * 3,
            "Grad-CAM++",
            "top_activation",
            "top_activation",
            ("block2b_add", "block3b_add", "block5e_add"),
            False,
        ),
        Network(
            "resnet50",
            "ResNet50",
            _resnet50,
            _STANDARD_SCALE,
            _STANDARD_OFFSET,
            "Layer-CAM",
            "conv3_block4_out",
            "conv5_block3_out",
            ("conv2_block3_out", "conv3_block4_out", "conv4_block6_out"),
            True,
            ("conv1_", "conv2_"),
            160,
        ),
        Network(
            "vgg16",
            "VGG16",
            _vgg16,
            _STANDARD_SCALE,
            _STANDARD_OFFSET,
            "Layer-CAM",
            "block3_conv3",
            "block5_conv3",
            ("block3_conv3", "block4_conv3"),
            False,
            ("block1_", "block2_", "block3_"),
            128,
        ),
        Network(
            "smallcnn",
            "Small CNN",
            _small_cnn,
            (2.0,) * 3,
            (-1.0,) * 3,
            "Grad-CAM",
            "small_dense",
            "small_dense",
            (),
            False,
        ),
    )
}


def get_network(key: str) -> Network:
    """The network of that key; raises ModelNotFound with the known keys otherwise."""
    try:
        return NETWORKS[key]
    except KeyError:
        raise ModelNotFound(f"There is no network named “{key}”. Choose one of: {', '.join(NETWORKS)}.") from None


def build(
    key: str, classes: int, *, size: int = 224, side: int = 0, dropout: float = 0.2, places: bool = False
) -> keras.Model:
    """Fresh weights: grey input, three equal channels, backbone, global average, dropout, linear logits.

    Slices of ``size`` are reduced to ``side``, where that is given and smaller, or else to the network's own.

    With ``places`` every place of the last feature maps has logits of its own, from how it differs from the mean of
    what is not black, and the picture's are the highest: a small lesion does not drown in a large picture, and the
    places can be taught what lies there (multiple-instance learning; Zhu et al., "Deep Multi-instance Networks with
    Sparse Label Assignment for Whole Mammogram Classification", MICCAI 2017). The weights are the same in number and
    shape.

    For two ``classes`` the head has one output z, the logit of the second: the network gives (-z/2, z/2), whose softmax
    is (1 - sigmoid(z), sigmoid(z)), so that whatever reads logits reads these too.
    """
    import keras

    network = get_network(key)
    grey = keras.Input((size, size, 1), name="slice", dtype="float32")
    seen = min(side or network.side, network.side)
    if size > seen:
        grey = keras.layers.Resizing(seen, seen, antialias=True, dtype="float32", name="reduced")(grey)
    channels = [
        keras.layers.Rescaling(scale, offset, name=f"channel_{index}")(grey)
        for index, (scale, offset) in enumerate(zip(network.scale, network.offset, strict=True))
    ]
    backbone = network.backbone(keras.layers.Concatenate(name="channels")(channels))
    dense = keras.layers.Dense(1 if classes == 2 else classes, name=LOGITS, dtype="float32")
    if places:
        standing_out = keras.layers.SpatialDropout2D(dropout, name=DROPOUT)(apart(backbone.output, grey))
        logits = keras.layers.GlobalMaxPooling2D(name="likeliest", dtype="float32")(dense(standing_out))
    else:
        pooled = keras.layers.GlobalAveragePooling2D(name="average")(backbone.output)
        logits = dense(keras.layers.Dropout(dropout, name=DROPOUT)(pooled))
    if classes == 2:
        logits = keras.layers.Flatten(name="twice", dtype="float32")(keras.layers.RepeatVector(2, name="z")(logits))
        logits = keras.layers.Rescaling([-0.5, 0.5], name="for_and_against", dtype="float32")(logits)
    return keras.Model(backbone.inputs[0], logits, name=key)


def apart(features: Any, grey: Any) -> Any:
    """Features (batch, rows, columns, channels) less their mean over the places where the picture is not black.

    ``grey`` is float32 (batch, side, side, 1) in 0..1.
    """
    import keras

    rows, columns = features.shape[1:3]
    seen = keras.ops.minimum(grey / DARK, 1.0)
    share = keras.layers.Resizing(rows, columns, antialias=True, dtype="float32", name="seen")(seen)
    share = keras.ops.cast(share, features.dtype)
    total = keras.ops.sum(share, axis=(1, 2), keepdims=True) + 1e-3
    return features - keras.ops.sum(features * share, axis=(1, 2), keepdims=True) / total


def get_arrays(model: keras.Model, prefix: str = "") -> dict[str, np.ndarray[Any, Any]]:
    """Every weight in half precision under <layer>/<weight>, as a version folder's files hold them.

    With a ``prefix`` those of the layers whose names begin with it.
    """
    import keras

    return {
        f"{layer.name}/{weight.name}": np.asarray(keras.ops.convert_to_numpy(weight), np.float16)
        for layer in model.layers
        if layer.name.startswith(prefix)
        for weight in layer.weights
        if weight.name != "seed_generator_state"
    }


def set_arrays(model: keras.Model, arrays: Mapping[str, np.ndarray[Any, Any]], prefix: str = "") -> None:
    """Fill every such weight of ``model``; raises ModelDamaged where one is missing or of another shape."""
    for layer in model.layers:
        if not layer.name.startswith(prefix):
            continue
        for weight in layer.weights:
            if weight.name == "seed_generator_state":
                continue
            name = f"{layer.name}/{weight.name}"
            if name not in arrays or arrays[name].shape != tuple(weight.shape):
                raise ModelDamaged(f"The weights file does not fit the network: {name} is missing or of another shape.")
            weight.assign(np.asarray(arrays[name], np.float32))
