"""The networks by name, built the same for training and serving, free of calls that only one Keras backend knows.

Each takes float32 (batch, size, size, 1) in 0..1 and gives logits float32 (batch, classes). All layers of the backbone
lie in one flat graph, so that a heat map can name any of them. Keras is imported when a network is built, so that their
names can be known without it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile

from services.errors import ModelDamaged, ModelNotFound

if TYPE_CHECKING:
    import keras

# The layer whose outputs the logits are.
LOGITS = "logits"
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
    and textures that every picture has.
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
            "Grad-CAM",
            "conv5_block3_out",
            "conv5_block3_out",
            ("conv2_block3_out", "conv3_block4_out", "conv4_block6_out"),
            True,
            ("conv1_", "conv2_"),
        ),
        Network(
            "vgg16",
            "VGG16",
            _vgg16,
            _STANDARD_SCALE,
            _STANDARD_OFFSET,
            "Grad-CAM",
            "block5_conv3",
            "block5_conv3",
            ("block3_conv3", "block4_conv3"),
            False,
            ("block1_", "block2_"),
        ),
    )
}


def get_network(key: str) -> Network:
    """The network of that key; raises ModelNotFound with the known keys otherwise."""
    try:
        return NETWORKS[key]
    except KeyError:
        raise ModelNotFound(f"There is no network named “{key}”. Choose one of: {', '.join(NETWORKS)}.") from None


def build(key: str, classes: int, *, size: int = 224, dropout: float = 0.2) -> keras.Model:
    """Fresh weights: grey input, three equal channels, backbone, global average, dropout, linear logits.

    For two ``classes`` the head has one output z, the logit of the second: the network gives (-z/2, z/2), whose softmax
    is (1 - sigmoid(z), sigmoid(z)), so that whatever reads logits reads these too.
    """
    import keras

    network = get_network(key)
    grey = keras.Input((size, size, 1), name="slice", dtype="float32")
    channels = [
        keras.layers.Rescaling(scale, offset, name=f"channel_{index}")(grey)
        for index, (scale, offset) in enumerate(zip(network.scale, network.offset, strict=True))
    ]
    backbone = network.backbone(keras.layers.Concatenate(name="channels")(channels))
    pooled = keras.layers.GlobalAveragePooling2D(name="average")(backbone.output)
    pooled = keras.layers.Dropout(dropout, name="dropout")(pooled)
    logits = keras.layers.Dense(1 if classes == 2 else classes, name=LOGITS, dtype="float32")(pooled)
    if classes == 2:
        # One layer after the other, as training/normalised.py takes the graph.
        logits = keras.layers.Flatten(name="twice", dtype="float32")(keras.layers.RepeatVector(2, name="z")(logits))
        logits = keras.layers.Rescaling([-0.5, 0.5], name="for_and_against", dtype="float32")(logits)
    return keras.Model(backbone.inputs[0], logits, name=key)


def copy_backbone(source: keras.Model, target: keras.Model) -> None:
    """Give ``target`` the weights of ``source``, the same network for other classes, but for those of its head."""
    for layer in source.layers:
        if layer.weights and layer.name not in (LOGITS, "dropout"):
            target.get_layer(layer.name).set_weights(layer.get_weights())


def load_starting_weights(model: keras.Model, key: str, source: str) -> str:
    """Fill the backbone of ``model`` from ``source`` and say in words where it came from.

    ``source`` is "none" (fresh weights), "imagenet" (downloaded by Keras) or a file: a Keras .weights.h5 of the
    backbone without its top, or a .npz of arrays named <layer>/<weight> which may hold a part of the layers. Raises
    ModelNotFound where the file is not there or Keras cannot download, ModelDamaged where it is no file of weights or
    those of another network.
    """
    import keras

    if source == "none":
        return "none: fresh random weights"
    if source == "imagenet":
        _from_keras_applications(model, key)
        return "ImageNet weights of keras.applications"
    path = Path(source)
    if not path.exists():
        raise ModelNotFound(f"The starting weights {path} are not there. Give a file, “imagenet” or “none”.")
    if path.suffix == ".npz":
        _load_arrays(model, key, path)
    else:
        backbone = get_network(key).backbone(keras.Input((*model.input_shape[1:3], 3)))
        load_file(backbone, key, path)
        _copy(backbone, model)
    return path.name


def fresh_layers(model: keras.Model, source: str) -> set[str]:
    """Names of the convolutions of ``model`` that ``load_starting_weights`` leaves as they were built.

    Raises ModelNotFound where ``source`` is a file that is no longer there.
    """
    import keras

    convolutions = {layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)}
    if source == "none":
        return convolutions
    if not source.endswith(".npz"):
        return set()
    if not Path(source).exists():
        raise ModelNotFound(f"The starting weights {source} are not there. Give a file, “imagenet” or “none”.")
    with np.load(source) as held:
        return convolutions - {name.split("/")[0] for name in held.files}


def load_file(model: keras.Model, key: str, path: Path) -> None:
    """Fill the whole of ``model``, which is the network ``key`` or a part of it, from a file of Keras.

    Raises ModelDamaged where the file is none, or does not fit.
    """
    try:
        with warnings.catch_warnings():
            # Keras only warns of parts that it leaves as they were.
            warnings.filterwarnings("error", "Skipping nested container", UserWarning)
            model.load_weights(path)
    except (OSError, ValueError, KeyError, UserWarning) as error:
        raise _unfit(path, key) from error


def _load_arrays(model: keras.Model, key: str, path: Path) -> None:
    """Fill the layers that a .npz names; ModelDamaged where it names none, or half of one."""
    filled = 0
    try:
        with path.open("rb") as file:
            loaded = np.load(file)
            arrays = dict(loaded) if isinstance(loaded, NpzFile) else {}
        for layer in model.layers:
            found = [arrays[f"{layer.name}/{w.name}"] for w in layer.weights if f"{layer.name}/{w.name}" in arrays]
            if found:
                layer.set_weights([np.asarray(array, np.float32) for array in found])
                filled += 1
    except (OSError, EOFError, ValueError, BadZipFile) as error:
        raise _unfit(path, key) from error
    if not filled:
        raise _unfit(path, key)


def _unfit(path: Path, key: str) -> ModelDamaged:
    return ModelDamaged(
        f"{path} is damaged or holds no weights that fit {get_network(key).title}. Restore it, or begin with another "
        "file, “imagenet” or “none”."
    )


def _from_keras_applications(model: keras.Model, key: str) -> None:
    """Keras's ImageNet files; ResNet50 and VGG16 expect BGR less a mean, which is folded into their first layer."""
    import keras

    make = {
        "efficientnet": keras.applications.EfficientNetV2B0,
        "resnet50": keras.applications.ResNet50,
        "vgg16": keras.applications.VGG16,
    }[key]
    try:
        source = make(include_top=False, weights="imagenet", input_shape=(*model.input_shape[1:3], 3))
    except Exception as error:  # what Keras raises for a failed download is a bare Exception
        raise ModelNotFound(
            f"Keras cannot fetch its ImageNet weights ({' '.join(str(error).split())}). Give a file with --weights, or "
            "“none”."
        ) from error
    _copy(source, model)
    if key == "efficientnet":
        return
    first = next(layer for layer in model.layers if layer.name in {"conv1_conv", "block1_conv1"})
    kernel, bias = first.get_weights()
    kernel = kernel[:, :, ::-1, :]
    mean = np.array([123.68, 116.779, 103.939], np.float32)
    std, centre = np.array(IMAGENET_STD, np.float32), np.array(IMAGENET_MEAN, np.float32)
    bias = bias + np.einsum("hwio,i->o", kernel, 255 * centre - mean)
    first.set_weights([kernel * (255 * std)[None, None, :, None], bias])


def _copy(source: keras.Model, target: keras.Model) -> None:
    by_name = {layer.name: layer for layer in target.layers}
    for layer in source.layers:
        if layer.weights:
            by_name[layer.name].set_weights(layer.get_weights())


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
