"""The look that Streamlit's own theme cannot say: spacing, the viewer's black ground, rows and badges.

Colours and sizes come from services/palette.py, as they do for the charts and the report; .streamlit/config.toml holds
the same values for Streamlit's own elements.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from services.palette import DARK, LIGHT, Palette

STYLE = Path(__file__).with_name("style.css")


def is_dark() -> bool:
    """Whether this browser shows the dark theme; dark where it has not said."""
    return st.context.theme.type != "light"


def palette() -> Palette:
    """The colours of the theme that this browser shows."""
    return DARK if is_dark() else LIGHT


@st.cache_data(show_spinner=False, max_entries=2)
def _style(dark: bool) -> str:
    colours = DARK if dark else LIGHT
    tokens = {
        "ground": colours.ground, "surface": colours.surface, "line": colours.line, "text": colours.text,
        "muted": colours.muted, "accent": colours.accent, "on-accent": DARK.ground if dark else LIGHT.surface,
    }  # fmt: skip
    variables = "".join(f"--falx-{name}:{value};" for name, value in tokens.items())
    return f"<style>:root{{{variables}}}{STYLE.read_text(encoding='utf-8')}</style>"


def put_style() -> None:
    """Send the style sheet; call once a run, before anything is drawn."""
    st.html(_style(is_dark()))
