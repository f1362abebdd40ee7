"""What a network, or several as one, answers for the images that it is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from services.inference.card import Card
from services.inference.scores import Scores, Texts
from services.tasks import get_task
from services.tasks.task import Task
from training.corpus import TEST_FOLD, CorpusError, Sample, data_hash, load_images, read_corpora
from training.evaluation.logits import Answering, logits_of
from training.evaluation.robustness import robustness
from training.evaluation.shortcuts import probe


def score(model: Answering, samples: Sequence[Sample], task: Task, cache: Path | None, *, flips: bool) -> Scores:
    """What ``model`` answers for the val and the test samples."""
    kept = [s for s in samples if s.part in ("val", "test")]
    logits, sharpness = [], []
    for part in ("val", "test"):
        images = load_images([s for s in kept if s.part == part], task, cache)
        logits.append(logits_of(model, images, flips=flips))
        sharpness += [float(cv2.Laplacian(image, cv2.CV_32F).std()) for image in images]
    # Val and test were read apart, for the cache's sake; the scores stand in the manifests' order.
    order = np.argsort(np.argsort([s.part == "test" for s in kept], kind="stable"), kind="stable")

    def column(name: str) -> Texts:
        return np.array([getattr(s, name) for s in kept])

    return Scores(
        logits=np.concatenate(logits)[order],
        sharpness=np.array(sharpness, np.float32)[order],
        name=np.array([s.path.name for s in kept]),
        corpus=column("corpus"),
        label=column("label"),
        source=column("source"),
        sequence=column("sequence"),
        plane=column("plane"),
        group=column("group"),
        part=column("part"),
    )


def measured_samples(card: Card, data: Sequence[Path]) -> list[Sample]:
    """The samples in ``data``, in the parts that the version saw; CorpusError where they are not those."""
    settings = card.hyperparameters
    samples = read_corpora(
        data,
        get_task(card.task),
        val_share=float(settings["val_share"]),
        test_fold=str(settings.get("test_fold", TEST_FOLD)),
    )
    if data_hash(samples) != card.data.sha256:
        raise CorpusError(
            f"These folders do not hold the images that {card.ref} was measured on ({', '.join(card.data.corpora)}, in "
            "this order); name the same ones with --data."
        )
    return samples


def from_pictures(
    model: Answering, flips: bool, samples: Sequence[Sample], task: Task, cache: Path | None, temperature: float
) -> dict[str, object]:
    """The figures of an evaluation that need pictures made worse or without the head, which take minutes."""
    return {
        "robustness": robustness(model, samples, task, temperature, flips=flips),
        "shortcuts": probe(model, samples, task, cache, flips=flips),
    }
