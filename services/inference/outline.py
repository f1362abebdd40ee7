"""The tumour's estimated outline: a small head on a network's features, learnt from outlines that radiologists drew.

It goes from the coarsest maps to ever finer ones and adds what each knows: Lin et al., "Feature Pyramid Networks for
Object Detection" (CVPR 2017).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from services.inference.card import OUTLINE, WEIGHTS, Card
from services.inference.networks import LOGITS, build, get_network, set_arrays

if TYPE_CHECKING:
    import keras

    from services.inference.repository import ModelRepository

CHANNELS = 48
PREFIX = "outline"
# Outlines fill a few hundredths of a slice, which is what an untrained head should say.
PRIOR = -3.0


def with_outline(model: keras.Model, network: str) -> keras.Model:
    """``model`` with a second output: {"logits", "outline"}, the latter logits of a map a quarter of the slice's side.

    Every layer of the head has a name that begins with PREFIX. A network that answers from places needs none: the map
    is theirs, as coarse as its last feature maps.
    """
    import keras

    if answers_from_places(model):
        return keras.Model(model.inputs[0], {"logits": model.outputs[0], "outline": model.get_layer(LOGITS).output})
    known = get_network(network)
    finer = [model.get_layer(name).output for name in reversed(known.outline_layers)]
    x = _lateral(model.get_layer(known.top_layer).output, "top")
    for step, maps in enumerate(finer):
        x = keras.layers.UpSampling2D(2, interpolation="bilinear", name=f"{PREFIX}_larger_{step}")(x)
        x = keras.layers.Add(name=f"{PREFIX}_both_{step}")([x, _lateral(maps, str(step))])
        x = keras.layers.Conv2D(CHANNELS, 3, padding="same", activation="relu", name=f"{PREFIX}_mix_{step}")(x)
    prior = keras.initializers.Constant(PRIOR)
    outline = keras.layers.Conv2D(1, 1, bias_initializer=prior, dtype="float32", name=PREFIX)(x)
    return keras.Model(model.inputs[0], {"logits": model.outputs[0], "outline": outline})


def answers_from_places(model: keras.Model) -> bool:
    """Whether ``model`` was built with logits at every place of its last feature maps."""
    return len(model.get_layer(LOGITS).output.shape) > 2


def shipped_network(repository: ModelRepository, card: Card) -> keras.Model:
    """The network of a version with the weights it ships, and with its head for outlines if it has one.

    Raises ModelDamaged where they do not fit.
    """
    folder = repository.folder(card.ref)
    network = build(card.network, len(card.classes), size=card.preparation["size"], side=card.side, places=card.places)
    with np.load(folder / WEIGHTS, allow_pickle=False) as arrays:
        set_arrays(network, arrays)
    if OUTLINE not in card.files:
        return network
    network = with_outline(network, card.network)
    with np.load(folder / OUTLINE, allow_pickle=False) as arrays:
        set_arrays(network, arrays, PREFIX)
    return network


def _lateral(maps: Any, name: str) -> Any:
    import keras

    return keras.layers.Conv2D(CHANNELS, 1, name=f"{PREFIX}_from_{name}")(maps)
