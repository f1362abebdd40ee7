"""The views of the metrics page by name, each with whether there is anything to show of the chosen models."""

from __future__ import annotations

from collections.abc import Callable

from pages.view.measured import Chosen, answers, extras, leaks, limits

VIEWS: dict[str, tuple[Callable[[Chosen], None], Callable[[Chosen], bool]]] = {
    "By class": (answers.by_class, lambda chosen: True),
    "Confusion": (answers.confusion, lambda chosen: True),
    "Calibration": (answers.reliability, lambda chosen: True),
    "By source": (answers.by_part, lambda chosen: any(m.figures.breakdown for m in chosen.models)),
    "Found or not": (answers.presence, lambda chosen: any(m.figures.presence for m in chosen.models)),
    "ROC": (answers.roc, lambda chosen: True),
    "Precision and recall": (answers.precision_recall, lambda chosen: any(m.figures.pr for m in chosen.models)),
    "Threshold": (answers.threshold, lambda chosen: any(m.figures.cuts for m in chosen.models)),
    "Worse pictures": (limits.worse_pictures, lambda chosen: any(m.figures.robustness for m in chosen.models)),
    "Shortcuts": (limits.shortcuts, lambda chosen: any(m.figures.shortcuts for m in chosen.models)),
    "Published split": (leaks.leak, lambda chosen: bool(chosen.findings.published)),
    "Patient folds": (limits.crossval, lambda chosen: bool(chosen.findings.crossval)),
    "Heat maps": (limits.heat, lambda chosen: bool(chosen.heat)),
    "Outlines": (extras.outlines, lambda chosen: any(m.figures.outlines for m in chosen.models)),
    "Input gate": (extras.gate, lambda chosen: any(m.figures.gate for m in chosen.models)),
    "Agreement": (limits.agreement, lambda chosen: bool(chosen.pairs)),
    "Mistakes": (limits.mistakes, lambda chosen: any(m.figures.mistakes for m in chosen.models)),
    "Card": (limits.cards, lambda chosen: True),
}

SQUARE = {"Confusion", "Calibration", "ROC", "Precision and recall", "Threshold"}
