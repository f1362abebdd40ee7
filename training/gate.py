"""The learned part of the input gate: what a finished network's features say of pictures that it was not made for."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from services.imaging.decode import decode
from services.imaging.gate import check
from services.imaging.phantom import draw
from services.imaging.prepare import prepare
from services.inference.familiarity import LIMIT, Familiarity, Floats
from services.inference.figures import GateFigures
from services.inference.networks import get_network
from services.tasks.task import Task
from training.corpus import TEST_FOLD, CorpusError, Sample, load_images
from training.evaluation.logits import Answering, Once, over_views
from training.evaluation.outlines import mean_over_groups
from training.run import GATE, GATE_FIGURES
from training.strange import strange_pictures
from training.style import restyle

if TYPE_CHECKING:
    from training.finished import FinishedRun

BRAINS, AXES, SEED = 1500, 32, 5
DRAWN = 6  # pictures of each phantom that count as the task's kind, so that those offered to try are answered
MOST = 300  # pictures of a folder of another kind; each folder counts alike, however many it holds
STRENGTH = 0.01  # of the linear classifier: scikit-learn's C
REFUSED = 0.01  # of val's slices and their restyled copies, by the classifier
BEYOND = 1.2  # times the distance of the farthest of them


@dataclass(frozen=True, eq=False)
class Other:
    """A picture that is not of the task's kind: ``part`` is "<folder> <train, val or test>"."""

    part: str
    simple: bool
    square: NDArray[np.uint8]


def read_others(folders: Sequence[Path], task: Task) -> list[Other]:
    """The pictures of the folders' manifests (columns file, and split or fold), prepared, with what simple checks say.

    Of a folder of more than MOST every second, third and so on is read, in the manifest's order. Raises CorpusError
    where a folder has no such manifest.
    """
    found = []
    for folder in folders:
        manifest = folder / "manifest.csv"
        if not manifest.exists():
            raise CorpusError(f"{folder} holds no manifest.csv; name a folder that does with --others.")
        with manifest.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        rows = rows[:: -(-len(rows) // MOST) or 1]
        for row in tqdm(rows, desc=f"reading {folder.name}", unit="picture"):
            part = row.get("split") or ("test" if row["fold"] == TEST_FOLD else "train")
            picture = decode((folder / row["file"]).read_bytes())
            accepted = check(picture, task).accepted
            found.append(Other(f"{folder.name} {part}", accepted, prepared(picture.pixels, task)))
    return found


def prepared(pixels: NDArray[np.float32], task: Task) -> NDArray[np.uint8]:
    """A decoded picture as the network gets it: uint8 (side, side)."""
    return np.round(prepare(pixels, task.preparation, whole=True).pixels * 255).astype(np.uint8)


FEATURES = "features"


def pooled_features(model: keras.Model, network: str) -> Any:
    """The symbolic features (batch, features) of a picture, pooled as the serving call pools them."""
    maps = [model.get_layer(name).output for name in get_network(network).feature_layers]
    return keras.layers.Concatenate()([keras.layers.GlobalAveragePooling2D(dtype="float32")(each) for each in maps])


class Features:
    """Features of prepared pictures, the mean over slice and mirror image; ``model`` gives them under their name."""

    def __init__(self, model: Answering, *, flips: bool) -> None:
        self.model, self.flips = model, flips

    def __call__(self, squares: NDArray[np.uint8]) -> Floats:
        """(n, side, side) → float32 (n, features)."""
        return over_views(self._of, squares, flips=self.flips, maps=False)

    def _of(self, views: Floats) -> Floats:
        return np.asarray(self.model.predict_on_batch(views)[FEATURES])


def learn(brains: Floats, restyled: Floats, others: Sequence[Floats], val: Floats) -> Familiarity:
    """Fit on features (n, k) of brain slices, of copies in other styles and of ``others``; cuts from ``val``'s.

    Each set of other pictures counts alike, and all of them as much as the slices do.
    """
    both = np.concatenate([brains, restyled])
    mean, scale = both.mean(axis=0), both.std(axis=0) + np.float32(1e-6)
    every = np.clip((np.concatenate([both, *others]) - mean) / scale, -LIMIT, LIMIT)
    truth = np.arange(len(every)) < len(both)
    shares = [np.full(len(both), 0.5 / len(both))] + [np.full(len(o), 0.5 / len(others) / len(o)) for o in others]
    weights = np.concatenate(shares) * len(every)
    linear = LogisticRegression(C=STRENGTH, max_iter=1000).fit(every, truth, sample_weight=weights)
    axes = PCA(AXES, random_state=SEED).fit(every[: len(both)]).components_.T
    found = Familiarity(
        mean=mean,
        scale=scale,
        weights=linear.coef_[0].astype(np.float32),
        bias=np.asarray(linear.intercept_[0], np.float32),
        least=np.zeros((), np.float32),
        axes=axes.astype(np.float32),
        known=(every[: len(brains)] @ axes).astype(np.float32),
        farthest=np.zeros((), np.float32),
    )
    found = found.rounded()
    return found.cut(
        least=float(np.quantile(found.logits(val), REFUSED)),
        farthest=BEYOND * float(found.distances(val).max()),
    )


def gate_figures(
    gate: Familiarity,
    features: Features,
    others: Sequence[Other],
    samples: Sequence[Sample],
    task: Task,
    cache: Path | None,
) -> tuple[GateFigures, ...]:
    """What the whole gate does with val's and test's pictures, of the task's kind and of others."""
    rows = []
    for part in sorted({f"{s.corpus} {s.part}" for s in samples if s.part != "train"}):
        own = [s for s in samples if f"{s.corpus} {s.part}" == part]
        simple = np.array([check(decode(s.path.read_bytes()), task).accepted for s in own])
        known = gate.known_kind(features(load_images(own, task, cache)))
        rows.append(_figures(part, True, simple, known, [s.group for s in own]))
    for part in sorted({other.part for other in others if not other.part.endswith("train")}):
        strange = [other for other in others if other.part == part]
        known = gate.known_kind(features(np.stack([other.square for other in strange])))
        simple = np.array([other.simple for other in strange])
        rows.append(_figures(part, False, simple, known, [str(index) for index in range(len(strange))]))
    return tuple(rows)


def _figures(
    part: str, belongs: bool, simple: NDArray[np.bool_], known: NDArray[np.bool_], groups: Sequence[str]
) -> GateFigures:
    refused, learnt = (np.asarray(~passed, np.float64) for passed in (simple & known, known))
    return GateFigures(
        part=part,
        belongs=belongs,
        images=len(known),
        refused=mean_over_groups(refused, groups),
        learnt=mean_over_groups(learnt, groups),
    )


def fit_gate(finished: FinishedRun, folders: Sequence[Path]) -> tuple[GateFigures, ...]:
    """Learn the gate from train, val and drawings, write it into the run's folder, and measure it on val and test.

    Raises RunError where the run is not calibrated: then it is not known whether flips are averaged.
    """
    _, flips = finished.calibrated()
    task, rng = finished.task, np.random.default_rng(SEED)
    asked = {FEATURES: pooled_features(finished.model, finished.settings.network)}
    features = Features(Once(asked, finished.model), flips=flips)
    others = read_others(folders, task)
    parts = {part: [s for s in finished.samples if s.part == part] for part in ("train", "val")}
    chosen = np.sort(rng.permutation(len(parts["train"]))[:BRAINS])
    real = load_images(parts["train"], task, finished.cache)[chosen]
    drawings = [draw(key, seed=seed) for key in task.phantoms for seed in range(DRAWN)]
    brains = np.concatenate(
        [real, np.stack([prepared(d.astype(np.float32) / np.float32(255), task) for d in drawings])]
    )
    val = load_images(parts["val"], task, finished.cache)
    strange = np.stack([prepared(picture, task) for picture in strange_pictures(real, rng)])
    learnt = {part: [o.square for o in others if o.part == part] for part in sorted({o.part for o in others})}
    sets = [np.stack(squares) for part, squares in learnt.items() if part.endswith("train")]
    gate = learn(
        features(brains),
        features(np.stack([restyle(image, rng) for image in brains])),
        [features(np.concatenate([squares, *_copies(squares, rng)])) for squares in sets] + [features(strange)],
        features(np.concatenate([val, *(np.stack([restyle(image, rng) for image in val]) for _ in range(2))])),
    )
    np.savez_compressed(finished.run / GATE, allow_pickle=False, **gate.arrays())
    figures = gate_figures(gate, features, others, finished.samples, task, finished.cache)
    stored = json.dumps([row.model_dump() for row in figures], indent=1)
    (finished.run / GATE_FIGURES).write_text(stored, encoding="utf-8")
    return figures


def _copies(squares: NDArray[np.uint8], rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Each picture turned by a quarter, a half and three quarters, in other styles: there are few, of many kinds."""
    turned = [np.ascontiguousarray(np.rot90(squares, turns, axes=(1, 2))) for turns in (1, 2, 3)]
    return [np.stack([restyle(square, rng) for square in each]) for each in turned]
