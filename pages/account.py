"""Who is signed in here, and the way out."""

from __future__ import annotations

import streamlit as st

from pages.view import acting, frame
from pages.view.signin import ROLE_NOTES
from pages.view.words import plain
from services.settings import get_settings


def page() -> None:
    actor = acting.person()
    frame.title("Who am I here?")
    hours = 24 * get_settings().cookie_days
    lines = [
        ("Name", actor.full_name),
        ("User name", actor.username),
        ("Role", f"{actor.role.value}: {ROLE_NOTES[actor.role.value]}"),
        ("This sign-in", f"ends by itself {hours:g} hours after it began"),
    ]
    with st.container(key="column", width=560):
        st.table(
            {"Field": [name for name, _ in lines], "Value": [plain(value) for _, value in lines]},
            border="horizontal", hide_index=True, hide_header=True, alt="Your account.",
        )  # fmt: skip
        st.caption("Signing out ends this sign-in on the server; a copy of its cookie opens nothing from then on.")
        st.button("Sign out", key="leave", icon=":material/logout:", on_click=frame.ask_to_leave)


frame.run(page)
