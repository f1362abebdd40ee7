"""What a report says, gathered before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from services.imaging.slice import Slice
from services.inference.prediction import HeatMap, ModelRef, Prediction
from services.tasks.task import Task


@dataclass(frozen=True)
class PatientDetails:
    """Who the slice shows; an empty field is printed as a dash."""

    name: str = ""
    identifier: str = ""
    birth_date: date | None = None
    sex: str = ""


@dataclass(frozen=True)
class StudyDetails:
    """The study as recorded. ``created`` carries its time zone and is printed in UTC; it dates the report too."""

    identifier: str
    created: datetime
    date: date | None = None
    description: str = ""
    notes: str = ""
    reader: str = ""


@dataclass(frozen=True)
class Figure:
    """A measured share in 0..1 with its 95% interval, where one was measured."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ModelEvidence:
    """How the model did on images it never learnt from.

    ``trained_on`` and ``tested_on`` complete “Trained on …” and “Tested on …”, full stop included. ``confusion`` counts
    images by true class (rows) and answer (columns), both in the order of ``classes``, which are keys of the task.
    Precision and recall are means over the classes; ``calibration_error`` is the expected one. ``experimental`` says
    that the model may be no better than chance, which stands above its answers; ``over_folds`` is what
    cross-validation found, in whole sentences, or empty.
    """

    model: ModelRef
    title: str
    trained_on: str
    tested_on: str
    accuracy: Figure
    precision: Figure
    recall: Figure
    macro_f1: Figure
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration_error: Figure | None = None
    experimental: bool = False
    over_folds: str = ""


@dataclass(frozen=True)
class ReviewDetails:
    """A doctor's review. ``created`` carries its time zone and dates the amended report.

    ``label`` is a class of the task, OTHER or INDETERMINATE; ``earlier`` counts the reviews that this one supersedes.
    """

    reviewer: str
    created: datetime
    agrees: bool
    label: str
    reason: str = ""
    earlier: int = 0


@dataclass(frozen=True, eq=False)
class ImageDetails:
    """One image of the study and its answer; ``number`` is the one that it has in the study.

    ``prediction`` is None where the image was refused; then ``gate_reasons`` say why. Reasons beside a prediction mean
    that the person overruled the check (``overruled``).
    """

    image: Slice
    number: int = 1
    prediction: Prediction | None = None
    heat: HeatMap | None = None
    gate_reasons: tuple[str, ...] = ()
    overruled: bool = False


@dataclass(frozen=True, eq=False)
class ReportContent:
    """Everything that the report prints.

    ``lead`` is the image whose answer is the study's, ``further`` are the others in the order of their numbers.
    ``evidence`` is about the model that answered the leading one. ``review`` is None until a doctor has reviewed the
    study. ``demo`` marks every page as a demonstration.
    """

    task: Task
    patient: PatientDetails
    study: StudyDetails
    lead: ImageDetails
    further: tuple[ImageDetails, ...] = ()
    evidence: ModelEvidence | None = None
    review: ReviewDetails | None = None
    demo: bool = False

    @property
    def images(self) -> tuple[ImageDetails, ...]:
        """All of them, the leading one first."""
        return self.lead, *self.further
