"""Figures as tables in a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from services.inference.card import Estimate
from training.evaluate import Evaluation


def show(evaluation: Evaluation) -> None:
    """Print every figure of an evaluation with its interval."""
    console = Console(width=150)
    parts = Table("part", "images", "groups", "accuracy", "macro-F1", "precision", "recall", "calibration error")
    for p in (evaluation.val, evaluation.test, *evaluation.breakdown):
        figures = (p.accuracy, p.macro_f1, p.precision, p.recall, p.calibration_error)
        parts.add_row(p.name, str(p.images), str(p.groups), *map(_words, figures))
    classes = Table("class (test)", "images", "precision", "recall", "F1")
    for key, c in evaluation.test.classes.items():
        classes.add_row(key, str(c.images), _words(c.precision), _words(c.recall), _words(c.f1))
    presence = Table("tumour against none (test)", "images", "tumours", "AUC", "sensitivity", "specificity")
    for q in evaluation.presence:
        presence.add_row(q.name, str(q.images), str(q.tumours), *map(_words, (q.auc, q.sensitivity, q.specificity)))
    for table in (parts, classes, presence):
        console.print(table)
    uncertain = evaluation.uncertain
    console.print(
        f"Below the threshold {uncertain['threshold']}: {uncertain['share_uncertain']:.1%} of the test slices; "
        f"of the others {uncertain['accuracy_of_answered']:.1%} are right."
    )


def _words(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
