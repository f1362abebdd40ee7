"""What Falx keeps of somebody, to take along."""

from __future__ import annotations

import json

import streamlit as st

from pages.view import acting
from services.records.own_account import export_own


def show() -> None:
    store, actor = acting.store(), acting.person()
    st.markdown(
        "One file in JSON with your account, your sessions, your patient record and released results where you have "
        "them, and everything that the trail has noted of you. That you took it is noted there too."
    )
    st.download_button(
        "Download my data",
        lambda: json.dumps(export_own(store, actor), ensure_ascii=False, indent=1).encode(),
        f"falx-{actor.username}.json",
        "application/json",
        key="export",
        type="primary",
        icon=":material/download:",
        on_click="ignore",
    )
