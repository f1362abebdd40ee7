"""Outlines that a network estimates, against those that radiologists drew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from services.inference.card import OutlineFacts
from services.inference.figures import OutlineFigures
from services.tasks.task import Task
from training.corpus import Sample, load_images, load_outlines, outline_known
from training.evaluation.outlines import mean_over_groups

CUTS = np.arange(2, 17) / 20
Maps = NDArray[np.float32]


def outline_maps(learner: keras.Model, images: NDArray[np.uint8], *, batch: int = 32) -> Maps:
    """What each place is worth as part of a tumour: float32 (n, side, side) in 0..1, of prepared images uint8 alike.

    The mean of the slice and its mirror image, as it is served.
    """
    found = []
    for start in range(0, len(images), batch):
        views = images[start : start + batch, ..., None].astype(np.float32) / np.float32(255)
        shares = (_shares(learner, views) + _shares(learner, views[:, :, ::-1])[:, :, ::-1]) / 2
        side = images.shape[1:]
        found += [np.clip(cv2.resize(share, side, interpolation=cv2.INTER_CUBIC), 0, 1) for share in shares]
    return np.stack(found).astype(np.float32)


def _shares(learner: keras.Model, views: Maps) -> Maps:
    logits = np.asarray(learner.predict_on_batch(views)["outline"][..., 0], np.float32)
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def dice(estimated: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> float:
    """Twice the common area over the sum of both; 0 where only one of them is empty, 1 where both are.

    Source: Dice, "Measures of the Amount of Ecologic Association Between Species" (Ecology, 1945).
    """
    both = int(estimated.sum()) + int(drawn.sum())
    return 2 * int((estimated & drawn).sum()) / both if both else 1.0


def choose_cut(learner: keras.Model, samples: Sequence[Sample], task: Task, cache: Path | None) -> OutlineFacts:
    """The cut of the highest mean Dice over val's outlined slices, each corpus counting alike; one half without any."""
    means = []
    for _, own, maps, drawn in _parts(learner, [s for s in samples if s.part == "val"], task, cache):
        marked = [i for i in range(len(own)) if drawn[i].any()]
        means.append([np.mean([dice(maps[i] >= cut, drawn[i]) for i in marked]) for cut in CUTS])
    if not means:
        return OutlineFacts(threshold=0.5)
    return OutlineFacts(threshold=round(float(CUTS[np.mean(means, axis=0).argmax()]), 2))


def outline_figures(
    learner: keras.Model, samples: Sequence[Sample], task: Task, cache: Path | None, facts: OutlineFacts
) -> tuple[OutlineFigures, ...]:
    """Of val and test, by corpus."""
    kept = [s for s in samples if s.part in ("val", "test")]
    rows = []
    for name, own, maps, drawn in _parts(learner, kept, task, cache):
        marked = [i for i in range(len(own)) if drawn[i].any()]
        blank = [i for i in range(len(own)) if not drawn[i].any()]
        groups = [own[i].group for i in marked]
        overlaps = np.array([dice(maps[i] >= facts.threshold, drawn[i]) for i in marked])
        hits = np.array([float(drawn[i].flat[int(maps[i].argmax())]) for i in marked])
        clear = np.array([float(not (maps[i] >= facts.threshold).any()) for i in blank])
        rows.append(
            OutlineFigures(
                part=name,
                images=len(marked),
                dice=mean_over_groups(overlaps, groups),
                found=mean_over_groups((overlaps > 0).astype(np.float64), groups),
                pointing=mean_over_groups(hits, groups),
                clear=mean_over_groups(clear, [own[i].group for i in blank]) if blank else None,
            )
        )
    return tuple(rows)


def _parts(
    learner: keras.Model, samples: Sequence[Sample], task: Task, cache: Path | None
) -> list[tuple[str, list[Sample], Maps, NDArray[np.bool_]]]:
    """By corpus and part: its name, the samples of which it is known what is to be outlined, maps, drawn outlines."""
    samples = [s for s, known in zip(samples, outline_known(samples, task), strict=True) if known]
    found = []
    for name in sorted({f"{s.corpus} {s.part}" for s in samples}):
        own = [s for s in samples if f"{s.corpus} {s.part}" == name]
        drawn = load_outlines(own, task, cache) >= 128
        if drawn.any():
            maps = outline_maps(learner, load_images(own, task, cache))
            found.append((name, own, maps, drawn))
    return found
