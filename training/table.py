"""Figures as tables in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from services.inference.figures import Estimate, Evaluation, GateFigures
from services.inference.findings import CrossvalFigures, Pair, PublishedFigures


def show(evaluation: Evaluation) -> None:
    """Print every figure of an evaluation with its interval."""
    console = Console(width=170)
    parts = Table(
        "part", "images", "groups", "accuracy", "macro-F1", "precision", "recall", "calibration error", "Brier"
    )
    for p in (evaluation.val, evaluation.test, *evaluation.breakdown):
        figures = (p.accuracy, p.macro_f1, p.precision, p.recall, p.calibration_error, p.brier)
        parts.add_row(p.name, str(p.images), str(p.groups), *map(_words, figures))
    classes = Table("class (test)", "images", "precision", "recall", "F1", "specificity", "ROC AUC", "PR AUC")
    for key, c in evaluation.test.classes.items():
        rates = (c.precision, c.recall, c.f1, c.specificity, c.roc_auc, c.pr_auc)
        classes.add_row(key, str(c.images), *map(_words, rates))
    presence = Table("tumour against none (test)", "images", "tumours", "AUC", "PR AUC")
    for name in ("sensitivity", "specificity", "sensitivity at 95% spec."):
        presence.add_column(name)
    for q in evaluation.presence:
        found = (q.auc, q.pr_auc, q.sensitivity, q.specificity, q.sensitivity_at_95)
        presence.add_row(q.name, str(q.images), str(q.tumours), *map(_words, found))
    worse = Table("pictures made worse (test)", "by", "images", "accuracy", "macro-F1", "mean confidence")
    for r in evaluation.robustness:
        shares = (_words(r.accuracy), _words(r.macro_f1), f"{r.confidence:.3f}")
        worse.add_row(r.change, f"{r.amount:g} {r.unit}", str(r.images), *shares)
    hidden = Table("what is seen (test)", "by", "images", "accuracy", "macro-F1", "balanced accuracy")
    for h in evaluation.shortcuts:
        hidden.add_row(h.view, h.who, str(h.images), *map(_words, (h.accuracy, h.macro_f1, h.recall)))
    for table in (parts, classes, presence, *([worse, hidden] if evaluation.robustness else [])):
        console.print(table)
    if evaluation.outlines:
        outlines = Table("estimated outlines", "images", "Dice", "overlaps", "likeliest point inside", "clear")
        for o in evaluation.outlines:
            outlines.add_row(o.part, str(o.images), *map(_words, (o.dice, o.found, o.pointing, o.clear)))
        console.print(outlines)
    if evaluation.gate:
        show_gate(evaluation.gate)
    uncertain = evaluation.uncertain
    console.print(
        f"Below the threshold {uncertain['threshold']}: {uncertain['share_uncertain']:.1%} of the test slices; "
        f"of the others {uncertain['accuracy_of_answered']:.1%} are right."
    )


def show_gate(rows: Sequence[GateFigures]) -> None:
    """Print what the input gate refuses."""
    table = Table("input gate", "of the kind", "images", "refused", "by the model's features")
    for row in rows:
        kind = "yes" if row.belongs else "no"
        table.add_row(row.part, kind, str(row.images), _words(row.refused), _words(row.learnt))
    Console(width=110).print(table)


def show_pairs(pairs: Sequence[Pair]) -> None:
    """Print how two models each differ on the test images."""
    names = (
        "images",
        "only first right",
        "only second right",
        "neither",
        "McNemar p",
        "accuracy gained",
        "same answer",
    )
    table = Table("first", "second", *names, "kappa")
    for p in pairs:
        counts = map(str, (p.images, p.only_first, p.only_second, p.neither))
        shares = (f"{p.p_value:.3g}", _words(p.difference), _words(p.agreement), f"{p.kappa:.3f}")
        table.add_row(p.first, p.second, *counts, *shares)
    Console(width=170).print(table)


def show_published(figures: PublishedFigures) -> None:
    """Print what a network reaches on a published split, with and without the images that leaked."""
    table = Table(
        f"{figures.network_title} on {figures.split}", "images", "accuracy", "macro-F1", "precision", "recall"
    )
    for name, part in figures.parts:
        shares = (part.accuracy, part.macro_f1, part.precision, part.recall)
        table.add_row(name, str(part.images), *map(_words, shares))
    console = Console(width=170)
    console.print(table)
    if figures.seen_alike is None:
        return
    console.print(
        f"With the classes in the same proportions, {figures.seen_alike:.1%} of those with the same slice in training "
        f"and {figures.others.accuracy.value:.1%} of the rest are right."
    )


def show_crossval(figures: CrossvalFigures) -> None:
    """Print what a recipe reaches on each fold and on all of them."""
    table = Table(f"{figures.network_title}, cross-validated", "images", "groups", "accuracy", "macro-F1")
    table.add_column("calibration error")
    for part in (*figures.folds, figures.pooled, *figures.sources):
        shares = (part.accuracy, part.macro_f1, part.calibration_error)
        table.add_row(part.name, str(part.images), str(part.groups), *map(_words, shares))
    Console(width=170).print(table)
    for score in figures.patients:
        named = {"AUC": score.auc, "sensitivity": score.sensitivity, "specificity": score.specificity}
        said = ", ".join(f"{name} {_words(value)}" for name, value in named.items())
        Console(width=170).print(f"{score.name}: {score.images} patients, {score.tumours} positive; {said}")


def _words(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
