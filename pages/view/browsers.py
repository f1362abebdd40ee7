"""Signed-in browsers as rows, each with a button that ends it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

import streamlit as st

from pages.view import asking
from pages.view.words import DASH, moment, plain
from services.records.sessions import OpenSession

_WIDTHS = (3.4, 2.6, 2.2, 2.2, 1.2)


def draw(sessions: Sequence[OpenSession], end: Callable[[uuid.UUID], None], *, whose: bool, key: str) -> None:
    """A row a session; ``whose`` names its person in front."""
    heads = ("Person and device" if whose else "Device", "Address", "Last used", "Signed in", "")
    with st.container(key=f"rows_{key}", gap=None):
        with st.container(key=f"rowhead_{key}"):
            for column, head in zip(st.columns(_WIDTHS), heads, strict=True):
                column.caption(head)
        for one in sessions:
            with st.container(key=f"row_{key}_{one.public_id.hex}"):
                _row(one, end, f"{plain(one.username)} · " if whose else "", key)


def _row(one: OpenSession, end: Callable[[uuid.UUID], None], person: str, key: str) -> None:
    device, address, used, began, button = st.columns(_WIDTHS, vertical_alignment="center")
    device.markdown(f"{person}{plain(one.device)}" + (" :gray[(this one)]" if one.here else ""))
    address.markdown(plain(one.address) or DASH)
    used.markdown(moment(one.last_seen))
    began.markdown(moment(one.created))
    if not one.here and button.button("End", key=f"end_{key}_{one.public_id.hex}", type="tertiary"):
        asking.try_it(lambda: end(one.public_id), f"The session in {plain(one.device)} has ended.")
