"""Second versions of the shipped model, as training would have registered them."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from services.imaging.phantom import PHANTOMS, draw
from services.imaging.prepare import Prepared, prepare
from services.inference import networks
from services.inference.calibration import probabilities
from services.inference.card import CARD, GATE, OUTLINE, SELF_TEST, WEIGHTS
from services.inference.explain import compile_explanation
from services.inference.familiarity import Familiarity
from services.inference.networks import get_arrays, get_network
from services.inference.outline import PREFIX, with_outline
from services.inference.prediction import ModelRef
from services.inference.repository import LIVE, ModelRepository
from services.settings import ROOT
from services.tasks import get_task

TASK = get_task("brain_tumor_type")


def shipped_alone(folder: Path) -> ModelRepository:
    """A new repository in ``folder`` that holds the model which serves, as its first version and without a past."""
    shipped = ModelRepository(ROOT / "saved_models")
    live = shipped.live_ref(TASK.key)
    repository, first = ModelRepository(folder), ModelRef(live.task, live.network, "1")
    shutil.copytree(shipped.folder(live), repository.folder(first))
    edit_card(repository, first, version="1")
    serving = {TASK.key: {"default": first.network, "versions": {first.network: "1"}}}
    (folder / LIVE).write_text(json.dumps(serving))
    return repository


def edit_card(repository: ModelRepository, ref: ModelRef, **changes) -> None:
    path = repository.folder(ref) / CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def copy_version(repository: ModelRepository, *, macro_f1: float | None = None, **changes) -> ModelRef:
    """The live version once more under the next number, with another macro-F1 on test where one is given."""
    old = repository.live_ref(TASK.key)
    new = ModelRef(old.task, old.network, repository.next_version(old.task, old.network))
    shutil.copytree(repository.folder(old), repository.folder(new))
    test = json.loads((repository.folder(old) / CARD).read_text())["test"]
    if macro_f1 is not None:
        test["macro_f1"]["value"] = macro_f1
    registered = datetime.now(UTC).replace(microsecond=0).isoformat()
    edit_card(repository, new, version=new.version, test=test, registered=registered, **changes)
    return new


def perturbed_version(repository: ModelRepository) -> ModelRef:
    """A next version of which every weight is a little other: it passes its own self-test, and answers otherwise."""
    ref = copy_version(repository)
    card, weights = repository.card(ref), repository.folder(ref) / WEIGHTS
    with np.load(weights) as arrays:
        values = {name: arrays[name] for name in arrays}
    generator = np.random.default_rng(0)
    for name, array in values.items():
        if name.endswith("kernel"):
            noise = generator.normal(1, 0.02, array.shape)
            values[name] = (array * noise).astype(array.dtype)
    # The bias makes sure of answers that can be told apart.
    values["logits/bias"] = values["logits/bias"] + np.float16([2, 0, 0, 0])
    np.savez(weights, allow_pickle=False, **values)
    network = networks.build(ref.network, len(card.classes), size=TASK.preparation.size)
    networks.set_arrays(network, values)
    explanation = compile_explanation(network, card.heat_layer, flips=card.flips)
    with np.load(repository.folder(ref) / SELF_TEST) as arrays:
        squares = arrays["squares"].astype(np.float32) / np.float32(255)
    answers = [probabilities(explanation(square, -1).logits, card.temperature).tolist() for square in squares]
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    edit_card(repository, ref, self_test_probabilities=answers, files={**card.files, WEIGHTS: digest})
    return ref


def equipped_version(repository: ModelRepository, *, knows: bool) -> ModelRef:
    """A next version with a fresh head for outlines and a gate to which every picture is known, or none."""
    ref = copy_version(repository)
    folder, network = repository.folder(ref), get_network(ref.network)
    model = networks.build(ref.network, len(TASK.classes), size=TASK.preparation.size)
    count = sum(int(model.get_layer(name).output.shape[-1]) for name in network.feature_layers)
    gate = Familiarity(
        mean=np.zeros(count, np.float32),
        scale=np.ones(count, np.float32),
        weights=np.zeros(count, np.float32),
        bias=np.asarray(1 if knows else -1, np.float32),
        least=np.zeros((), np.float32),
        axes=np.zeros((count, 1), np.float32),
        known=np.zeros((1, 1), np.float32),
        farthest=np.ones((), np.float32),
    )
    np.savez(folder / OUTLINE, allow_pickle=False, **get_arrays(with_outline(model, ref.network), PREFIX))
    np.savez(folder / GATE, allow_pickle=False, **gate.arrays())
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (OUTLINE, GATE)}
    files = repository.card(ref).files | digests
    edit_card(repository, ref, files=files, outline={"threshold": 0.04})
    return ref


def damage(repository: ModelRepository, ref: ModelRef, name: str = WEIGHTS) -> bytes:
    """Flip one bit in the middle of a file; gives what it held before."""
    path = repository.folder(ref) / name
    before = path.read_bytes()
    data = bytearray(before)
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return before


def phantoms() -> list[Prepared]:
    return [prepare(draw(p.key).astype(np.float32) / np.float32(255), TASK.preparation) for p in PHANTOMS]
