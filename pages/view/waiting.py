"""What stands in place of all pages while an account waits for a second factor or a record, or a link was opened."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.view import acting, frame
from pages.view.own import factor
from pages.view.words import plain
from services.invitations import PARAMETER
from services.records.rights import Actor, Pending


def page_for(actor: Actor) -> tuple[str, Callable[[], None], tuple[str, ...]] | None:
    """The title of the page in place of all others, what draws it, and which others are left; None: nothing waits."""
    if PARAMETER in st.query_params:
        return "Link", link, ()
    if actor.pending is Pending.SECOND_FACTOR or (actor.pending is None and factor.unread_codes()):
        return "Second factor", second_factor, ()
    if actor.pending is Pending.LINK:
        return "Home", record, ("account", "about")
    return None


def link() -> None:
    frame.title("Whose link is this?")
    st.markdown(
        f"You are signed in as {plain(acting.person().username)}. A link that sets a password is opened by its person: "
        "sign out, and the form for it follows."
    )
    st.button("Sign out", key="leave", icon=":material/logout:", on_click=frame.ask_to_leave)


def second_factor() -> None:
    frame.title("What else shows that it is you?", "Administrators sign in with a password and a code.")
    factor.show()


def record() -> None:
    actor = acting.person()
    frame.title("Which of my results can I read?")
    with st.container(key="empty_link", border=True, horizontal_alignment="center"):
        st.markdown(
            ":material/hourglass: Your account waits to be linked to your patient record. Tell your doctor your user "
            f"name, **{plain(actor.username)}**; after that your released results are listed here.",
            text_alignment="center",
        )
