"""Which question is put to a slice, and what stands where no model answers it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.view import acting, rows
from services.tasks import get_task
from services.tasks.task import Task

_ASKED = "falx_task"


def choose(tasks: Sequence[Task], *, key: str) -> Task:
    """The task that this session asks, with the others to choose from where there are several.

    The choice stays when the person goes to another page and comes back.
    """
    keys = [task.key for task in tasks]
    asked = st.session_state.get(_ASKED)
    first = asked if asked in keys else keys[0]
    if len(keys) == 1:
        return get_task(keys[0])
    chosen = st.pills(
        "Question", keys, default=first, required=True, format_func=lambda key: get_task(key).title, key=f"task_{key}",
        label_visibility="collapsed", wrap=True,
    )  # fmt: skip
    st.session_state[_ASKED] = chosen
    return get_task(str(chosen))


def is_answered(task: Task) -> bool:
    """Whether a model serves the task."""
    return task.key in acting.workbench().engine.repository.live()


def say_unanswered(task: Task) -> None:
    """What stands in the place of an upload where no model serves the task."""
    rows.none_yet(
        "model_training",
        f"No model answers “{task.title}” yet. An administrator registers one with “python -m training register "
        "--live”; until then choose another question.",
    )
