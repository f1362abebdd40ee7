"""What the metrics page draws from: the chosen versions of a task with their figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from pages.view.words import DASH, plain
from services.inference.card import Card
from services.inference.figures import Evaluation
from services.inference.findings import Findings, HeatReport, Pair
from services.tasks.task import Task


@dataclass(frozen=True)
class Measured:
    """A version that was chosen, with its figures."""

    card: Card
    figures: Evaluation

    @property
    def name(self) -> str:
        """Network and version."""
        return f"{self.card.network_title}, version {self.card.version}"


@dataclass(frozen=True)
class Chosen:
    """What a view draws from: the task, its chosen versions, and what is known of the task beyond them."""

    task: Task
    models: Sequence[Measured]
    findings: Findings

    @property
    def pairs(self) -> list[Pair]:
        """Comparisons of two of the chosen versions."""
        names = {str(model.card.ref) for model in self.models}
        return [pair for pair in self.findings.pairs if {pair.first, pair.second} <= names]

    @property
    def heat(self) -> list[tuple[Measured, HeatReport]]:
        """The chosen versions whose heat maps were scored."""
        reports = {report.model: report for report in self.findings.heat}
        found = [(model, reports.get(str(model.card.ref))) for model in self.models]
        return [(model, report) for model, report in found if report]


def table(columns: dict[str, list[str]], said: str) -> None:
    """Columns by their heads, without those in which no chosen version has anything; ``said`` describes them."""
    shown = {name: cells for name, cells in columns.items() if any(cell != DASH for cell in cells)}
    st.table(shown, border="horizontal", hide_index=True, alt=said)


def each(chosen: Chosen, draw: Callable[[Task, Measured], None]) -> None:
    """One model after the other, under its name where there are several."""
    for model in chosen.models:
        if len(chosen.models) > 1:
            st.subheader(plain(model.name), anchor=False)
        draw(chosen.task, model)
