"""What stands beside name and password at the entrance: a code, a registration, a forgotten password, a link."""

from __future__ import annotations

import streamlit as st

from pages.view import acting
from pages.view.words import plain
from services import mail
from services.errors import RecordsError
from services.invitations import PARAMETER, mail_reset
from services.records import links, people, second_factor
from services.records.passwords import LONGEST, SHORTEST
from services.records.rights import Actor
from services.records.tables import Purpose
from services.settings import get_settings

PASSWORD_HELP = (
    f"{SHORTEST} to {LONGEST} characters of any kind. Four words that do not belong together are easy to remember and "
    "hard to guess."
)
NEW, AGAIN = f"New password, {SHORTEST} to {LONGEST} characters", "The same again"
_DOOR, _HALF, _SAID = "falx_door", "falx_half_sign_in", "falx_said_at_the_door"
NO_MATCH = "The two passwords differ. Type the same one twice."


def said() -> None:
    """What the form before this one ended with."""
    if words := st.session_state.pop(_SAID, ""):
        st.success(words, icon=":material/check:")


def ask_for_code(half: people.HalfSignIn) -> None:
    """Let the next run ask for the code that completes a sign-in."""
    st.session_state[_HALF] = half


def draw() -> tuple[bool, Actor | None]:
    """Draw what was chosen in place of name and password, if anything was; and the person a code has let in."""
    half, door = st.session_state.get(_HALF), st.session_state.get(_DOOR)
    if PARAMETER in st.query_params:
        by_link(st.query_params[PARAMETER])
    elif half is not None:
        return True, by_code(half)
    elif door == "register":
        register()
    elif door == "forgotten":
        forgotten()
    else:
        return False, None
    return True, None


def others() -> None:
    """The ways in for those who have no account or no password."""
    with st.container(key="doors", horizontal=True, horizontal_alignment="center"):
        st.button("Register as a patient", key="door_register", type="tertiary", on_click=_go, args=("register",))
        if mail.can_send(get_settings()):
            st.button("Forgotten password", key="door_forgotten", type="tertiary", on_click=_go, args=("forgotten",))


def by_code(half: people.HalfSignIn) -> Actor | None:
    with st.form("code_form", border=True):
        st.markdown("Your password is right. What does your authenticator show?")
        code = st.text_input(
            "Code, or one of your recovery codes", key="signin_code", max_chars=40, autocomplete="one-time-code"
        )
        sent = st.form_submit_button("Sign in", type="primary", width="stretch")
    _back()
    if not sent:
        return None
    try:
        return second_factor.complete(acting.store(), half, code, acting.origin())
    except RecordsError as error:
        st.error(str(error), icon=":material/error:")
        return None


def register() -> None:
    with st.form("register_form", border=True):
        st.markdown(
            "This makes a patient's account. It waits until your doctor or an administrator links it to your record."
        )
        username = st.text_input("User name", key="register_name", max_chars=64, autocomplete="username")
        full_name = st.text_input("Full name", key="register_full_name", max_chars=200, autocomplete="name")
        email = st.text_input(
            "E-mail address, if you have one", key="register_email", max_chars=254, autocomplete="email"
        )
        password, again = _new_password("register")
        sent = st.form_submit_button("Register", type="primary", width="stretch")
    _back()
    if not sent:
        return
    if password != again:
        st.error(NO_MATCH, icon=":material/error:")
        return
    try:
        made = people.register(acting.store(), username, full_name, email, password, acting.origin())
    except RecordsError as error:
        st.error(str(error), icon=":material/error:")
        return
    _leave(f"Your account is made. Sign in as {plain(made.username)}.")


def forgotten() -> None:
    with st.form("forgotten_form", border=True):
        st.markdown("A link with which to choose a new password is mailed to the address of your account.")
        username = st.text_input("User name", key="forgotten_name", max_chars=64, autocomplete="username")
        sent = st.form_submit_button("Mail me a link", type="primary", width="stretch")
    _back()
    if sent and username.strip():
        mail_reset(acting.store(), get_settings(), username, acting.origin())
        _leave(
            "If this account exists and has an e-mail address, a link is on its way there. If none arrives, ask an "
            "administrator for one."
        )


def by_link(secret: str) -> None:
    try:
        opened = links.open_link(acting.store(), secret)
    except RecordsError as error:
        st.error(str(error), icon=":material/link_off:")
        st.button("To the sign-in page", on_click=_go, args=("",), width="stretch")
        return
    with st.form("link_form", border=True):
        if opened.purpose is Purpose.INVITATION:
            st.markdown(
                f"{plain(opened.full_name)}, you are invited as {opened.role.value}. Your user name is "
                f"**{plain(opened.username)}**. Choose your password."
            )
        else:
            st.markdown(
                f"{plain(opened.full_name)}, choose a new password for **{plain(opened.username)}**. It ends every "
                "session that is open with the old one."
            )
        password, again = _new_password("link")
        sent = st.form_submit_button("Set the password", type="primary", width="stretch")
    if not sent:
        return
    if password != again:
        st.error(NO_MATCH, icon=":material/error:")
        return
    try:
        links.use_link(acting.store(), secret, password, acting.origin())
    except RecordsError as error:
        st.error(str(error), icon=":material/error:")
        return
    _leave(f"Your password is set. Sign in as {plain(opened.username)}.")


def _new_password(key: str) -> tuple[str, str]:
    password = st.text_input(
        NEW, key=f"{key}_password", type="password", max_chars=512, autocomplete="new-password", help=PASSWORD_HELP
    )
    again = st.text_input(AGAIN, key=f"{key}_again", type="password", max_chars=512, autocomplete="new-password")
    return password, again


def _back() -> None:
    st.button("Back to the sign-in", type="tertiary", on_click=_go, args=("",))


def _go(door: str) -> None:
    st.session_state[_DOOR] = door
    st.session_state.pop(_HALF, None)
    st.query_params.pop(PARAMETER, None)


def _leave(words: str) -> None:
    _go("")
    st.session_state[_SAID] = words
    st.rerun()
