"""What a task is. Everything that differs between tasks is a value in here; no other module asks which task it has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

# What a doctor may find beside a task's classes: something that is none of them, and that the slice does not tell.
OTHER, INDETERMINATE = "other", "indeterminate"
Denoise = Literal["none", "median", "bilateral", "non-local means"]


@dataclass(frozen=True)
class PreparationSettings:
    """How a slice becomes a model's input; ``version`` changes with any other field or with the code's behaviour.

    ``size`` is the side of the square result in pixels, ``margin`` the rim left around the head as a share of its
    longer side, ``denoise`` the filter applied before normalisation, ``percentiles`` the two grey levels of the head's
    pixels that become 0 and 1.
    """

    version: str
    size: int = 224
    margin: float = 0.03
    denoise: Denoise = "none"
    percentiles: tuple[float, float] = (0.5, 99.7)


@dataclass(frozen=True)
class GateSettings:
    """Simple checks that an image can be of the task's kind at all. Shares and spreads are in 0..1."""

    modalities: tuple[str, ...] = ("MR",)
    minimum_side: int = 48
    maximum_aspect: float = 2.5
    maximum_colourfulness: float = 0.04
    minimum_contrast: float = 0.05
    maximum_rim: float = 0.45


@dataclass(frozen=True)
class ClassInfo:
    """One answer: ``key`` in files and tables, ``name`` as a noun in a sentence, ``colour`` the same in every chart.

    ``lay`` is the sentence that tells a patient what their doctor found, in words that need no dictionary.
    """

    key: str
    name: str
    colour: str
    finding: str
    positive: bool
    lay: str = ""


@dataclass(frozen=True)
class Task:
    """One question that models answer about a slice."""

    key: str
    title: str
    question: str
    subject: str
    classes: tuple[ClassInfo, ...]
    preparation: PreparationSettings
    gate: GateSettings
    uncertain_finding: str
    caveats: tuple[str, ...]
    networks: tuple[str, ...]
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def class_keys(self) -> tuple[str, ...]:
        """Keys in the order of a model's outputs."""
        return tuple(c.key for c in self.classes)

    def class_info(self, key: str) -> ClassInfo:
        """The class of that key; KeyError where the task has none."""
        for info in self.classes:
            if info.key == key:
                return info
        raise KeyError(key)

    def finding_name(self, label: str) -> str:
        """A doctor's finding as a noun: a class, OTHER or INDETERMINATE; KeyError for anything else."""
        return {OTHER: "another finding", INDETERMINATE: "indeterminate"}.get(label) or self.class_info(label).name

    def lay_finding(self, label: str) -> str:
        """A doctor's finding as a sentence to the patient; KeyError for a label that the task does not know."""
        if label == OTHER:
            return "Your doctor sees something else than what was looked for here. Their note says what."
        if label == INDETERMINATE:
            return "This picture alone does not tell. Your doctor's note says what comes next."
        info = self.class_info(label)
        return info.lay or f"Your doctor's finding: {info.name}."
