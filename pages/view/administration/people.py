"""Accounts, for administrators: all of them, a new one, and one by its address."""

from __future__ import annotations

import streamlit as st

from pages.view import acting, asking, failures, rows
from pages.view.administration import person
from pages.view.entrance import PASSWORD_HELP
from pages.view.words import DASH, moment, plain
from services.errors import FalxError
from services.invitations import Delivery, invite
from services.records.accounts import Account, find_accounts
from services.records.people import create_user
from services.records.tables import Role, UserCreate
from services.settings import get_settings

A_PAGE = 50
_WIDTHS = (4, 2, 3, 2.4)
_SHOWN = "falx_people_shown"


def show() -> None:
    asking.draw()
    person.delivered()
    if person.ADDRESS in st.query_params:
        person.show(st.query_params[person.ADDRESS])
        return
    everybody()
    st.header("New account", anchor=False)
    new_account()


def everybody() -> None:
    text = st.text_input(
        "Search by name", key="people_search", max_chars=100, type="search", autocomplete="off", width=360
    )
    limit = A_PAGE * int(st.session_state.get(_SHOWN, 1))
    found = find_accounts(acting.store(), acting.person(), text, limit=limit + 1)
    if not found:
        rows.none_yet("person_search", "No account has a name like this.")
        return
    with st.container(key="rows_people", gap=None):
        with st.container(key="rowhead_people"):
            for column, head in zip(st.columns(_WIDTHS), ("Name", "Role", "State", "Last used"), strict=True):
                column.caption(head)
        for account in found[:limit]:
            with st.container(key=f"row_people_{account.user.public_id.hex}"):
                _row(account)
    if len(found) > limit:
        st.button("Show more", key="people_more", on_click=_more)


def _row(account: Account) -> None:
    name, role, state, used = st.columns(_WIDTHS, vertical_alignment="center")
    user = account.user
    name.button(
        plain(f"{user.full_name} · {user.username}"), key=f"person_{user.public_id.hex}", type="tertiary",
        on_click=person.go, args=(str(user.public_id),),
    )  # fmt: skip
    role.markdown(user.role.value)
    state.markdown(person.state(account))
    used.markdown(moment(account.last_seen) if account.last_seen else DASH)


def _more() -> None:
    st.session_state[_SHOWN] = int(st.session_state.get(_SHOWN, 1)) + 1


def new_account() -> None:
    with st.container(key="column", width=560), st.form("new_account", border=True):
        username = st.text_input("User name", max_chars=64, autocomplete="off")
        full_name = st.text_input("Full name", max_chars=200, autocomplete="off")
        role = st.selectbox(
            "Role", list(Role), index=list(Role).index(Role.DOCTOR), format_func=lambda r: r.value.capitalize()
        )
        email = st.text_input("E-mail address, if there is one", max_chars=254, autocomplete="off")
        password = st.text_input(
            "First password; empty for a one-time link",
            type="password",
            max_chars=512,
            autocomplete="new-password",
            help=PASSWORD_HELP,
        )
        if st.form_submit_button("Make the account", type="primary", icon=":material/person_add:"):
            try:
                new = UserCreate(username=username, full_name=full_name, role=role, email=email)
                sent = _make(new, password)
            except FalxError as error:
                failures.show(error)
                return
            if sent is not None:
                person.deliver(sent)
                st.rerun()
            st.success(f"{plain(new.full_name)} can sign in as {plain(new.username)}.", icon=":material/check:")


def _make(new: UserCreate, password: str) -> Delivery | None:
    if password:
        create_user(acting.store(), acting.person(), new, password)
        return None
    return invite(acting.store(), get_settings(), acting.person(), new, acting.app_address())
