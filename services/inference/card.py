"""The card of a model version: what it is, what it learnt from, how good it is where, and what its files must be."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from services.inference.figures import Frozen, PartFigures, PresenceFigures
from services.inference.prediction import ModelRef

CARD, WEIGHTS, EVALUATION, SELF_TEST = "card.json", "weights.npz", "evaluation.json", "self_test.npz"
# A model whose area under a ROC curve may be lower is called experimental wherever it answers; 0.5 tells nothing.
CHANCE = 0.6
SCORES, OUTLINE, GATE = "scores.npz", "outline.npz", "gate.npz"


class DataFacts(Frozen):
    """What the model learnt from. ``counts`` is part → class label → images, ``groups`` part → groups of images."""

    sha256: str
    corpora: tuple[str, ...]
    sources: tuple[str, ...]
    licences: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    groups: dict[str, int]


class OutlineFacts(Frozen):
    """From which value on a pixel lies inside an estimated outline; the one of the highest Dice on val."""

    threshold: float = Field(gt=0, lt=1)


class Card(Frozen):
    """card.json of a version folder; written once by ``python -m training register``."""

    format: int = 1
    task: str
    network: str
    network_title: str
    version: str
    registered: datetime
    classes: tuple[str, ...]
    members: tuple[str, ...] = Field((), description="Of an ensemble: the versions whose answers are averaged.")
    preparation: dict[str, Any]
    flips: bool = Field(description="Whether the answer is the mean over the slice and its mirror image.")
    temperature: float = Field(gt=0)
    threshold: float = Field(ge=0, le=1)
    threshold_reason: str
    heat_layer: str = Field(description="One layer, or two as “coarse x fine”: the product of their maps.")
    heat_method: str
    outline: OutlineFacts | None = Field(None, description="Of a network that has learnt tumours' outlines.")
    starting_weights: str
    terms: str
    hyperparameters: dict[str, Any]
    data: DataFacts
    val: PartFigures
    test: PartFigures
    breakdown: tuple[PartFigures, ...] = ()
    presence: tuple[PresenceFigures, ...] = ()
    intended_use: str
    limits: tuple[str, ...]
    self_test_probabilities: tuple[tuple[float, ...], ...]
    libraries: dict[str, str]
    files: dict[str, str] = Field(description="SHA-256 of every other file of the folder, by name.")

    @property
    def side(self) -> int:
        """The side of the slices that it learnt from, to which it reduces larger ones; 0 for the network's own side."""
        return int(self.hyperparameters.get("pixels", 0))

    @property
    def places(self) -> bool:
        """Whether its answer is that of the likeliest place, and not of the whole picture."""
        return bool(self.hyperparameters.get("places", False))

    @property
    def ref(self) -> ModelRef:
        """The version's name."""
        return ModelRef(self.task, self.network, self.version)
