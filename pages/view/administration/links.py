"""Patients' accounts and their records, for administrators, who see no record."""

from __future__ import annotations

from datetime import date

import streamlit as st

from pages.view import acting, failures
from pages.view.words import plain
from services.errors import FalxError, InvalidRecord
from services.records.linking import link_by_identifier, linked_accounts, unlink_account, waiting_accounts
from services.records.patient_records import Person

_SAID = "admin_links_said"
_EARLIEST = date(1900, 1, 1)


def show() -> None:
    if said := st.session_state.pop(_SAID, ""):
        st.success(said, icon=":material/check:")
    store, actor = acting.store(), acting.person()
    st.header("Accounts that wait for a record", anchor=False)
    waiting = waiting_accounts(store, actor)
    if waiting:
        with st.container(key="column", width=560), st.form("link_account", border=True):
            account = st.selectbox("Account", waiting, format_func=named)
            identifier = st.text_input("Hospital identifier", max_chars=64, autocomplete="off")
            born = st.date_input("Birth date", None, _EARLIEST, format="YYYY-MM-DD")
            asked = st.form_submit_button("Link the account", type="primary", icon=":material/link:")
        st.caption("Take both from the patient's papers: they name the record, which is not shown here.")
        if asked:
            try:
                if not isinstance(born, date):
                    raise InvalidRecord("The birth date is missing: fill it in.")
                link_by_identifier(store, actor, account.public_id, identifier, born)
            except FalxError as error:
                failures.show(error)
            else:
                st.session_state[_SAID] = f"{plain(named(account))} is linked."
                st.rerun()
    else:
        st.caption("No account waits.")
    linked = linked_accounts(store, actor)
    if not linked:
        return
    st.header("Linked accounts", anchor=False)
    with st.container(key="column_linked", width=560), st.form("unlink_account", border=True):
        account = st.selectbox("Linked account", linked, format_func=named)
        if st.form_submit_button("Part it from its record", icon=":material/link_off:"):
            try:
                unlink_account(store, actor, account.public_id)
            except FalxError as error:
                failures.show(error)
            else:
                st.session_state[_SAID] = f"{plain(named(account))} is parted from its record."
                st.rerun()


def named(person: Person) -> str:
    return f"{person.full_name} ({person.username})"
