"""What the metrics page draws from: the chosen versions of a task with their figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from pages.view.words import plain
from services.inference.card import Card
from services.inference.figures import Evaluation, Pair, PublishedFigures
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
    pairs: Sequence[Pair]
    published: Sequence[PublishedFigures]


def each(chosen: Chosen, draw: Callable[[Task, Measured], None]) -> None:
    """One model after the other, under its name where there are several."""
    for model in chosen.models:
        if len(chosen.models) > 1:
            st.subheader(plain(model.name), anchor=False)
        draw(chosen.task, model)
