"""Heat maps scored against the outlines that radiologists drew; method and layer are chosen on val, never on test.

Every map is brought to the prepared square's size as the reading room does it, and is that of the class which the
label names (the likeliest one where it only says "some tumour"), whatever the network answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from services.inference.engine import load
from services.inference.ensemble import LAYER, METHOD
from services.inference.explain import JOINED, METHODS, Explanation, compile_explanations
from services.inference.figures import Estimate
from services.inference.findings import HeatFigures, HeatReport, Sanity
from services.inference.networks import build
from services.inference.outline import shipped_network
from services.inference.prediction import ModelRef
from services.inference.repository import ModelRepository
from services.tasks import get_task
from services.tasks.task import Task
from training.corpus import Sample, allowed_classes, is_outlined, load_images, load_outlines
from training.evaluation.logits import Floats, logits_of
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
from training.finished import FinishedRun
from training.scoring import measured_samples

LAYERS: dict[str, tuple[str, ...]] = {
    "efficientnet": ("top_activation", "block6h_add", "block5e_add", "block4c_add"),
    "resnet50": ("conv5_block3_out", "conv4_block6_out", "conv3_block4_out"),
    "vgg16": ("block5_conv3", "block4_conv3", "block3_conv3"),
    "smallcnn": ("small_dense", "small_conv2"),
}
SANITY_SLICES = 60
Squares = NDArray[np.uint8]


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
    """The maps of ``model`` for the slices among ``samples`` that have an outline.

    ``network``, ``side`` and ``places`` are what it was built with.
    """

    def __init__(
        self,
        model: keras.Model,
        network: str,
        samples: Sequence[Sample],
        task: Task,
        *,
        side: int,
        places: bool,
        flips: bool,
        cache: Path | None,
    ) -> None:
        self.model, self.network, self.task, self.flips, self.cache = model, network, task, flips, cache
        self.side, self.places = side, places
        self.samples = [sample for sample in samples if is_outlined(sample, task)]

    def report(self, name: str, served: Map | None = None) -> HeatReport:
        """Every candidate on val; on test the best of them, what is ``served`` and, to compare, plain Grad-CAM."""
        wanted = candidates(self.network)
        val = self.figures("val", wanted, None)
        chosen = best_of(val)
        looked_at = [chosen, served or chosen, wanted[0]]
        return HeatReport(
            model=name,
            val=tuple(val),
            sanity=tuple(self.sanity(wanted)),
            chosen_method=chosen[0],
            chosen_layer=chosen[1],
            test=tuple(self.figures("test", list(dict.fromkeys(looked_at)), cuts_of(val))),
        )

    def figures(
        self, part: str, wanted: Sequence[Map], cuts: dict[tuple[str, str, str], float] | None
    ) -> list[HeatFigures]:
        """By corpus; ``cuts`` holds the threshold of each map there."""

        def heats(samples: Sequence[Sample], images: Squares) -> list[list[Floats]]:
            return self._heats(self.model, wanted, samples, images)

        return scored(part, wanted, cuts, self.samples, self.task, self.cache, heats)

    def sanity(self, wanted: Sequence[Map]) -> list[Sanity]:
        """Compare with the same network of fresh random weights on val slices spread over all of val."""
        val = [s for s in self.samples if s.part == "val"]
        chosen = [val[i] for i in np.unique(np.linspace(0, len(val) - 1, SANITY_SLICES).astype(int))]
        images = load_images(chosen, self.task)
        keras.utils.set_random_seed(0)
        fresh = build(
            self.network, len(self.task.classes), size=self.task.preparation.size, side=self.side, places=self.places
        )
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
        self, model: keras.Model, wanted: Sequence[Map], samples: Sequence[Sample], images: Squares
    ) -> list[list[Floats]]:
        """Of each sample every wanted map, of the class that its label names."""
        explain = compile_explanations(model, wanted, flips=self.flips)
        asked = asked_classes(samples, images, self.task, lambda some: logits_of(self.model, some, flips=self.flips))
        squares = images.astype(np.float32) / np.float32(255)
        return [explain(s, index)[1] for s, index in zip(tqdm(squares, unit="slice"), asked, strict=True)]


def scored(
    part: str,
    wanted: Sequence[Map],
    cuts: dict[tuple[str, str, str], float] | None,
    samples: Sequence[Sample],
    task: Task,
    cache: Path | None,
    heats: Callable[[Sequence[Sample], Squares], list[list[Floats]]],
) -> list[HeatFigures]:
    """By corpus, so that no part's size decides; ``heats`` gives of each sample every wanted map."""
    rows = []
    for corpus in sorted({s.corpus for s in samples if s.part == part}):
        own = [s for s in samples if (s.part, s.corpus) == (part, corpus)]
        images = load_images(own, task, cache)
        outlines = load_outlines(own, task, cache) >= 128
        drawn = [i for i in range(len(own)) if outlines[i].any()]
        scores: list[list[SliceScores]] = [[] for _ in wanted]
        for i, maps in zip(drawn, heats([own[i] for i in drawn], images[drawn]), strict=True):
            head = head_of(images[i])
            for of_one, heat in zip(scores, maps, strict=True):
                of_one.append(score_slice(enlarged(heat, images.shape[1]), outlines[i], head))
        groups = [own[i].group for i in drawn]
        for (method, layer), found in zip(wanted, scores, strict=True):
            cut = cuts[corpus, method, layer] if cuts else None
            rows.append(figures(f"{corpus} {part}", (method, layer), found, groups, cut))
    return rows


def asked_classes(
    samples: Sequence[Sample], images: Squares, task: Task, logits: Callable[[Squares], Floats]
) -> list[int]:
    """The class whose map is asked for: the label's, or of several that it allows the one with the highest logit."""
    allowed = allowed_classes(samples, task)
    vague = np.flatnonzero(allowed.sum(axis=1) > 1)
    if len(vague):
        said = logits(images[vague])
        allowed[vague] *= np.exp(said - said.max(axis=1, keepdims=True))
    return [int(index) for index in allowed.argmax(axis=1)]


def cuts_of(val: Sequence[HeatFigures]) -> dict[tuple[str, str, str], float]:
    """The threshold that val chose, by corpus, method and layer."""
    return {(row.part.removesuffix(" val"), row.method, row.layer): row.threshold for row in val}


def score_registered(
    repository: ModelRepository, ref: ModelRef, data: Sequence[Path], cache: Path | None
) -> HeatReport:
    """The report of a registered version, from its shipped weights and the images it was measured on."""
    card, task = repository.verify(ref), get_task(ref.task)
    samples = measured_samples(card, data)
    if card.members:
        return _score_joint(load(repository, ref, task).explanation, str(ref), samples, task, cache)
    model = shipped_network(repository, card)
    scoring = Scoring(
        model, ref.network, samples, task, side=card.side, places=card.places, flips=card.flips, cache=cache
    )
    return scoring.report(str(ref), (card.heat_method, card.heat_layer))


def _score_joint(
    explain: Explanation, name: str, samples: Sequence[Sample], task: Task, cache: Path | None
) -> HeatReport:
    """Of the one map that an ensemble has: nothing to choose, and its members' reports say how sane theirs are."""
    outlined, mean = [sample for sample in samples if is_outlined(sample, task)], (METHOD, LAYER)

    def logits(images: Squares) -> Floats:
        return np.stack([explain(image.astype(np.float32) / np.float32(255), -1).logits for image in images])

    def heats(own: Sequence[Sample], images: Squares) -> list[list[Floats]]:
        asked = asked_classes(own, images, task, logits)
        squares = images.astype(np.float32) / np.float32(255)
        return [[explain(s, index).heat] for s, index in zip(tqdm(squares, unit="slice"), asked, strict=True)]

    val = scored("val", [mean], None, outlined, task, cache, heats)
    test = scored("test", [mean], cuts_of(val), outlined, task, cache, heats)
    return HeatReport(model=name, val=tuple(val), sanity=(), chosen_method=METHOD, chosen_layer=LAYER, test=tuple(test))


def score_run(finished: FinishedRun) -> HeatReport:
    """The report of a run that is not registered yet, with the images that it saw; RunError before it is calibrated."""
    scoring = Scoring(
        finished.model,
        finished.settings.network,
        finished.samples,
        finished.task,
        side=finished.settings.pixels,
        places=finished.settings.places,
        flips=finished.calibrated()[1],
        cache=finished.cache,
    )
    return scoring.report(finished.run.name)


def show(report: HeatReport) -> None:
    """Print every candidate on val, and the chosen one on test."""
    console = Console(width=150)
    even = {(s.method, s.layer): f"{s.correlation.value:.2f}" for s in report.sanity}
    console.print(_table("val", report.val, even))
    if report.sanity:
        console.print(f"Chosen on val: {report.chosen_method} at {report.chosen_layer}.")
    console.print(_table("test", report.test, even))


def _table(part: str, rows: Sequence[HeatFigures], even: dict[Map, str]) -> Table:
    names = ("inside outline", "within 8 px", "base rate", "heat inside", "heat off head", "IoU", "random weights")
    table = Table(part, "method", "layer", *names)
    for r in rows:
        shares = (r.pointing, r.near, r.base_rate, r.inside, r.outside_head, r.iou)
        words = [_words(share) if part == "test" else f"{share.value:.3f}" for share in shares]
        table.add_row(f"{r.part} ({r.images})", r.method, r.layer, *words, even.get((r.method, r.layer), "–"))
    return table


def _words(found: Estimate) -> str:
    return f"{found.value:.3f} ({found.low:.2f} to {found.high:.2f})"
