"""Prepared → Prediction and HeatMap: one copy of each live model a process, shared by every session.

TensorFlow is imported when the first model is loaded, never before.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from threading import Lock, Thread
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from services.errors import FalxError, InferenceError, ModelMismatch
from services.imaging.placement import to_slice
from services.imaging.prepare import Prepared
from services.imaging.slice import FloatImage
from services.inference.backend import load_backend
from services.inference.calibration import probabilities
from services.inference.card import GATE, SELF_TEST, Card
from services.inference.familiarity import Familiarity
from services.inference.prediction import Answer, HeatMap, ModelRef, Outline, Prediction, Verdict
from services.inference.repository import ModelRepository
from services.tasks.task import Task

if TYPE_CHECKING:
    from services.inference.explain import Explanation

SELF_TEST_TOLERANCE = 0.01
SECONDS_BETWEEN_TRIES = 60
STRANGE = "The picture is unlike everything that the model learnt from; it does not look like"
ADVICE = "Check that it is the right file, or choose another image."
Question = tuple[str, str | None]
log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A version in memory: its card, its compiled call, what it knows, and the lock that lets one caller through."""

    card: Card
    explanation: Explanation
    familiarity: Familiarity | None
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

    def knows(self, features: NDArray[np.float32] | None) -> bool:
        """False where the features are those of no picture like the ones it learnt from; True where it cannot tell."""
        if self.familiarity is None or features is None:
            return True
        return bool(self.familiarity.known_kind(features[None])[0])


class Engine:
    """Answers with the live models of ``repository``.

    A newly live version is loaded beside the one that answers and takes its place once it has passed its checks; where
    it does not, the old one goes on.
    """

    def __init__(self, repository: ModelRepository) -> None:
        self.repository = repository
        # By task and network asked for (None: the default). Both are replaced, never changed, so that reading them
        # needs no lock.
        self._answering: dict[Question, LoadedModel] = {}
        self._failures: dict[ModelRef, tuple[float, str]] = {}
        self._loading = Lock()

    def answer(self, prepared: Prepared, task: Task, network: str | None = None) -> Answer:
        """The calibrated answer, the heat map of its class and what else the model knows, in one compiled call."""
        model = self.loaded(task, network)
        with model.turn():
            started = time.perf_counter()
            said = model.explanation(prepared.pixels, -1)
            took = time.perf_counter() - started
        prediction = _prediction(model.card, task, said.logits, took, self.repository.threshold(model.card.ref))
        return Answer(
            prediction=prediction,
            heat=_heat_map(said.heat, prepared, model.card, prediction.label),
            outline=_outline(said.outline, prepared, model.card),
            strange="" if model.knows(said.features) else f"{STRANGE} a {task.subject}. {ADVICE}",
        )

    def heat_for(self, prepared: Prepared, task: Task, label: str, network: str | None = None) -> HeatMap:
        """What in the slice spoke for ``label``, whichever class was answered."""
        model = self.loaded(task, network)
        with model.turn():
            said = model.explanation(prepared.pixels, model.card.classes.index(label))
        return _heat_map(said.heat, prepared, model.card, label)

    def warm_up(self, task: Task, network: str | None = None) -> None:
        """Load and compile the live model, so that the first answer is as quick as the next."""
        model = self.loaded(task, network)
        blank = np.zeros((task.preparation.size,) * 2, np.float32)
        with model.turn():
            model.explanation(blank, -1)

    def loaded(self, task: Task, network: str | None = None) -> LoadedModel:
        """The model that answers: the live version, or the one before it until the live one is loaded.

        Waits only where nothing is in memory for this question yet. Raises what ``load`` raises then, and ModelNotFound
        where nothing serves.
        """
        asked = (task.key, network)
        model = self._answering.get(asked)
        ref = self.repository.live_ref(task.key, network)
        if model is None:
            with self._loading:
                return self._answering.get(asked) or self._take(asked, ref, task)
        if model.card.ref != ref and self._worth_a_try(ref) and self._loading.acquire(blocking=False):
            Thread(target=self._take_behind, args=(asked, ref, task), name=f"load {ref}", daemon=True).start()
        return model

    def failures(self) -> tuple[str, ...]:
        """A sentence for every live version that could not be loaded."""
        live = self.repository.live()
        return tuple(
            said
            for ref, (_, said) in self._failures.items()
            if ref.task in live and live[ref.task].versions.get(ref.network) == ref.version
        )

    def _worth_a_try(self, ref: ModelRef) -> bool:
        failed = self._failures.get(ref)
        return failed is None or time.monotonic() - failed[0] >= SECONDS_BETWEEN_TRIES

    def _take_behind(self, asked: Question, ref: ModelRef, task: Task) -> None:
        """``_take`` for a thread that was started with ``_loading`` held."""
        try:
            with suppress(FalxError):
                self._take(asked, ref, task)
        finally:
            self._loading.release()

    def _take(self, asked: Question, ref: ModelRef, task: Task) -> LoadedModel:
        """Let ``ref`` answer ``asked`` and all that another version of its network answered; needs ``_loading``."""
        model = next((model for model in self._answering.values() if model.card.ref == ref), None)
        try:
            model = model or load(self.repository, ref, task)
        except FalxError as error:
            old = self._answering.get(asked)
            instead = f"{old.card.ref} goes on answering" if old else "nothing answers in its place"
            said = f"{ref} is live, but {instead}. {error}"
            log.error(said)
            self._failures = {**self._failures, ref: (time.monotonic(), said)}
            raise
        self._failures = {failed: why for failed, why in self._failures.items() if failed != ref}
        kept = {
            question: model if (old.card.task, old.card.network) == (ref.task, ref.network) else old
            for question, old in self._answering.items()
        }
        self._answering = {**kept, asked: model}
        return model


def load(repository: ModelRepository, ref: ModelRef, task: Task) -> LoadedModel:
    """Read a version into memory: hashes first, then the network built by name, its weights, and its self-test.

    Raises
    ------
    ModelDamaged
        A file is missing or changed.
    ModelMismatch
        The version was made for another preparation or other classes, or answers its self-test otherwise than before.
    InferenceError
        Its files have their hashes and still make no network.
    """
    card = repository.verify(ref)
    if card.preparation != json.loads(json.dumps(asdict(task.preparation))):
        raise ModelMismatch(
            f"The model {ref} was trained with the preparation “{card.preparation.get('version')}”, but Falx prepares "
            f"slices as “{task.preparation.version}”. Train and register it again."
        )
    if card.classes != task.class_keys:
        raise ModelMismatch(f"The model {ref} knows the classes {card.classes}, the task {task.class_keys}.")
    try:
        return _assemble(repository, card, task)
    except FalxError:
        raise
    # NumPy, Keras and TensorFlow raise what they like over files that do not fit; whoever asked gets a sentence.
    except Exception as error:
        raise InferenceError(
            f"The model {ref} cannot be loaded ({type(error).__name__}). Register it again or choose another version."
        ) from error


def _assemble(repository: ModelRepository, card: Card, task: Task) -> LoadedModel:
    load_backend()
    _let_memory_grow()
    model = _of_members(repository, card, task) if card.members else _of_weights(repository, card)
    _self_test(model, repository)
    return model


def _of_members(repository: ModelRepository, card: Card, task: Task) -> LoadedModel:
    from services.inference.ensemble import joint_explanation

    members = [load(repository, ModelRef(*name.split("/")), task) for name in card.members]
    joint = joint_explanation([(m.explanation, m.card.temperature) for m in members])
    # The gate of the same member whose features the joint call gives.
    familiarity = next((member.familiarity for member in members if member.familiarity), None)
    return LoadedModel(card, joint, familiarity, Lock())


def _of_weights(repository: ModelRepository, card: Card) -> LoadedModel:
    from services.inference.explain import compile_explanation
    from services.inference.networks import get_network
    from services.inference.outline import shipped_network

    familiarity = None
    if GATE in card.files:
        with (repository.folder(card.ref) / GATE).open("rb") as file:
            familiarity = Familiarity.read(file)
    explanation = compile_explanation(
        shipped_network(repository, card),
        card.heat_layer,
        flips=card.flips,
        method=card.heat_method,
        pooled=get_network(card.network).feature_layers if familiarity else (),
    )
    return LoadedModel(card, explanation, familiarity, Lock())


def _self_test(model: LoadedModel, repository: ModelRepository) -> None:
    card = model.card
    with np.load(repository.folder(card.ref) / SELF_TEST, allow_pickle=False) as arrays:
        squares = arrays["squares"].astype(np.float32) / np.float32(255)
    if not len(squares):
        raise ModelMismatch(f"The model {card.ref} has no self-test, so it is not used. Register it again.")
    for square, expected in zip(squares, card.self_test_probabilities, strict=True):
        found = probabilities(model.explanation(square, -1).logits, card.temperature)
        if not np.allclose(found, expected, rtol=0, atol=SELF_TEST_TOLERANCE):
            raise ModelMismatch(
                f"The model {card.ref} answers its self-test with {np.round(found, 3).tolist()} where its card "
                f"says {list(expected)}; it is not used. Check the installed TensorFlow and Keras against the card."
            )


def _prediction(card: Card, task: Task, logits: NDArray[np.float32], seconds: float, threshold: float) -> Prediction:
    shares = probabilities(logits, card.temperature)
    best = int(np.argmax(shares))
    if task.detects:
        # What one answer needs to be given, the other lacks: there is no answer between the two.
        best = int(shares[1] >= threshold)
        threshold = threshold if best else 1 - threshold
    confidence = float(shares[best])
    return Prediction(
        model=card.ref,
        classes=card.classes,
        probabilities=tuple(float(share) for share in shares),
        label=card.classes[best],
        confidence=confidence,
        threshold=threshold,
        verdict=Verdict.ANSWERED if confidence >= threshold else Verdict.UNCERTAIN,
        milliseconds=seconds * 1000,
    )


def _heat_map(coarse: FloatImage, prepared: Prepared, card: Card, label: str) -> HeatMap:
    values = np.clip(to_slice(coarse, prepared.placement), 0, None)
    peak = float(values.max())
    return HeatMap(values / np.float32(peak) if peak > 0 else values, label, card.heat_layer, card.heat_method)


def _outline(coarse: FloatImage | None, prepared: Prepared, card: Card) -> Outline | None:
    if coarse is None or card.outline is None:
        return None
    return Outline(np.clip(to_slice(coarse, prepared.placement), 0, 1), card.outline.threshold)


def _let_memory_grow() -> None:
    """Take a GPU's memory as needed, so that others on the same card keep theirs."""
    import tensorflow as tf

    for device in tf.config.list_physical_devices("GPU"):
        if not tf.config.experimental.get_memory_growth(device):
            tf.config.experimental.set_memory_growth(device, True)
