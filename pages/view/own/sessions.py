"""Where somebody is signed in."""

from __future__ import annotations

import streamlit as st

from pages.view import acting, asking, browsers
from services.records import sessions


def show() -> None:
    store, actor = acting.store(), acting.person()
    found = sessions.own_sessions(store, actor, acting.token())
    browsers.draw(found, lambda one: sessions.end_own_session(store, actor, one), whose=False, key="mine")
    question = asking.Question(
        "Sign out everywhere else?",
        "Every other browser in which you are signed in is out at its next click. This one stays.",
        "Sign out everywhere else",
        lambda: sessions.end_own_sessions(acting.store(), acting.person(), acting.token()),
        "You are signed in here only.",
    )
    st.button(
        "Sign out everywhere else",
        key="everywhere",
        icon=":material/logout:",
        on_click=asking.pose,
        args=(question,),
        disabled=len(found) < 2,
    )
