"""Accounts, for administrators."""

from __future__ import annotations

import streamlit as st

from pages.view import acting, failures
from pages.view.words import moment, plain
from services.errors import FalxError
from services.records.people import create_user, list_users
from services.records.tables import Role, UserCreate


def show() -> None:
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
