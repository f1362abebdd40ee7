"""The card of a model version: what it is, what it learnt from, how good it is where, and what its files must be."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from services.inference.prediction import ModelRef

CARD, WEIGHTS, EVALUATION, SELF_TEST = "card.json", "weights.npz", "evaluation.json", "self_test.npz"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(_Frozen):
    """A figure with its 95% interval, bootstrapped over groups (patients)."""

    value: float
    low: float
    high: float


class ClassFigures(_Frozen):
    """Precision, recall and F1 of one class, and how many images of it were scored."""

    precision: Estimate
    recall: Estimate
    f1: Estimate
    images: int


class PartFigures(_Frozen):
    """How the model does on one part of the data whose labels name one class.

    ``confusion`` counts true class by rows, answered class by columns, in the card's order of classes.
    ``calibration_error`` is the expected calibration error over 15 equal bins of confidence.
    """

    name: str
    images: int
    groups: int
    accuracy: Estimate
    precision: Estimate
    recall: Estimate
    macro_f1: Estimate
    calibration_error: Estimate
    classes: dict[str, ClassFigures]
    confusion: tuple[tuple[int, ...], ...]


class PresenceFigures(_Frozen):
    """Tumour against none on one source and sequence: area under the ROC curve, and the shares found and spared."""

    name: str
    images: int
    tumours: int
    groups: int
    auc: Estimate | None
    sensitivity: Estimate | None
    specificity: Estimate | None


class DataFacts(_Frozen):
    """What the model learnt from. ``counts`` is part → class label → images, ``groups`` part → groups of images."""

    sha256: str
    corpora: tuple[str, ...]
    sources: tuple[str, ...]
    licences: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    groups: dict[str, int]


class Card(_Frozen):
    """card.json of a version folder; written once by ``python -m training register``."""

    format: int = 1
    task: str
    network: str
    network_title: str
    version: str
    registered: datetime
    classes: tuple[str, ...]
    preparation: dict[str, Any]
    flips: bool = Field(description="Whether the answer is the mean over the slice and its mirror image.")
    temperature: float = Field(gt=0)
    threshold: float = Field(ge=0, le=1)
    threshold_reason: str
    heat_layer: str = Field(description="One layer, or two as “coarse x fine”: the product of their maps.")
    heat_method: str
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
    def ref(self) -> ModelRef:
        """The version's name."""
        return ModelRef(self.task, self.network, self.version)
