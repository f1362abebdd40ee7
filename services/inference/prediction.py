"""What a model answers: calibrated probabilities, a verdict, and where it looked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from services.imaging.slice import FloatImage


class Verdict(StrEnum):
    """ANSWERED: the confidence reaches the threshold. UNCERTAIN: it does not, refer. REFUSED: the gate said no."""

    ANSWERED = "answered"
    UNCERTAIN = "uncertain"
    REFUSED = "refused"


@dataclass(frozen=True)
class ModelRef:
    """Names one immutable version in the model repository, for example brain_tumor_type/efficientnet/1."""

    task: str
    network: str
    version: str

    def __str__(self) -> str:
        return f"{self.task}/{self.network}/{self.version}"


@dataclass(frozen=True)
class Opinion:
    """What the model of another task says of the same slice: its likeliest class, and whether the two ``agree``.

    They do where both or neither call a class that their tasks call positive.
    """

    model: ModelRef
    label: str
    confidence: float
    agrees: bool


@dataclass(frozen=True)
class Prediction:
    """A calibrated answer.

    ``probabilities`` follow ``classes`` (keys of the task, in its order), lie in 0..1 and sum to 1.
    ``label`` is the most probable class and ``confidence`` its probability; ``threshold`` is the confidence below which
    the verdict is UNCERTAIN. A task with a detection threshold answers with its positive class from that probability
    on and with the other one below, whichever is likelier, and is never UNCERTAIN. ``milliseconds`` is what the model
    took, without the wait for its turn. ``second`` is the second opinion, where the task asks for one and a model gave
    it.
    """

    model: ModelRef
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    label: str
    confidence: float
    threshold: float
    verdict: Verdict
    milliseconds: float
    second: Opinion | None = None


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Which parts of the slice spoke for ``label``.

    ``values`` is float32 in 0..1 of the uploaded slice's own (rows, columns); 1 is the hottest point of this image, and
    0 everywhere means that nothing spoke for the class. ``layer`` names the feature layer, ``method`` the method.
    """

    values: FloatImage
    label: str
    layer: str
    method: str


@dataclass(frozen=True, eq=False)
class Outline:
    """Where the network estimates the tumour to be.

    ``values`` is float32 in 0..1 of the uploaded slice's own (rows, columns), what each pixel is worth as a part of the
    tumour; from ``threshold`` on it lies inside the outline, which may be nowhere.
    """

    values: FloatImage
    threshold: float

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Bool of the slice's shape."""
        return np.asarray(self.values >= self.threshold)


@dataclass(frozen=True, eq=False)
class Answer:
    """What one look at a slice gives; ``strange`` says why the slice is like none that the model knows, if it is."""

    prediction: Prediction
    heat: HeatMap
    outline: Outline | None = None
    strange: str = ""
