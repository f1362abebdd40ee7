"""The tables of docs/experiments.md, from the lab book and from every registered version."""

from __future__ import annotations

from services.inference.figures import Estimate, Evaluation
from services.inference.repository import ModelRepository
from services.settings import ROOT
from tools.aims import BR35H, FLAIR, T1C, aims_table
from tools.figures import filled, table
from training.labbook import Entry, read_book

PAGE = ROOT / "docs" / "experiments.md"
# The heads of the table → the part of the test images whose AUC of tumour against none stands there.
AUCS = {"AUC FLAIR": FLAIR, "AUC T1c": T1C, "AUC Br35H": BR35H}


def page() -> str:
    """docs/experiments.md with its tables written again."""
    text = PAGE.read_text(encoding="utf-8")
    for block, lines in (("runs", _runs()), ("versions", _versions()), ("aims", aims_table())):
        text = filled(text, block, lines)
    return text


def _runs() -> list[str]:
    heads = ("run", "network", "from", "passes", "rate", "mixup", "pixels", "taught by", "lowest on val", "measure")
    return table(heads, [_run(entry) for entry in read_book()])


def _run(entry: Entry) -> tuple[object, ...]:
    lowest = "" if entry.lowest is None else f"{entry.lowest:.3f} in pass {entry.best}"
    return (
        entry.run, entry.network, ", ".join(entry.started_from), entry.progress, f"{entry.rate:g}", f"{entry.mixup:g}",
        entry.pixels or "full", ", ".join(entry.teachers), lowest, entry.measure.removeprefix("val_"),
    )  # fmt: skip


def _versions() -> list[str]:
    repository = ModelRepository(ROOT / "saved_models")
    found = [(ref, repository.evaluation(ref)) for ref in repository.refs()]
    heads = ("version", "val macro-F1", "test macro-F1", "Cheng's slices", *AUCS, "calibration error")
    return table(heads, [(f"{ref.task}/{ref.network}/{ref.version}", *_version(figures)) for ref, figures in found])


def _version(figures: Evaluation) -> tuple[str, ...]:
    cheng = next((part.macro_f1 for part in figures.breakdown if part.name == "source: cheng"), None)
    aucs = {part.name: part.auc for part in figures.presence}
    values = (figures.val.macro_f1, figures.test.macro_f1, cheng, *(aucs.get(name) for name in AUCS.values()))
    return tuple(map(_value, (*values, figures.test.calibration_error)))


def _value(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{estimate.value:.4f}"
