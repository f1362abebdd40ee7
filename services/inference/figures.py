"""A version's figures, as its card and its evaluation.json hold them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """What a file of a version folder holds: never changed, and with no key that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(Frozen):
    """A figure with its 95% interval, bootstrapped over groups (patients)."""

    value: float
    low: float
    high: float


class ClassFigures(Frozen):
    """One class against the others, and how many images of it were scored.

    ``roc_auc`` is the area under the ROC curve, ``pr_auc`` the average precision; both of the class's probability.
    What a version registered before the figure was measured lacks is None.
    """

    precision: Estimate
    recall: Estimate
    f1: Estimate
    images: int
    specificity: Estimate | None = None
    roc_auc: Estimate | None = None
    pr_auc: Estimate | None = None


class PartFigures(Frozen):
    """How the model does on one part of the data whose labels name one class.

    ``confusion`` counts true class by rows, answered class by columns, in the card's order of classes.
    ``recall`` is the mean over classes, which is also the balanced accuracy. ``calibration_error`` is the expected
    calibration error over 15 equal bins of confidence; ``brier`` the mean over images of the squared distance between
    the probabilities and the truth, 0 to 2 (Brier, 1950), None in versions registered before it was measured.
    """

    name: str
    images: int
    groups: int
    accuracy: Estimate
    precision: Estimate
    recall: Estimate
    macro_f1: Estimate
    calibration_error: Estimate
    brier: Estimate | None = None
    classes: dict[str, ClassFigures]
    confusion: tuple[tuple[int, ...], ...]


class PresenceFigures(Frozen):
    """Tumour against none on one source and sequence: areas under the ROC and the precision-recall curve, and shares.

    ``sensitivity`` and ``specificity`` are those at one half, ``sensitivity_at_95`` is the highest at a cut that spares
    at least 95% of the images without a tumour. What cannot be measured, or was not then, is None.
    """

    name: str
    images: int
    tumours: int
    groups: int
    auc: Estimate | None
    sensitivity: Estimate | None
    specificity: Estimate | None
    pr_auc: Estimate | None = None
    sensitivity_at_95: Estimate | None = None


class RobustnessFigures(Frozen):
    """How the model does on the same test slices after a ``change`` by an ``amount`` of ``unit``; "none" is unchanged.

    ``confidence`` is the mean over images: one that does not fall with the accuracy is not to be trusted there.
    """

    change: str
    unit: str
    amount: float
    images: int
    accuracy: Estimate
    macro_f1: Estimate
    confidence: float


class ShortcutFigures(Frozen):
    """What ``who`` (a linear classifier or the network) tells from a ``view`` of the test slices that hides the head.

    ``recall`` is the balanced accuracy: one in as many classes as there are is chance.
    """

    view: str
    who: str
    images: int
    accuracy: Estimate
    macro_f1: Estimate
    recall: Estimate


class OutlineFigures(Frozen):
    """Estimated outlines against those that radiologists drew, on the tumour slices of a ``part``.

    ``dice`` is twice the common area over the sum of both, 0 where nothing was found; ``found`` the share of slices
    whose outlines overlap at all; ``pointing`` the share whose likeliest pixel lies inside the drawn one. ``clear`` is
    the share of slices without a tumour on which nothing is outlined, None where there are none.
    """

    part: str
    images: int
    dice: Estimate
    found: Estimate
    pointing: Estimate
    clear: Estimate | None


class GateFigures(Frozen):
    """What the input gate did with the pictures of one ``part``: ``refused`` of ``images``, by any check or the model.

    ``learnt`` is the share that the model's own check refuses, ``belongs`` whether they are pictures of the kind that
    the task is about.
    """

    part: str
    belongs: bool
    images: int
    refused: Estimate
    learnt: Estimate


def predictive_values(sensitivity: float, specificity: float, prevalence: float) -> tuple[float | None, float | None]:
    """Of those called positive and of those called negative the share that is right, at a ``prevalence`` in 0..1.

    By Bayes' rule; None where nobody is called so.
    """
    found, false_alarms = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    missed, spared = (1 - sensitivity) * prevalence, specificity * (1 - prevalence)
    positive = found / (found + false_alarms) if found + false_alarms > 0 else None
    negative = spared / (spared + missed) if spared + missed > 0 else None
    return positive, negative


class Mistake(Frozen):
    """A test image that was answered wrongly: whose it is, what it is, what was said and with what confidence."""

    name: str
    corpus: str
    source: str
    plane: str
    truth: str
    answer: str
    confidence: float


class Evaluation(Frozen):
    """evaluation.json: the card's figures with the curves that a page draws.

    ``roc`` is class key → {"false_positive_rate": […], "true_positive_rate": […]} on test, one class against the
    others, and ``pr`` class key → {"recall": […], "precision": […]}. ``cuts`` is the name in ``presence`` →
    {"cut": […], "sensitivity": […], "specificity": […]} of calling a tumour from each probability of one on, where both
    kinds of image were scored. ``reliability`` holds {confidence, right, images} a bin; ``uncertain`` is the share of
    test slices below the threshold and the accuracy of the others; ``mistakes`` are the surest ones first.
    ``robustness`` and ``shortcuts`` are empty where the images were not at hand, and what a version registered before
    it was measured lacks is empty too.
    """

    val: PartFigures
    test: PartFigures
    breakdown: tuple[PartFigures, ...]
    presence: tuple[PresenceFigures, ...]
    reliability: tuple[dict[str, float], ...]
    roc: dict[str, dict[str, list[float]]]
    uncertain: dict[str, float]
    pr: dict[str, dict[str, list[float]]] = {}
    cuts: dict[str, dict[str, list[float]]] = {}
    mistakes: tuple[Mistake, ...] = ()
    robustness: tuple[RobustnessFigures, ...] = ()
    shortcuts: tuple[ShortcutFigures, ...] = ()
    outlines: tuple[OutlineFigures, ...] = ()
    gate: tuple[GateFigures, ...] = ()
