"""Are database and files whole, for administrators."""

from __future__ import annotations

import streamlit as st

from pages.view import acting
from pages.view.words import plain
from services.records.upkeep import check


def show() -> None:
    st.markdown("Every stored file is read and compared with its row, and every row with its file. Nothing is changed.")
    if not st.button("Check database and files", type="primary", icon=":material/health_and_safety:"):
        return
    with st.spinner("Comparing every file with its row", show_time=True):
        health = check(acting.store(), acting.person())
    if health.whole:
        st.success(
            f"All is well: revision {health.revision}, {health.files} files, each where its row says.",
            icon=":material/check:",
        )
        return
    if health.revision != health.newest:
        st.error(
            f"The database stands at revision {health.revision or 'none'}, not {health.newest}. Run the migration."
        )
    for what, reason in health.unreadable:
        st.error(f"{plain(what)}: {plain(reason)}")
    if health.orphans:
        st.warning(f"{len(health.orphans)} files without a row. “python -m services.records sweep” deletes them.")
