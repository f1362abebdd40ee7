"""What a network begins with: ImageNet weights of Keras, a file of weights, or nothing."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile

from services.errors import ModelDamaged, ModelNotFound
from services.inference.networks import DROPOUT, IMAGENET_MEAN, IMAGENET_STD, LOGITS, get_network

if TYPE_CHECKING:
    import keras


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
    }.get(key)
    if make is None:
        raise ModelNotFound(f"There are no ImageNet weights of {get_network(key).title}. Say “none” with --weights.")
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


def copy_backbone(source: keras.Model, target: keras.Model) -> None:
    """Give ``target`` the weights of ``source``, the same network for other classes, but for those of its head."""
    for layer in source.layers:
        if layer.weights and layer.name not in (LOGITS, DROPOUT):
            target.get_layer(layer.name).set_weights(layer.get_weights())
