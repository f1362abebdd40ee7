"""Prepared → Prediction and HeatMap: one copy of each live model a process, shared by every session.

TensorFlow is imported when the first model is loaded, never before.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from services.errors import InferenceError, ModelMismatch
from services.imaging.prepare import Prepared, to_slice
from services.imaging.slice import FloatImage
from services.inference.backend import load_backend
from services.inference.calibration import probabilities
from services.inference.card import SELF_TEST, WEIGHTS, Card
from services.inference.prediction import HeatMap, ModelRef, Prediction, Verdict
from services.inference.repository import ModelRepository
from services.tasks.task import Task

if TYPE_CHECKING:
    from services.inference.explain import Explanation

SELF_TEST_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A version in memory: its card, its compiled call, and the lock that lets one caller through at a time."""

    card: Card
    explanation: Explanation
    lock: Lock

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Let one caller through at a time, and say in a sentence where TensorFlow fails, for want of memory above all.

        Raises InferenceError.
        """
        import tensorflow as tf

        with self.lock:
            try:
                yield
            except (tf.errors.OpError, MemoryError) as error:
                raise InferenceError(
                    f"The model could not finish its answer ({type(error).__name__}). Try again in a minute; if it "
                    "stays like this, let an administrator see whether the machine is short of memory."
                ) from error


class Engine:
    """Answers with the live models of ``repository``; a new live version is taken at the next call."""

    def __init__(self, repository: ModelRepository) -> None:
        self.repository = repository
        self._loaded: dict[ModelRef, LoadedModel] = {}
        self._loading = Lock()

    def predict(self, prepared: Prepared, task: Task, network: str | None = None) -> Prediction:
        """The calibrated answer alone."""
        model, started = self.loaded(task, network), time.perf_counter()
        with model.turn():
            logits, _ = model.explanation(prepared.pixels, -1)
        return _prediction(model.card, logits, started)

    def answer(self, prepared: Prepared, task: Task, network: str | None = None) -> tuple[Prediction, HeatMap]:
        """The calibrated answer and the heat map of its class, in one compiled call."""
        model, started = self.loaded(task, network), time.perf_counter()
        with model.turn():
            logits, coarse = model.explanation(prepared.pixels, -1)
        prediction = _prediction(model.card, logits, started)
        return prediction, _heat_map(coarse, prepared, model.card, prediction.label)

    def heat_for(self, prepared: Prepared, task: Task, label: str, network: str | None = None) -> HeatMap:
        """What in the slice spoke for ``label``, whichever class was answered."""
        model = self.loaded(task, network)
        with model.turn():
            _, coarse = model.explanation(prepared.pixels, model.card.classes.index(label))
        return _heat_map(coarse, prepared, model.card, label)

    def warm_up(self, task: Task, network: str | None = None) -> None:
        """Load and compile the live model, so that the first answer is as quick as the next."""
        model = self.loaded(task, network)
        blank = np.zeros((task.preparation.size,) * 2, np.float32)
        with model.turn():
            model.explanation(blank, -1)

    def loaded(self, task: Task, network: str | None = None) -> LoadedModel:
        """The live model in memory, loaded where it is not yet; versions that no longer serve are let go."""
        ref = self.repository.live_ref(task.key, network)
        model = self._loaded.get(ref)
        if model is None:
            with self._loading:
                model = self._loaded.get(ref)
                if model is None:
                    model = load(self.repository, ref, task)
                    kept = {
                        old: m for old, m in self._loaded.items() if (old.task, old.network) != (ref.task, ref.network)
                    }
                    self._loaded = {**kept, ref: model}
        return model


def load(repository: ModelRepository, ref: ModelRef, task: Task) -> LoadedModel:
    """Read a version into memory: hashes first, then the network built by name, its weights, and its self-test.

    Raises
    ------
    ModelDamaged
        A file is missing or changed.
    ModelMismatch
        The version was made for another preparation or other classes, or answers its self-test otherwise than before.
    """
    card = repository.verify(ref)
    if card.preparation != asdict(task.preparation) | {"percentiles": list(task.preparation.percentiles)}:
        raise ModelMismatch(
            f"The model {ref} was trained with the preparation “{card.preparation.get('version')}”, but Falx prepares "
            f"slices as “{task.preparation.version}”. Train and register it again."
        )
    if card.classes != task.class_keys:
        raise ModelMismatch(f"The model {ref} knows the classes {card.classes}, the task {task.class_keys}.")
    load_backend()
    from services.inference import explain, networks

    _let_memory_grow()
    network = networks.build(ref.network, len(card.classes), size=task.preparation.size)
    with np.load(repository.folder(ref) / WEIGHTS, allow_pickle=False) as arrays:
        networks.set_arrays(network, arrays)
    model = LoadedModel(
        card,
        explain.compile_explanation(network, card.heat_layer, flips=card.flips),
        Lock(),
    )
    _self_test(model, repository)
    return model


def _self_test(model: LoadedModel, repository: ModelRepository) -> None:
    with np.load(repository.folder(model.card.ref) / SELF_TEST, allow_pickle=False) as arrays:
        squares = arrays["squares"].astype(np.float32) / np.float32(255)
    for square, expected in zip(squares, model.card.self_test_probabilities, strict=True):
        logits, _ = model.explanation(square, -1)
        found = probabilities(logits, model.card.temperature)
        if np.abs(found - np.array(expected)).max() > SELF_TEST_TOLERANCE:
            raise ModelMismatch(
                f"The model {model.card.ref} answers its self-test with {np.round(found, 3).tolist()} where its card "
                f"says {list(expected)}; it is not used. Check the installed TensorFlow and Keras against the card."
            )


def _prediction(card: Card, logits: NDArray[np.float32], started: float) -> Prediction:
    shares = probabilities(logits, card.temperature)
    best = int(np.argmax(shares))
    confidence = float(shares[best])
    return Prediction(
        model=card.ref,
        classes=card.classes,
        probabilities=tuple(float(share) for share in shares),
        label=card.classes[best],
        confidence=confidence,
        threshold=card.threshold,
        verdict=Verdict.ANSWERED if confidence >= card.threshold else Verdict.UNCERTAIN,
        milliseconds=(time.perf_counter() - started) * 1000,
    )


def _heat_map(coarse: FloatImage, prepared: Prepared, card: Card, label: str) -> HeatMap:
    values = np.clip(to_slice(coarse, prepared.placement), 0, None)
    peak = float(values.max())
    return HeatMap(values / np.float32(peak) if peak > 0 else values, label, card.heat_layer, card.heat_method)


def _let_memory_grow() -> None:
    """Take a GPU's memory as needed, so that others on the same card keep theirs."""
    import tensorflow as tf

    for device in tf.config.list_physical_devices("GPU"):
        if not tf.config.experimental.get_memory_growth(device):
            tf.config.experimental.set_memory_growth(device, True)
