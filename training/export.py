"""A version as one Keras file that answers with calibrated probabilities, for programs that know nothing of Falx."""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
from keras import ops

from services.inference.card import CARD, SELF_TEST
from services.inference.outline import shipped_network
from services.inference.prediction import ModelRef
from services.inference.repository import ModelRepository
from training.register import README_PAGE
from training.run import RunError

MODEL = "model.keras"


def export(repository: ModelRepository, ref: ModelRef, folder: Path) -> Path:
    """Write ``model.keras`` into ``folder``, with the card, its page and the self-test; gives the model's path.

    The model takes prepared slices float32 (n, size, size, 1) in 0..1 and gives the classes' probabilities (n, classes)
    in the card's order: the mean over a slice and its mirror image where the card says so, after its temperature. It
    loads in Keras's safe mode. Raises RunError for an ensemble, whose members are exported one by one, and where the
    folder holds something already.
    """
    card = repository.verify(ref)
    if card.members:
        raise RunError(f"{ref} averages {', '.join(card.members)}; export these one by one.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        empty = not any(folder.iterdir())
    except OSError as error:
        raise RunError(f"{folder} cannot be written ({error.strerror}); name an empty folder or a new one.") from error
    if not empty:
        raise RunError(f"{folder} holds something already; name an empty folder or a new one.")
    network = shipped_network(repository, card)
    if isinstance(network.output, dict):
        network = keras.Model(network.inputs[0], network.output["logits"])
    grey = keras.Input(network.input_shape[1:], name="slice")
    logits = network(grey)
    if card.flips:
        logits = (logits + network(ops.flip(grey, axis=2))) / 2
    model = keras.Model(grey, ops.softmax(logits / card.temperature), name=f"{card.task}_{card.network}")
    model.save(folder / MODEL)
    for name in (CARD, README_PAGE, SELF_TEST):
        shutil.copy(repository.folder(ref) / name, folder / name)
    return folder / MODEL
