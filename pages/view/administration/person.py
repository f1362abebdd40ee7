"""One account, for administrators: what it is, and everything that may be done to it."""

from __future__ import annotations

import uuid

import streamlit as st

from pages.view import acting, asking, browsers
from pages.view.words import DASH, moment, plain
from services.errors import NotFound
from services.invitations import Delivery, send_link
from services.records import accounts, second_factor, sessions
from services.records.accounts import Account
from services.records.tables import Profile, Role
from services.settings import get_settings

ADDRESS = "person"
_DELIVERY = "falx_delivery"


def state(account: Account) -> str:
    """In words whether the account can be used, and how it is protected."""
    words = ["closed" if not account.user.active else "invited" if account.invited else "active"]
    words += ["demo"] if account.user.demo else []
    words += ["second factor"] if account.second_factor else []
    words += [f"may see images until {moment(account.user.images_until)}"] if account.user.sees_images else []
    return ", ".join(words)


def deliver(delivery: Delivery) -> None:
    """Keep what became of a link until it has been read."""
    st.session_state[_DELIVERY] = delivery


def delivered() -> None:
    """What became of the last link: mailed, or shown here to be handed over."""
    delivery = st.session_state.get(_DELIVERY)
    if delivery is None:
        return
    with st.container(key="delivery", border=True):
        name = plain(delivery.user.full_name)
        if delivery.mailed_to:
            st.markdown(f":material/outgoing_mail: The link for {name} was mailed to {plain(delivery.mailed_to)}.")
        else:
            if delivery.trouble:
                st.warning(delivery.trouble, icon=":material/warning:")
            st.markdown(
                f":material/link: Hand this link to {name}. It can be used once, within {get_settings().link_hours:g} "
                "hours, and is not shown again."
            )
            st.code(delivery.address, language=None, wrap_lines=True)
        st.button("Done", key="delivery_done", on_click=_read)


def _read() -> None:
    st.session_state.pop(_DELIVERY, None)


def go(public_id: str) -> None:
    """To one account's address, or back to all; a button's callback, because a link to its own page keeps no query."""
    st.query_params.from_dict({ADDRESS: public_id} if public_id else {})


def show(text: str) -> None:
    """The account with this address."""
    st.button("All people", key="people_all", type="tertiary", icon=":material/arrow_back:", on_click=go, args=("",))
    try:
        account = accounts.get_account(acting.store(), acting.person(), uuid.UUID(text))
    except ValueError:
        raise NotFound("There is no such account. Look at the list again.") from None
    user = account.user
    st.header(plain(user.full_name), anchor=False)
    lines = [
        ("User name", plain(user.username)), ("Role", user.role.value), ("State", state(account)),
        ("E-mail address", plain(user.email or "") or DASH), ("Since", moment(user.created)),
        ("Last used", moment(account.last_seen) if account.last_seen else DASH),
    ]  # fmt: skip
    with st.container(key="column", width=560):
        st.table(
            {"Field": [name for name, _ in lines], "Value": [value for _, value in lines]},
            border="horizontal", hide_index=True, hide_header=True, alt="The account.",
        )  # fmt: skip
        if user.demo:
            st.caption("This is one of the demonstration's accounts, which everybody shares: it stays as it is.")
        else:
            _details(account)
            _role(account)
            _ways_in(account)
    if account.open_sessions:
        st.header("Open sessions", anchor=False)
        store, actor = acting.store(), acting.person()
        browsers.draw(
            sessions.list_sessions(store, actor, user.public_id),
            lambda one: sessions.end_session(store, actor, one),
            whose=False,
            key="theirs",
        )


def _details(account: Account) -> None:
    user = account.user
    with st.form("details", border=True):
        full_name = st.text_input("Full name", user.full_name, max_chars=200, autocomplete="off")
        email = st.text_input("E-mail address", user.email or "", max_chars=254, autocomplete="off")
        sent = st.form_submit_button("Save", icon=":material/save:")
    if sent:
        asking.try_it(
            lambda: accounts.change_details(
                acting.store(), acting.person(), user.public_id, Profile(full_name=full_name, email=email)
            ),
            "The account is saved.",
        )


def _role(account: Account) -> None:
    user, name = account.user, plain(account.user.full_name)
    with st.form("role", border=True):
        role = st.selectbox(
            "Role", list(Role), index=list(Role).index(user.role), format_func=lambda r: r.value.capitalize()
        )
        if st.form_submit_button("Change the role", icon=":material/badge:") and role is not user.role:
            asking.pose(
                asking.Question(
                    f"Make this account a {role.value}'s?",
                    f"{name} loses the rights of a {user.role.value}, gets those of a {role.value}, and is signed out "
                    "everywhere at the next click.",
                    "Change the role",
                    lambda: accounts.change_role(acting.store(), acting.person(), user.public_id, role),
                    f"{name} has the role {role.value} now.",
                )
            )
            st.rerun()


def _ways_in(account: Account) -> None:
    with st.container(key="ways", horizontal=True):
        for label, key, icon, question in _questions(account):
            st.button(label, key=key, icon=f":material/{icon}:", on_click=asking.pose, args=(question,))


def _images(account: Account) -> list[tuple[str, str, str, asking.Question]]:
    """Another administrator's right to see images: given for some hours, or ended."""
    user, name, me = account.user, plain(account.user.full_name), acting.person()
    if user.role is not Role.ADMIN or user.public_id == me.public_id:
        return []
    if user.sees_images:
        ended = asking.Question(
            "End the right to see images?", f"{name} finds and opens no study any more, from the next click on.",
            "End it", lambda: accounts.take_images(acting.store(), acting.person(), user.public_id),
            f"{name} sees no images any more.",
        )  # fmt: skip
        return [("End the right to see images", "images_end", "visibility_off", ended)]
    hours = accounts.IMAGES_LAST.total_seconds() / 3600
    given = asking.Question(
        "Let this administrator see images?",
        f"For {hours:g} hours {name} can find, open and download the studies of all patients. This and every look is "
        "noted in the trail.",
        "Give the right", lambda: accounts.give_images(acting.store(), acting.person(), user.public_id),
        f"{name} can see images for {hours:g} hours.",
    )  # fmt: skip
    return [("Let see images", "images_give", "visibility", given)]


def _questions(account: Account) -> list[tuple[str, str, str, asking.Question]]:
    user, name = account.user, plain(account.user.full_name)
    one = user.public_id

    def link() -> None:
        made = send_link(acting.store(), get_settings(), acting.person(), one, acting.app_address())
        deliver(made)

    if not user.active:
        words = f"{name} can sign in again, with the password and the role from before."
        opened = asking.Question(
            "Open this account again?", words, "Open it again",
            lambda: accounts.reactivate(acting.store(), acting.person(), one), f"{name} can sign in again.",
        )  # fmt: skip
        return [("Open again", "reactivate", "lock_open", opened)]
    new_link = asking.Question(
        "Make a one-time link?",
        f"With the link {name} chooses a new password. Earlier links open nothing any more, and {name} is signed out "
        "everywhere at the next click.",
        "Make the link", link, f"The link for {name} is made.",
    )  # fmt: skip
    closed = asking.Question(
        "Deactivate this account?",
        f"{name} is signed out everywhere at the next click and cannot sign in until the account is opened again. "
        "Nothing that belongs to the account is deleted.",
        "Deactivate", lambda: accounts.deactivate(acting.store(), acting.person(), one),
        f"{name} cannot sign in any more.",
    )  # fmt: skip
    out = asking.Question(
        "End all sessions?", f"{name} is signed out everywhere at the next click, and can sign in again.",
        "End them", lambda: sessions.end_sessions(acting.store(), acting.person(), one),
        f"{name} is signed out everywhere.",
    )  # fmt: skip
    without = asking.Question(
        "Reset the second factor?",
        f"{name} is signed out everywhere and signs in with the password alone until a new second factor is set up. "
        f"Be sure that it is {name} who asks.",
        "Reset it", lambda: second_factor.reset_second_factor(acting.store(), acting.person(), one),
        f"{name} has no second factor now.",
    )  # fmt: skip
    offered = _images(account)
    offered += [("New one-time link", "link", "link", new_link)]
    offered += [("End all sessions", "end_all", "logout", out)] if account.open_sessions else []
    offered += [("Reset second factor", "factor", "remove_moderator", without)] if account.second_factor else []
    return [*offered, ("Deactivate", "deactivate", "person_off", closed)]
