"""Setting up, keeping and giving up the second factor."""

from __future__ import annotations

import io

import streamlit as st

from pages.view import acting, asking, failures
from pages.view.words import moment
from services.errors import FalxError
from services.records import second_factor

_SECRET, _CODES = "falx_new_factor", "falx_recovery_codes"


def unread_codes() -> bool:
    """Whether recovery codes were made and not yet put away."""
    return _CODES in st.session_state


def show() -> None:
    """The second factor as it stands, or the way to one."""
    with st.container(key="column", width=560):
        if unread_codes():
            _recovery_codes(st.session_state[_CODES])
            return
        state = second_factor.factor_state(acting.store(), acting.person())
        if state.since is None:
            _set_up()
            return
        st.markdown(
            f":material/verified_user: On since {moment(state.since)}. Each sign-in asks for a code of your "
            f"authenticator. {state.codes_left} recovery codes are left."
        )
        with st.form("factor_off", border=True):
            password = st.text_input("Your password", type="password", max_chars=512, autocomplete="current-password")
            sent = st.form_submit_button("Turn it off", icon=":material/remove_moderator:")
        st.caption("To change authenticators or get new recovery codes, turn it off and set it up again.")
    if sent:
        asking.try_it(
            lambda: second_factor.turn_off(acting.store(), acting.person(), password, token=acting.token()),
            "The second factor is off. Your other sessions have ended.",
        )


def _set_up() -> None:
    actor = acting.person()
    secret = st.session_state.setdefault(_SECRET, second_factor.new_secret())
    st.markdown(
        "Scan this with an authenticator app on your phone, then enter the code that it shows. From then on a stolen "
        "password alone opens nothing."
    )
    st.image(
        _qr_code(second_factor.address_of(secret, actor.username)),
        width=220,
        alt="QR code for the authenticator. Its secret is written below.",
    )
    st.caption("Without a camera, enter this secret in the app:")
    st.code(" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)), language=None, wrap_lines=True)
    with st.form("factor_on", border=True):
        code = st.text_input("Code", key="factor_code", max_chars=10, autocomplete="one-time-code")
        password = st.text_input(
            "Your password", key="factor_password", type="password", max_chars=512, autocomplete="current-password"
        )
        sent = st.form_submit_button("Turn it on", type="primary", icon=":material/verified_user:")
    if not sent:
        return
    try:
        codes = second_factor.turn_on(acting.store(), actor, password, secret, code, token=acting.token())
    except FalxError as error:
        failures.show(error)
        return
    st.session_state[_CODES] = codes
    del st.session_state[_SECRET]
    st.rerun()


def _recovery_codes(codes: tuple[str, ...]) -> None:
    st.success("The second factor is on. Your other sessions have ended.", icon=":material/check:")
    st.markdown(
        "Keep these recovery codes apart from your phone. Each signs you in once when the authenticator is lost; they "
        "are shown this once."
    )
    st.code("\n".join(codes), language=None)
    st.button("I have kept them", key="codes_kept", type="primary", on_click=_put_away)


def _put_away() -> None:
    st.session_state.pop(_CODES, None)


def _qr_code(address: str) -> bytes:
    import segno

    picture = io.BytesIO()
    segno.make(address, error="m").save(picture, kind="png", scale=6, border=4)
    return picture.getvalue()
