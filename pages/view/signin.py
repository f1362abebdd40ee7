"""The sign-in page: streamlit-authenticator's form protocol and signed cookie over people and sessions in the database.

The library keeps users in a dictionary and a user name in its cookie, so that a copied cookie works until it expires.
Two of its parts are replaced, each as small as it goes:

- the model, which checks a name and a password and reads a cookie, asks services.records.people instead; the cookie
  carries, signed by the library, the random token of a session that the database can end;
- the form's two fields have keys, so that the demo's buttons can fill them in, and tell password managers what they are
  (the library's fields can do neither). A password is passed on as typed; the library would cut spaces off it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import streamlit as st
from streamlit_authenticator import Authenticate
from streamlit_authenticator.models import AuthenticationModel

from pages.view import acting, entrance, frame, kept
from services.errors import CodeNeeded, RecordsError
from services.records import people
from services.records.demo import DemoAccount
from services.records.rights import Actor
from services.records.startup import cookie_key
from services.settings import get_settings

COOKIE = "falx_session"
PROMISE = "Falx suggests what a brain MRI slice shows, how sure the model is, and where it looked."
ROLE_NOTES = {
    "doctor": "reads slices, saves studies",
    "researcher": "sees how the models were measured",
    "patient": "sees released results",
    "admin": "makes accounts, watches operations",
}
_NAME, _PASSWORD, _FILLED, _UNSENT = "signin_name", "signin_password", "falx_filled_form", "falx_unsent_cookie"
_KEPT = {"logout", "init"}


class _People(AuthenticationModel):  # type: ignore[misc]
    """The library's model with the database behind it; ``username`` in the session's state holds the token."""

    def login(self, username: str, password: str, *unused: Any, token: Any = None, **options: Any) -> bool | None:
        if username:
            self.enter(people.authenticate(acting.store(), username, password, acting.origin()))
        elif token:
            self._hold(token["username"])
        else:
            return None
        return True

    def enter(self, actor: Actor) -> None:
        self._hold(people.open_session(acting.store(), actor))

    def _hold(self, token: str) -> None:
        st.session_state["username"] = token
        st.session_state["authentication_status"] = True
        st.session_state["logout"] = None

    def logout(self, callback: Any = None) -> None:
        people.close_session(acting.store(), st.session_state["username"], acting.origin())
        _forget()
        st.session_state["logout"] = True


class SignIn(Authenticate):  # type: ignore[misc]
    """One run's view of the sign-in; draws an invisible element, so it is made once a run."""

    def __init__(self) -> None:
        settings = get_settings()
        key = cookie_key(settings)
        with st.container(key="cookie"):
            super().__init__({"usernames": {}}, COOKIE, key, settings.cookie_days)
        self._cookie = self.cookie_controller.cookie_model
        self._model = _People({"usernames": {}}, secret_key=key)
        self.authentication_controller.authentication_model = self._model

    def person(self) -> Actor | None:
        """Who is signed in, asked of the database anew; None where nobody is, or where the session was ended."""
        if not st.session_state.get("authentication_status"):
            cookie = self.cookie_controller.get_cookie()
            if not cookie:
                return None
            self._model.login("", "", token=cookie)
        actor = people.actor_for_token(acting.store(), str(st.session_state["username"]), acting.origin())
        if actor is None:
            _forget()
        elif _UNSENT in st.session_state and not frame.wants_to_leave():
            self._send_cookie()
        return actor

    def login(self, *unused: Any, **options: Any) -> Actor | None:
        """Draw the page; the person once name and password were right."""
        slot = st.empty()
        with slot.container(key="signin", horizontal_alignment="center"):
            _introduction()
            entrance.said()
            elsewhere, actor = entrance.draw()
            inside = self._by_code(actor) if elsewhere else self._by_password()
        if not inside:
            return None
        slot.empty()
        self._cookie.exp_date = self._cookie._set_exp_date()
        st.session_state[_UNSENT] = self._cookie._token_encode()
        return self.person()

    def _by_code(self, actor: Actor | None) -> bool:
        if actor is None:
            return False
        try:
            self._model.enter(actor)
        except RecordsError as error:
            st.error(str(error), icon=":material/error:")
            return False
        return True

    def _by_password(self) -> bool:
        accounts = acting.records()[1]
        if accounts:
            _demo_buttons(accounts)
        # Filled anew, the fields are new ones: a value written into an old field is lost where the cookie's arrival
        # starts the next run before the browser has been told of it.
        presses, account, password = st.session_state.get(_FILLED, (0, "", ""))
        nth = f"_{presses}" if presses else ""
        with st.form("signin_form", border=True):
            name = st.text_input("User name", account, key=_NAME + nth, autocomplete="username")
            password = st.text_input(
                "Password",
                password,
                key=_PASSWORD + nth,
                type="password",
                autocomplete="current-password",
                max_chars=512,
            )
            sent = st.form_submit_button("Sign in", type="primary", width="stretch")
        refusal = st.empty()
        entrance.others()
        _help(bool(accounts))
        if not sent:
            return False
        if not name.strip() or not password:
            refusal.warning("Enter your user name and your password.", icon=":material/info:")
            return False
        try:
            return bool(self._model.login(name, password))
        except CodeNeeded as needed:
            entrance.ask_for_code(needed.half)
            st.rerun()
        except RecordsError as error:
            refusal.error(str(error), icon=":material/error:")
        return False

    def _send_cookie(self) -> None:
        """Draw the element that writes the cookie, at every run until the browser lists it among its cookies."""
        # One of a session that has ended may still be there.
        if (self._cookie.cookie_manager.cookies or {}).get(COOKIE) == st.session_state[_UNSENT]:
            del st.session_state[_UNSENT]
            return
        with st.container(key="cookie_set"):
            self._cookie.cookie_manager.set(
                COOKIE,
                st.session_state[_UNSENT],
                # The component takes a local time without a zone.
                expires_at=datetime.now() + timedelta(days=self._cookie.cookie_expiry_days),  # noqa: DTZ005
                secure=str(st.context.url).startswith("https"),
            )

    def sign_out(self) -> None:
        """End the session in the database and remove the cookie; the next run shows the sign-in page."""
        with st.container(key="cookie_set"):
            self.logout(location="unrendered")


def _forget() -> None:
    """Leave nothing of the person in this browser's session: no name, no upload, no answer, no page's state."""
    kept.forget()
    for key in [key for key in st.session_state if key not in _KEPT]:
        del st.session_state[key]


def _introduction() -> None:
    st.title("Falx", anchor=False)
    st.markdown(PROMISE)


def _demo_buttons(accounts: tuple[DemoAccount, ...]) -> None:
    st.caption("Demonstration: choose a role to fill in the form, then sign in.")
    with st.container(key="roles", horizontal=True):
        for account in accounts:
            st.button(
                account.role.value.capitalize(),
                key=f"role_{account.role.value}",
                on_click=_fill,
                args=(account.username, account.password),
                width="stretch",
            )


def _fill(name: str, password: str) -> None:
    st.session_state[_FILLED] = (st.session_state.get(_FILLED, (0,))[0] + 1, name, password)


def _help(demo: bool) -> None:
    if demo:
        return
    with st.expander("No account yet, or no password"):
        st.markdown(
            "Doctors, researchers and administrators are invited by an administrator with a link, and a link of the "
            "same kind replaces a forgotten password. The first administrator is made on the server with "
            "`python -m services.records create-admin`; no account exists before that."
        )
