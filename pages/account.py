"""Who is signed in here, what keeps others out, and the way out."""

from __future__ import annotations

import streamlit as st

from pages.view import asking, frame
from pages.view.own import data, factor, password, profile, sessions

PARTS = {
    "Profile": profile.show,
    "Password": password.show,
    "Second factor": factor.show,
    "Sessions": sessions.show,
    "My data": data.show,
}


def page() -> None:
    frame.title("Who am I here?")
    part = st.segmented_control("Part", list(PARTS), default="Profile", required=True, label_visibility="collapsed")
    asking.draw()
    PARTS[str(part)]()


frame.run(page)
