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
class ContourSettings:
    """How a slice is cropped at the extreme points of its largest outer contour; ``version`` as above.

    ``percentiles`` are the two grey levels of the slice that become 0 and 255, so that a brighter or flatter export has
    the same contour. ``blur`` is the side of the Gaussian kernel in pixels, ``threshold`` the level in 0..255 above
    which a blurred pixel belongs to the head. The crop is resized to ``size`` a side, which keeps no aspect. A contour
    around less than ``smallest`` of the picture's area is no head; where more than ``widest`` of the outermost pixels
    lie above the threshold, no air surrounds one.
    """

    version: str
    size: int = 224
    percentiles: tuple[float, float] = (0.5, 99.0)
    blur: int = 5
    threshold: int = 45
    smallest: float = 0.02
    widest: float = 0.95


@dataclass(frozen=True)
class BreastSettings:
    """How a film becomes a model's input: one polarity, the breast alone, its chest wall on the left.

    ``size`` is the side of the square result in pixels, ``margin`` the rim left around the breast as a share of its
    longer side, ``percentiles`` the two grey levels of its pixels that become 0 and 1. What covers less than
    ``smallest`` or more than ``largest`` of the film is no breast.
    """

    version: str
    size: int = 448
    margin: float = 0.01
    percentiles: tuple[float, float] = (0.5, 99.8)
    smallest: float = 0.03
    largest: float = 0.95


Preparation = PreparationSettings | ContourSettings | BreastSettings


# Of the detail of MRI slices: 5 of 4,990 training slices have less, and most that were blurred or enlarged.
SLICE_DETAIL = 0.065


@dataclass(frozen=True)
class GateSettings:
    """Simple checks that an image can be of the task's kind at all. Shares and spreads are in 0..1.

    ``minimum_detail`` is how much of its contrast an image must lose at least where it is reduced to a quarter of 224
    pixels and enlarged again; 0 takes blurred ones too.
    """

    modalities: tuple[str, ...] = ("MR",)
    minimum_side: int = 48
    maximum_aspect: float = 2.5
    maximum_colourfulness: float = 0.04
    minimum_contrast: float = 0.05
    minimum_detail: float = 0.0
    maximum_rim: float = 0.45
    surround: str = "dark air around the head"


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
    """One question that models answer about a slice.

    ``labels`` says which classes each label of a corpus allows. ``image`` is what one picture is called, ``pictured``
    what it shows and ``looks_for`` what its positive classes have in common, all as nouns.
    ``detection_threshold`` is set for a task of two classes, the second of them positive: from this probability of it
    on, that is the answer; an administrator may choose another for a version. A task without it answers with the
    likeliest class, or that it is uncertain. ``second_opinion`` is the key of another task whose model is asked about
    the same slice, so that the two can be compared. ``by_patient`` says that all images of a group are one patient's,
    of whom figures are wanted too. ``mirrored`` says that a picture's mirror image is as good a picture, which training
    and answers may show a network. ``phantoms`` are the keys of the drawn pictures on which its models test themselves
    and which their gates count as known, ``samples`` of those that are offered to try. ``intended_use`` and ``limits``
    go onto the cards of its models.
    """

    key: str
    title: str
    question: str
    subject: str
    classes: tuple[ClassInfo, ...]
    preparation: Preparation
    gate: GateSettings
    uncertain_finding: str
    caveats: tuple[str, ...]
    networks: tuple[str, ...]
    intended_use: str
    limits: tuple[str, ...]
    phantoms: tuple[str, ...]
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    image: str = "slice"
    pictured: str = "head"
    looks_for: str = "tumour"
    detection_threshold: float | None = None
    second_opinion: str = ""
    by_patient: bool = False
    mirrored: bool = True
    samples: tuple[str, ...] = ()

    @property
    def class_keys(self) -> tuple[str, ...]:
        """Keys in the order of a model's outputs."""
        return tuple(c.key for c in self.classes)

    @property
    def detects(self) -> ClassInfo | None:
        """The class that is answered from a threshold on, where the task has one."""
        return None if self.detection_threshold is None else self.classes[1]

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
