"""People, models, the trail and storage, for administrators."""

from __future__ import annotations

import streamlit as st

from pages.view import frame
from pages.view.administration import links, models, people, sessions, storage, trail

PARTS = {
    "People": people.show, "Patients' accounts": links.show, "Sessions": sessions.show, "Models": models.show,
    "Trail": trail.show, "Storage": storage.show,
}  # fmt: skip


def page() -> None:
    frame.title("Who is here, what answers, and is all of it whole?")
    part = st.segmented_control("Part", list(PARTS), default="People", required=True, label_visibility="collapsed")
    PARTS[str(part)]()


frame.run(page)
