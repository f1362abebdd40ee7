"""Outlines that a network estimates, against those that radiologists drew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.inference.card import OutlineFacts
from services.inference.figures import OutlineFigures
from services.tasks.task import Task
from training.corpus import Sample, load_images, load_outlines, outline_known
from training.evaluation.logits import Answering, over_views
from training.evaluation.outlines import enlarged, mean_over_groups

CUTS = np.arange(2, 17) / 20
Maps = NDArray[np.float32]


def outline_maps(model: Answering, images: NDArray[np.uint8], *, flips: bool) -> Maps:
    """What each place is worth as part of a tumour: float32 (n, side, side) in 0..1, of prepared images uint8 alike."""

    def shares(views: Maps) -> Maps:
        return np.asarray(1 / (1 + np.exp(-model.predict_on_batch(views)["outline"][..., 0])), np.float32)

    maps = over_views(shares, images, flips=flips, maps=True)
    return np.stack([np.minimum(enlarged(each, images.shape[1]), 1) for each in maps])


def dice(estimated: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> float:
    """Twice the common area over the sum of both; 0 where only one of them is empty, 1 where both are.

    Source: Dice, "Measures of the Amount of Ecologic Association Between Species" (Ecology, 1945).
    """
    both = int(estimated.sum()) + int(drawn.sum())
    return 2 * int((estimated & drawn).sum()) / both if both else 1.0


@dataclass(frozen=True, eq=False)
class Estimated:
    """The slices of one ``part`` of which it is known what is to be outlined: maps float32, drawn outlines bool."""

    part: str
    samples: Sequence[Sample]
    maps: Maps
    drawn: NDArray[np.bool_]

    def marked(self, *, tumour: bool) -> list[int]:
        """Which of them have something to outline, or nothing."""
        return [index for index, outline in enumerate(self.drawn) if outline.any() == tumour]

    def dice(self, cut: float) -> NDArray[np.float64]:
        """Of each slice with a tumour."""
        return np.array([dice(self.maps[i] >= cut, self.drawn[i]) for i in self.marked(tumour=True)])


def measure_outlines(
    model: Answering,
    samples: Sequence[Sample],
    task: Task,
    cache: Path | None,
    *,
    flips: bool,
    facts: OutlineFacts | None = None,
) -> tuple[OutlineFacts, tuple[OutlineFigures, ...]]:
    """Figures of val and test by corpus, at the cut of ``facts`` or, without it, at the one that val chooses."""
    kept = [s for s in samples if s.part in ("val", "test")]
    parts = list(_parts(model, kept, task, cache, flips=flips))
    facts = facts or choose_cut([each for each in parts if each.part.endswith(" val")])
    return facts, tuple(_figures(each, facts.threshold) for each in parts)


def choose_cut(val: Sequence[Estimated]) -> OutlineFacts:
    """The cut of the highest mean Dice over val's outlined slices, each corpus counting alike; one half without any."""
    if not val:
        return OutlineFacts(threshold=0.5)
    means = [np.mean([each.dice(cut).mean() for each in val]) for cut in CUTS]
    return OutlineFacts(threshold=round(float(CUTS[int(np.argmax(means))]), 2))


def _figures(estimated: Estimated, cut: float) -> OutlineFigures:
    tumours, blank = estimated.marked(tumour=True), estimated.marked(tumour=False)
    groups, overlaps = [estimated.samples[i].group for i in tumours], estimated.dice(cut)
    maps, drawn = estimated.maps, estimated.drawn
    hits = np.array([float(drawn[i].flat[int(maps[i].argmax())]) for i in tumours])
    clear = np.array([float(not (maps[i] >= cut).any()) for i in blank])
    return OutlineFigures(
        part=estimated.part,
        images=len(tumours),
        dice=mean_over_groups(overlaps, groups),
        found=mean_over_groups((overlaps > 0).astype(np.float64), groups),
        pointing=mean_over_groups(hits, groups),
        clear=mean_over_groups(clear, [estimated.samples[i].group for i in blank]) if blank else None,
    )


def _parts(
    model: Answering, samples: Sequence[Sample], task: Task, cache: Path | None, *, flips: bool
) -> Iterator[Estimated]:
    samples = [s for s, known in zip(samples, outline_known(samples, task), strict=True) if known]
    for name in sorted({f"{s.corpus} {s.part}" for s in samples}):
        own = [s for s in samples if f"{s.corpus} {s.part}" == name]
        drawn = load_outlines(own, task, cache) >= 128
        if drawn.any():
            yield Estimated(name, own, outline_maps(model, load_images(own, task, cache), flips=flips), drawn)
