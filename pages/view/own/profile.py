"""Who somebody is here, and what of it they may change."""

from __future__ import annotations

import streamlit as st

from pages.view import acting, asking, frame
from pages.view.signin import ROLE_NOTES
from pages.view.words import plain
from services.records import own_account
from services.records.tables import Profile
from services.settings import get_settings


def show() -> None:
    actor = acting.person()
    mine = own_account.own_account(acting.store(), actor)
    settings = get_settings()
    hours = 24 * settings.cookie_days
    lines = [
        ("User name", mine.username),
        ("Role", f"{mine.role.value}: {ROLE_NOTES[mine.role.value]}"),
        ("This sign-in", f"ends after {settings.idle_minutes:g} minutes without a click, or {hours:g} hours in all"),
    ]
    with st.container(key="column", width=560):
        st.table(
            {"Field": [name for name, _ in lines], "Value": [plain(value) for _, value in lines]},
            border="horizontal", hide_index=True, hide_header=True, alt="Your account.",
        )  # fmt: skip
        if mine.demo:
            st.caption("This is one of the demonstration's accounts, which everybody shares: it stays as it is.")
        else:
            _form(mine.full_name, mine.email or "")
        st.caption("Signing out ends this sign-in on the server; a copy of its cookie opens nothing from then on.")
        st.button("Sign out", key="leave", icon=":material/logout:", on_click=frame.ask_to_leave)


def _form(full_name: str, email: str) -> None:
    with st.form("profile", border=True):
        new_name = st.text_input("Full name", full_name, max_chars=200, autocomplete="name")
        new_email = st.text_input("E-mail address", email, max_chars=254, autocomplete="email")
        password = st.text_input(
            "Your password, only for another e-mail address",
            type="password",
            max_chars=512,
            autocomplete="current-password",
        )
        sent = st.form_submit_button("Save", type="primary", icon=":material/save:")
    if sent:
        asking.try_it(
            lambda: own_account.change_profile(
                acting.store(), acting.person(), Profile(full_name=new_name, email=new_email), password
            ),
            "Your profile is saved.",
        )
