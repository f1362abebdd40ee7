"""The lab book: what every run was told and how far it came, kept in docs/ after the run's own folder is gone."""

from __future__ import annotations

import csv
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from services.settings import ROOT
from training.run import HISTORY, RunError, RunSettings, read_settings

BOOK = ROOT / "docs" / "experiments.json"
# What val was measured by, newest way first: after temperature scaling on restyled copies, the class's loss, the loss.
MEASURES = ("val_calibrated", "val_logits_loss", "val_loss")


class Entry(BaseModel):
    """One run. ``lowest`` is its lowest value of ``measure`` on val, in pass ``best`` (from 1) of ``done``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    task: str
    network: str
    started_from: tuple[str, ...]
    passes: int
    done: int
    draws: int
    rate: float
    mixup: float
    pixels: int
    teachers: tuple[str, ...]
    seed: int
    measure: str
    lowest: float | None
    best: int | None

    @property
    def progress(self) -> str:
        """How many of its passes a run has behind it, in words."""
        if not self.passes:
            return "the last layer alone"
        return f"{self.done} of {self.passes}" if self.done else "mean of weights"


Book = TypeAdapter(tuple[Entry, ...])


def read_book(book: Path = BOOK) -> tuple[Entry, ...]:
    """The entries in the order they were noted; none where there is no book yet."""
    return Book.validate_json(book.read_bytes()) if book.exists() else ()


def note(run: Path, book: Path = BOOK) -> Entry:
    """Write a run's entry, in place of an earlier one of that name. Raises RunError where the folder is no run's."""
    entry = entry_of(run)
    kept = {one.run: one for one in read_book(book)} | {entry.run: entry}
    book.write_bytes(Book.dump_json(tuple(kept.values()), indent=1) + b"\n")
    return entry


def entry_of(run: Path) -> Entry:
    """What ``run``'s settings and history say."""
    settings = read_settings(run)
    measure, values = _measured(run / HISTORY)
    lowest = min(values) if values else None
    return Entry(
        run=run.resolve().name,
        task=settings.task,
        network=settings.network,
        started_from=_names(settings),
        passes=settings.passes,
        done=len(values),
        draws=settings.draws,
        rate=settings.rate,
        mixup=settings.mixup,
        pixels=settings.pixels,
        teachers=tuple(Path(name).name for name in settings.teachers),
        seed=settings.seed,
        measure=measure,
        lowest=None if lowest is None else round(lowest, 4),
        best=None if lowest is None else values.index(lowest) + 1,
    )


def _measured(history: Path) -> tuple[str, list[float]]:
    if not history.exists():
        return "", []
    with history.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for measure in MEASURES:
        if rows and measure in rows[0]:
            return measure, [float(row[measure]) for row in rows]
    raise RunError(f"{history} holds no value of {', '.join(MEASURES)}; train the run again.")


def _names(settings: RunSettings) -> tuple[str, ...]:
    return tuple(Path(name).name for name in settings.averaged or (settings.weights,))
