"""Choosing another password."""

from __future__ import annotations

import streamlit as st

from pages.view import acting, asking
from pages.view.entrance import AGAIN, NEW, NO_MATCH, PASSWORD_HELP
from services.records import own_account


def show() -> None:
    with st.container(key="column", width=560), st.form("password", border=True, clear_on_submit=True):
        old = st.text_input("Your password now", type="password", max_chars=512, autocomplete="current-password")
        new = st.text_input(NEW, type="password", max_chars=512, autocomplete="new-password", help=PASSWORD_HELP)
        again = st.text_input(AGAIN, type="password", max_chars=512, autocomplete="new-password")
        sent = st.form_submit_button("Change the password", type="primary", icon=":material/key:")
    if sent and new != again:
        st.error(NO_MATCH, icon=":material/error:")
    elif sent:
        asking.try_it(
            lambda: own_account.change_password(acting.store(), acting.person(), old, new, token=acting.token()),
            "Your password is changed. Your other sessions have ended.",
        )
