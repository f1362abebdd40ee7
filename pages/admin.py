"""People, models and storage, for administrators."""

from __future__ import annotations

import streamlit as st

from pages.view import acting, failures, frame
from pages.view.words import moment, plain
from services.errors import FalxError
from services.records.people import create_user, list_users
from services.records.tables import Role, UserCreate
from services.records.upkeep import check


def people() -> None:
    found = list_users(acting.store(), acting.person())
    st.table(
        {
            "User name": [plain(user.username) for user in found],
            "Name": [plain(user.full_name) for user in found],
            "Role": [user.role.value for user in found],
            "State": [("active" if user.active else "closed") + (", demo" if user.demo else "") for user in found],
            "Since": [moment(user.created) for user in found],
        },
        border="horizontal", hide_index=True, alt="All accounts.",
    )  # fmt: skip
    st.header("New account", anchor=False)
    with st.container(key="column", width=560), st.form("new_account", border=True):
        username = st.text_input("User name", max_chars=64, autocomplete="off")
        full_name = st.text_input("Full name", max_chars=200, autocomplete="off")
        role = st.selectbox(
            "Role", list(Role), index=list(Role).index(Role.DOCTOR), format_func=lambda r: r.value.capitalize()
        )
        password = st.text_input(
            "First password, 12 to 128 characters", type="password", max_chars=128, autocomplete="new-password"
        )
        if st.form_submit_button("Make the account", type="primary", icon=":material/person_add:"):
            try:
                new = UserCreate(username=username, full_name=full_name, role=role)
                made = create_user(acting.store(), acting.person(), new, password)
            except FalxError as error:
                failures.show(error)
            else:
                st.success(f"{plain(made.full_name)} can sign in as {plain(made.username)}.", icon=":material/check:")


def models() -> None:
    repository = acting.workbench().engine.repository
    live = repository.live()
    refs = repository.refs()
    if not refs:
        st.info("No model is registered. Make one with “python -m training register”.")
        return
    state = []
    for ref in refs:
        serving = live.get(ref.task)
        serves = serving is not None and serving.versions.get(ref.network) == ref.version
        state.append(
            "answers" if serves and serving and serving.default == ref.network else "serves" if serves else "kept"
        )
    cards = [repository.card(ref) for ref in refs]
    st.table(
        {
            "Task": [ref.task for ref in refs],
            "Network": [card.network_title for card in cards],
            "Version": [ref.version for ref in refs],
            "Registered": [moment(card.registered) for card in cards],
            "Test macro-F1": [f"{100 * card.test.macro_f1.value:.1f}%" for card in cards],
            "State": state,
        },
        border="horizontal", hide_index=True, alt="All registered models.",
    )  # fmt: skip
    st.caption("“Answers” is the version that pages use; “serves” can be chosen beside it; “kept” is neither.")


def storage() -> None:
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


def page() -> None:
    frame.title("Who is here, what answers, and is all of it whole?")
    parts = {"People": people, "Models": models, "Storage": storage}
    part = st.segmented_control("Part", list(parts), default="People", required=True, label_visibility="collapsed")
    parts[str(part)]()


frame.run(page)
