"""Heat maps scored against the outlines that radiologists drew; method and layer are chosen on val, never on test.

Every map is brought to the prepared square's size as the reading room does it, and is that of the class which the
label names (the likeliest one where it only says "some tumour"), whatever the network answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from services.inference.explain import JOINED, METHODS, compile_explanations
from services.inference.figures import Estimate
from services.inference.findings import HeatFigures, HeatReport, Sanity
from services.inference.networks import build
from services.inference.outline import shipped_network
from services.inference.prediction import ModelRef
from services.inference.repository import ModelRepository
from services.tasks import get_task
from services.tasks.task import Task
from training.corpus import Sample, allowed_classes, load_images, load_outlines
from training.evaluation.logits import logits_of
from training.evaluation.outlines import (
    Map,
    SliceScores,
    enlarged,
    figures,
    head_of,
    mean_over_groups,
    rank_correlation,
    score_slice,
)
from training.finished import FinishedRun, measured_samples

LAYERS: dict[str, tuple[str, ...]] = {
    "efficientnet": ("top_activation", "block6h_add", "block5e_add", "block4c_add"),
    "resnet50": ("conv5_block3_out", "conv4_block6_out", "conv3_block4_out"),
    "vgg16": ("block5_conv3", "block4_conv3", "block3_conv3"),
    "smallcnn": ("small_dense", "small_conv2"),
}
SANITY_SLICES = 60


def candidates(network: str) -> list[Map]:
    """Every method at every candidate layer, and each method's product of the last layer with every finer one."""
    last, *finer = LAYERS[network]
    layers = [last, *finer, *(f"{last}{JOINED}{fine}" for fine in finer)]
    return [(method, layer) for layer in layers for method in METHODS]


def best_of(rows: Sequence[HeatFigures]) -> Map:
    """The method and layer of the highest pointing share, meant over the parts so that each counts alike.

    Of equals the one with the larger share of heat inside the outline, then the first.
    """

    def merit(wanted: Map) -> tuple[float, float]:
        own = [row for row in rows if (row.method, row.layer) == wanted]
        points = float(np.mean([row.pointing.value for row in own]))
        return round(points, 6), float(np.mean([row.inside.value for row in own]))

    return max(dict.fromkeys((row.method, row.layer) for row in rows), key=merit)


class Scoring:
    """The maps of ``model``, built as ``network`` at ``side``, for the outlined tumour slices among ``samples``."""

    def __init__(
        self,
        model: keras.Model,
        network: str,
        samples: Sequence[Sample],
        task: Task,
        *,
        side: int,
        flips: bool,
        cache: Path | None,
    ) -> None:
        self.model, self.network, self.task, self.flips, self.cache = model, network, task, flips, cache
        self.side = side
        self.samples = [sample for sample in samples if sample.mask is not None]

    def report(self, name: str) -> HeatReport:
        """Every candidate on val; on test the best of them and, to compare with, Grad-CAM at the last layer."""
        wanted = candidates(self.network)
        val = self.figures("val", wanted, None)
        chosen = best_of(val)
        cuts = {(row.part.removesuffix(" val"), row.method, row.layer): row.threshold for row in val}
        return HeatReport(
            model=name,
            val=tuple(val),
            sanity=tuple(self.sanity(wanted)),
            chosen_method=chosen[0],
            chosen_layer=chosen[1],
            test=tuple(self.figures("test", list(dict.fromkeys([chosen, wanted[0]])), cuts)),
        )

    def figures(
        self, part: str, wanted: Sequence[Map], cuts: dict[tuple[str, str, str], float] | None
    ) -> list[HeatFigures]:
        """By corpus, so that no part's size decides; ``cuts`` holds the threshold of each map there."""
        rows = []
        for corpus in sorted({s.corpus for s in self.samples if s.part == part}):
            samples = [s for s in self.samples if (s.part, s.corpus) == (part, corpus)]
            images = load_images(samples, self.task, self.cache)
            outlines = load_outlines(samples, self.task, self.cache) >= 128
            drawn = [i for i in range(len(samples)) if outlines[i].any()]
            heats = self._heats(self.model, wanted, [samples[i] for i in drawn], images[drawn])
            scores: list[list[SliceScores]] = [[] for _ in wanted]
            for i, maps in zip(drawn, heats, strict=True):
                head = head_of(images[i])
                for own, heat in zip(scores, maps, strict=True):
                    own.append(score_slice(enlarged(heat, images.shape[1]), outlines[i], head))
            groups = [samples[i].group for i in drawn]
            for (method, layer), found in zip(wanted, scores, strict=True):
                cut = cuts[corpus, method, layer] if cuts else None
                rows.append(figures(f"{corpus} {part}", (method, layer), found, groups, cut))
        return rows

    def sanity(self, wanted: Sequence[Map]) -> list[Sanity]:
        """Compare with the same network of fresh random weights on val slices spread over all of val."""
        val = [s for s in self.samples if s.part == "val"]
        chosen = [val[i] for i in np.unique(np.linspace(0, len(val) - 1, SANITY_SLICES).astype(int))]
        images = load_images(chosen, self.task)
        keras.utils.set_random_seed(0)
        fresh = build(self.network, len(self.task.classes), size=self.task.preparation.size, side=self.side)
        pairs = list(
            zip(
                self._heats(self.model, wanted, chosen, images),
                self._heats(fresh, wanted, chosen, images),
                strict=True,
            )
        )
        groups = [sample.group for sample in chosen]
        return [
            Sanity(
                method=method,
                layer=layer,
                images=len(chosen),
                correlation=mean_over_groups(
                    np.array([rank_correlation(ours[k], other[k]) for ours, other in pairs]), groups
                ),
            )
            for k, (method, layer) in enumerate(wanted)
        ]

    def _heats(
        self, model: keras.Model, wanted: Sequence[Map], samples: Sequence[Sample], images: NDArray[np.uint8]
    ) -> list[list[NDArray[np.float32]]]:
        """Of each sample every wanted map, of the class that its label names."""
        explain = compile_explanations(model, wanted, flips=self.flips)
        allowed = allowed_classes(samples, self.task)
        vague = np.flatnonzero(allowed.sum(axis=1) > 1)
        if len(vague):
            logits = logits_of(self.model, images[vague], flips=self.flips)
            allowed[vague] *= np.exp(logits - logits.max(axis=1, keepdims=True))
        squares = images.astype(np.float32) / np.float32(255)
        return [explain(s, int(a.argmax()))[1] for s, a in zip(tqdm(squares, unit="slice"), allowed, strict=True)]


def score_registered(
    repository: ModelRepository, ref: ModelRef, data: Sequence[Path], cache: Path | None
) -> HeatReport:
    """The report of a registered version, from its shipped weights and the images it was measured on."""
    card, task = repository.verify(ref), get_task(ref.task)
    samples, model = measured_samples(card, data), shipped_network(repository, card)
    scoring = Scoring(model, ref.network, samples, task, side=card.side, flips=card.flips, cache=cache)
    return scoring.report(str(ref))


def score_run(finished: FinishedRun) -> HeatReport:
    """The report of a run that is not registered yet, with the images that it saw."""
    scoring = Scoring(
        finished.model,
        finished.settings.network,
        finished.samples,
        finished.task,
        side=finished.settings.pixels,
        flips=finished.flips,
        cache=finished.cache,
    )
    return scoring.report(finished.run.name)


def show(report: HeatReport) -> None:
    """Print every candidate on val, and the chosen one on test."""
    console = Console(width=150)
    even = {(s.method, s.layer): f"{s.correlation.value:.2f}" for s in report.sanity}
    console.print(_table("val", report.val, even))
    console.print(f"Chosen on val: {report.chosen_method} at {report.chosen_layer}.")
    console.print(_table("test", report.test, even))


def _table(part: str, rows: Sequence[HeatFigures], even: dict[Map, str]) -> Table:
    names = ("inside outline", "within 8 px", "base rate", "heat inside", "heat off head", "IoU", "random weights")
    table = Table(part, "method", "layer", *names)
    for r in rows:
        shares = (r.pointing, r.near, r.base_rate, r.inside, r.outside_head, r.iou)
        words = [_words(share) if part == "test" else f"{share.value:.3f}" for share in shares]
        table.add_row(f"{r.part} ({r.images})", r.method, r.layer, *words, even[r.method, r.layer])
    return table


def _words(found: Estimate) -> str:
    return f"{found.value:.3f} ({found.low:.2f} to {found.high:.2f})"
