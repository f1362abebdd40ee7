"""Who is signed in where, for administrators."""

from __future__ import annotations

import streamlit as st

from pages.view import acting, asking, browsers
from services.records import sessions


def show() -> None:
    asking.draw()
    store, actor = acting.store(), acting.person()
    found = sessions.list_sessions(store, actor)
    if len(found) == sessions.MOST_LISTED:
        st.caption(f"The {len(found)} that were used last.")
    browsers.draw(found, lambda one: sessions.end_session(store, actor, one), whose=True, key="all")
