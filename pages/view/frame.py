"""What surrounds every page: its name in the browser, the demo banner, who is signed in, and the footer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.view import kept, theme
from pages.view.words import plain
from services.records.rights import Actor
from services.settings import ROOT, VERSION, Settings

LOGO = Path(__file__).with_name("logo.svg")
DISCLAIMER = "Decision support for research and demonstration. Not a medical device."
DEMO = "Demonstration: accounts and samples are invented. Upload nothing that shows a real patient."
_SIGN_OUT, _ROUTED = "falx_sign_out", "falx_routed"


@lru_cache(maxsize=2)
def _logo(text: str, accent: str) -> str:
    return LOGO.read_text(encoding="utf-8").replace("#TEXT", text).replace("#ACCENT", accent)


def open_window() -> None:
    """Name, icon, width and style; the first thing of every run."""
    st.set_page_config(
        page_title="Falx",
        page_icon=str(ROOT / "static" / "icon.svg"),
        layout="wide",
        menu_items={"About": f"**Falx {VERSION}**\n\n{DISCLAIMER}"},
    )
    theme.put_style()
    st.logo(_logo(theme.palette().text, theme.palette().accent), size="large")


def open_page(settings: Settings, actor: Actor | None) -> None:
    """The line above every page: the demo banner, and who is signed in."""
    # The run that signs somebody in draws the line twice, and a key may stand once.
    with st.container(key="bar_in" if actor else "bar_out", horizontal=True, vertical_alignment="center"):
        if settings.demo:
            st.markdown(f":material/science: {DEMO}", width="content")
        if actor is not None:
            with st.container(horizontal=True, vertical_alignment="center", width="content"):
                st.markdown(f"{plain(actor.full_name)} · {actor.role.value}")
                st.button("Sign out", key="sign_out", type="tertiary", icon=":material/logout:", on_click=ask_to_leave)


def wants_to_leave() -> bool:
    """Whether the person has just clicked on sign out."""
    return bool(st.session_state.get(_SIGN_OUT))


@contextmanager
def routed() -> Iterator[None]:
    """Held by the router while it runs a page."""
    st.session_state[_ROUTED] = True
    try:
        yield
    finally:
        st.session_state.pop(_ROUTED, None)


def run(page: Callable[[], None]) -> None:
    """Draw a page on behalf of the router; the last line of every page.

    Until something in this process has called st.navigation, Streamlit runs the files of pages/ by themselves, past
    app.py, for example for a tab that was open while the server started again. Then the router is sent for instead.
    """
    if not st.session_state.get(_ROUTED):
        here = st.Page(page, title="Falx", url_path=Path(page.__code__.co_filename).stem)
        st.navigation([st.Page(_nothing, title="Falx", default=True), here], position="hidden")
        st.rerun()
    kept.begin()
    page()


def _nothing() -> None:
    pass


def ask_to_leave() -> None:
    """What every sign-out button does; app.py acts on it before the next page is drawn."""
    st.session_state[_SIGN_OUT] = True


def close_page() -> None:
    """The line below every page."""
    with st.container(key="footer", horizontal=True):
        st.caption(f"Falx {VERSION} · {DISCLAIMER}")


def title(question: str, note: str = "") -> DeltaGenerator:
    """The page's first line: the one question that it answers. Returns its row, to which a page may add."""
    row = st.container(key="title", horizontal=True, vertical_alignment="center")
    with row, st.container(key="question", gap=None, width="content"):
        st.title(question, anchor=False)
        if note:
            st.markdown(note)
    return row
