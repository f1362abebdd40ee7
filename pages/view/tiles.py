"""Numbers that are links."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager

import streamlit as st


def row(tiles: int, key: str = "tiles") -> AbstractContextManager[object]:
    """The row that the tiles of a page stand in; on a phone two stand side by side."""
    return st.grid(tiles, min_column_width=150, gap="small", key=key)


def link(
    label: str, number: int | str, page: str, note: str, query: dict[str, str] | None = None, *, key: str = ""
) -> None:
    """One number; the whole tile leads to ``page``. A label that comes twice on a page needs a ``key`` beside it."""
    name = re.sub(r"[^a-z0-9]+", "_", f"{key} {label}".strip().lower())
    with st.container(key=f"tile_{name}", border=True, gap=None):
        st.metric(label, number)
        st.page_link(page, label=note, query_params=query)
