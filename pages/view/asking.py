"""Questions before what cannot be taken back, and what was said after it was done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from pages.view import acting, failures
from services.errors import FalxError

_QUESTION, _SAID = "falx_question", "falx_said"


@dataclass(frozen=True)
class Question:
    """What will happen, in words; the button that lets it happen, what does it, and what is said then."""

    title: str
    words: str
    button: str
    act: Callable[[], object]
    then: str


def pose(question: Question) -> None:
    """Ask it in the next run; a button's callback."""
    st.session_state[_QUESTION] = question


def draw() -> None:
    """What was said last, and the open question; the first thing on a page that asks."""
    if said := st.session_state.pop(_SAID, ""):
        st.success(said, icon=":material/check:")
    question = st.session_state.get(_QUESTION)
    if question is not None:
        st.dialog(question.title, on_dismiss=_drop)(_ask)(question)


def try_it(act: Callable[[], object], then: str) -> None:
    """Do it and start the page anew with the words ``then``; a refusal is drawn instead."""
    try:
        act()
    except FalxError as error:
        failures.show(error)
        return
    _drop()
    st.session_state[_SAID] = then
    st.rerun()


def _ask(question: Question) -> None:
    acting.check()
    st.markdown(question.words)
    with st.container(horizontal=True):
        agreed = st.button(question.button, key="question_yes", type="primary")
        if st.button("Leave it as it is", key="question_no"):
            _drop()
            st.rerun()
    if agreed:
        try_it(question.act, question.then)


def _drop() -> None:
    st.session_state.pop(_QUESTION, None)
