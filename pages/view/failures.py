"""What a person sees when something goes wrong: one sentence, what to do, and never a trace."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from services.errors import FalxError, NotAllowed, NotFound, Unavailable

log = logging.getLogger(__name__)
_ICONS = {NotFound: ":material/search_off:", NotAllowed: ":material/lock:", Unavailable: ":material/cloud_off:"}


def show(error: FalxError) -> None:
    """Draw an error that was raised on purpose; its text is its sentence."""
    icon = next((icon for kind, icon in _ICONS.items() if isinstance(error, kind)), ":material/error:")
    st.error(str(error), icon=icon)


@contextmanager
def told() -> Iterator[None]:
    """Draw whatever the block raises. Streamlit's own signals to stop or run again are no exceptions and pass."""
    try:
        yield
    except FalxError as error:
        show(error)
    except Exception:
        reference = secrets.token_hex(4)
        log.exception("unexpected error %s", reference)
        st.error(
            "Something went wrong that should not have. Try again; if it happens again, give an administrator the "
            f"reference {reference}.",
            icon=":material/report:",
        )
