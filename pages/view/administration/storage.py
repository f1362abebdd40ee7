"""How database and files stand, and whether they are whole, for administrators."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from pages.view import acting
from pages.view.words import DASH, moment, plain, size
from services.records.columns import now
from services.records.upkeep import check, storage

OLD_BACKUP = timedelta(days=7)


def state() -> None:
    """What is stored, how much of it, and what an administrator should do about it."""
    found = storage(acting.store(), acting.person())
    if found.revision != found.newest:
        st.error(
            f"The database stands at revision {found.revision or 'none'}, not {found.newest}. Run “python -m "
            "services.records migrate”.",
            icon=":material/error:",
        )
    if found.backed_up is None or now() - found.backed_up > OLD_BACKUP:
        st.warning(
            "There is no backup of the last seven days. Run “python -m services.records backup FOLDER”, and keep the "
            "folder on another machine.",
            icon=":material/warning:",
        )
    facts = {
        "Database": plain(found.database),
        "Revision": plain(found.revision or "none"),
        "Size of the database": size(found.database_bytes),
        "Files": f"{found.files:,}",
        "Size of the files": size(found.file_bytes),
        "File store": plain(found.vault),
        "Free space": DASH if found.free_bytes is None else size(found.free_bytes),
        "Encryption of files": f"on, key {found.key}" if found.key else "off",
        "Last backup": moment(found.backed_up) if found.backed_up else "none",
    }
    st.table(
        {"What": list(facts), "State": list(facts.values())},
        border="horizontal", hide_index=True, alt="State of database and file store.",
    )  # fmt: skip


def show() -> None:
    state()
    st.header("Is every file what its row says?", anchor=False)
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
