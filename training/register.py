"""From a finished run to an immutable version folder in the model repository."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from services.imaging.phantom import draw
from services.imaging.prepare import prepare
from services.inference.calibration import probabilities
from services.inference.card import CARD, EVALUATION, OUTLINE, SCORES, SELF_TEST, WEIGHTS, Card, DataFacts, OutlineFacts
from services.inference.figures import Estimate, Evaluation
from services.inference.networks import get_arrays, get_network, set_arrays
from services.inference.outline import PREFIX
from services.inference.prediction import ModelRef
from services.inference.repository import ModelRepository
from services.inference.scores import Scores
from services.tasks import get_task
from services.tasks.task import Task
from training.calibrate import Calibration
from training.corpus import Sample, data_hash
from training.evaluation.logits import logits_of
from training.run import RunSettings, read_settings, starting_weights
from training.sources import LICENCES, RESEARCH_ONLY, UNKNOWN_TERMS, WEIGHT_TERMS

LIBRARIES = ("tensorflow-cpu", "keras", "keras-cv", "numpy", "opencv-python-headless", "scikit-learn")
README_PAGE = "README.md"


def in_half_precision(model: keras.Model) -> keras.Model:
    """The same model with every weight rounded as the weights file stores it, so that figures are those of the file."""
    set_arrays(model, get_arrays(model))
    return model


def register(
    model: keras.Model,
    settings: RunSettings,
    samples: Sequence[Sample],
    calibration: Calibration,
    evaluation: Evaluation,
    scores: Scores,
    repository: ModelRepository,
    *,
    flips: bool,
    heat: tuple[str, str] | None,
    outline: OutlineFacts | None,
    extras: Mapping[str, Mapping[str, NDArray[Any]]],
) -> ModelRef:
    """Write <task>/<network>/<next version>/ in one step: weights, self-test, figures, scores, card, a page to read.

    ``heat`` is the method and layer of its heat maps, the network's own unless given. A head for outlines among
    ``model``'s layers goes into a file of its own, as ``extras`` do, which not every version has.
    """
    task, network = get_task(settings.task), get_network(settings.network)
    heat_method, heat_layer = heat or (network.heat_method, network.heat_layer)
    ref = ModelRef(task.key, network.key, repository.next_version(task.key, network.key))
    squares = self_test_arrays(task)["squares"]
    expected = probabilities(logits_of(model, squares, flips=flips), calibration.temperature)
    origin = Path(starting_weights(settings)).name
    card = Card(
        task=task.key,
        network=network.key,
        network_title=network.title,
        version=ref.version,
        registered=datetime.now(UTC).replace(microsecond=0),
        classes=task.class_keys,
        preparation=json.loads(json.dumps(asdict(task.preparation))),
        flips=flips,
        temperature=calibration.temperature,
        threshold=calibration.threshold,
        threshold_reason=calibration.reason,
        heat_layer=heat_layer,
        heat_method=heat_method,
        outline=outline,
        starting_weights=origin,
        terms=RESEARCH_ONLY if origin == "none" else WEIGHT_TERMS.get(origin, UNKNOWN_TERMS),
        hyperparameters=_hyperparameters(settings),
        data=_data_facts(samples),
        val=evaluation.val,
        test=evaluation.test,
        intended_use=task.intended_use,
        limits=task.limits,
        self_test_probabilities=tuple(tuple(round(float(p), 5) for p in row) for row in expected),
        libraries={name: library_version(name) for name in LIBRARIES},
        files={},
    )
    every, head = get_arrays(model), get_arrays(model, PREFIX)
    own = {name: array for name, array in every.items() if name not in head}
    arrays = {WEIGHTS: own, SELF_TEST: {"squares": squares}, **({OUTLINE: head} if head else {}), **extras}
    publish(repository, card, evaluation, scores, arrays)
    return ref


def publish(
    repository: ModelRepository,
    card: Card,
    evaluation: Evaluation,
    scores: Scores,
    arrays: Mapping[str, Mapping[str, NDArray[Any]]],
) -> None:
    """Write the version that ``card`` names in one step: ``arrays`` by file, figures, scores, card, a page to read.

    The card gets the evaluation's figures and every file's hash.
    """
    final = repository.folder(card.ref)
    partial = final.with_name(f".{card.version}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, content in arrays.items():
        np.savez_compressed(partial / name, allow_pickle=False, **content)
    (partial / EVALUATION).write_text(evaluation.model_dump_json(indent=1) + "\n", encoding="utf-8")
    with (partial / SCORES).open("wb") as file:
        scores.write(file)
    whole = card.model_copy(
        update={
            **{name: getattr(evaluation, name) for name in ("val", "test", "breakdown", "presence")},
            "files": {name: _sha256(partial / name) for name in (*arrays, EVALUATION, SCORES)},
        }
    )
    (partial / CARD).write_text(whole.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (partial / README_PAGE).write_text(page(whole, get_task(card.task)), encoding="utf-8")
    partial.replace(final)


def self_test_arrays(task: Task) -> dict[str, NDArray[np.uint8]]:
    """The task's phantoms prepared: "squares" uint8 (phantoms, size, size). No patient ships with a model."""
    drawn = [draw(key).astype(np.float32) / np.float32(255) for key in task.phantoms]
    squares = [prepare(pixels, task.preparation, whole=True) for pixels in drawn]
    return {"squares": np.stack([np.round(square.pixels * 255).astype(np.uint8) for square in squares])}


def page(card: Card, task: Task) -> str:
    """The card in words, for someone who opens the folder."""
    test, rows = card.test, []
    found = task.detects.name if task.detects else "tumour"
    for key, figures in test.classes.items():
        rows.append(
            f"| {task.class_info(key).name} | {figures.images} | {figures.precision.value:.3f} | "
            f"{figures.recall.value:.3f} | {figures.f1.value:.3f} ({figures.f1.low:.3f} to {figures.f1.high:.3f}) |"
        )
    presence = [
        f"| {p.name} | {p.images} ({p.tumours}) | {_words(p.auc)} | {_words(p.sensitivity)} | {_words(p.specificity)} |"
        for p in card.presence
    ]
    return "\n".join(
        [
            f"# {card.network_title} for {task.title.lower()}, version {card.version}",
            "",
            card.intended_use,
            "",
            f"Test part: {test.images} images of {test.groups} groups. Macro-F1 {test.macro_f1.value:.3f} "
            f"({test.macro_f1.low:.3f} to {test.macro_f1.high:.3f}), accuracy {test.accuracy.value:.3f}, expected "
            f"calibration error {test.calibration_error.value:.3f}. Intervals are 95%, bootstrapped over groups.",
            "",
            "| class | images | precision | recall | F1 |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"{found.capitalize()} against none on the test part (cut at one half):",
            "",
            f"| images of | images ({found}s) | AUC | sensitivity | specificity |",
            "|---|---|---|---|---|",
            *presence,
            "",
            "## Limits",
            "",
            *[f"- {limit}" for limit in card.limits],
            "",
            "## Terms",
            "",
            card.terms,
            "",
            *[f"- {licence}" for licence in card.data.licences],
            "",
        ]
    )


def _words(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _hyperparameters(settings: RunSettings) -> dict[str, object]:
    kept = asdict(settings)
    kept["data"] = [Path(folder).name for folder in settings.data]
    earlier = Path(settings.weights)
    kept["weights"] = _hyperparameters(read_settings(earlier)) if earlier.is_dir() else earlier.name
    kept["averaged"] = [_hyperparameters(read_settings(Path(run))) for run in settings.averaged]
    return kept


def _data_facts(samples: Sequence[Sample]) -> DataFacts:
    parts = ("train", "val", "test")
    sources = tuple(sorted({s.source for s in samples}))
    return DataFacts(
        sha256=data_hash(samples),
        corpora=tuple(sorted({s.corpus for s in samples})),
        sources=sources,
        licences=tuple(LICENCES.get(source, f"{source}: terms unknown") for source in sources),
        counts={part: dict(sorted(Counter(s.label for s in samples if s.part == part).items())) for part in parts},
        groups={part: len({s.group for s in samples if s.part == part}) for part in parts},
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
