"""Sign-ins that last: tokens that open, and end with their time, their account and the demo."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from sqlmodel import col, select, update

from services.errors import NotAllowed
from services.records.columns import now
from services.records.database import reading, write
from services.records.own_account import change_password
from services.records.people import (
    actor_for_token,
    authenticate,
    close_session,
    open_session,
)
from services.records.tables import Role, SignInSession, User
from tests.services.records.conftest import PASSWORD
from tests.services.records.kept import events


def test_a_session_opens_lasts_and_ends(store, doctor):
    token = open_session(store, doctor)
    other = open_session(store, doctor)
    assert token != other
    assert actor_for_token(store, token) == actor_for_token(store, other) == doctor
    with reading(store.engine) as session:
        rows = session.exec(select(SignInSession)).all()
        assert not any(token in repr(row.model_dump()) for row in rows)
    close_session(store, token)
    close_session(store, token)
    close_session(store, "never given")
    assert actor_for_token(store, token) is None
    assert actor_for_token(store, other) == doctor
    assert [e[2] for e in events(store)] == ["sign-out"]


def test_a_sign_in_with_a_password_that_was_changed_meanwhile_opens_no_session(store, doctor):
    before = authenticate(store, "doctor", PASSWORD)
    change_password(store, doctor, PASSWORD, "another passphrase")
    with pytest.raises(NotAllowed, match="password has changed"):
        open_session(store, before)
    # Nor does an actor that nobody signed in for.
    with pytest.raises(NotAllowed):
        open_session(store, dataclasses.replace(doctor, proof=""))
    after = authenticate(store, "doctor", "another passphrase")
    assert actor_for_token(store, open_session(store, after)) == doctor
    # The one who is signed in carries nothing that the password could be guessed from.
    with reading(store.engine) as session:
        assert session.exec(select(User.password_hash).where(User.id == doctor.user_id)).one() not in repr(vars(after))


@pytest.mark.parametrize("token", ["", "x", "\ud800", "' OR 1=1 --", "x" * 100_000])
def test_an_unknown_token_opens_nothing(store, doctor, token):
    open_session(store, doctor)
    assert actor_for_token(store, token) is None


def test_a_session_ends_with_its_time_its_account_and_the_demo(store, doctor):
    short = dataclasses.replace(store, sign_in_lasts=timedelta(0))
    assert actor_for_token(store, open_session(short, doctor)) is None
    token = open_session(store, doctor)
    this = col(User.id) == doctor.user_id
    for values, open_ in (({"demo": True}, False), ({"demo": False}, True), ({"active": False}, False)):
        write(store.engine, lambda s, v=values: s.exec(update(User).where(this).values(**v)))
        assert (actor_for_token(store, token) is not None) is open_


def test_a_session_that_nobody_uses_ends_and_one_in_use_does_not(store, doctor):
    left, used = open_session(store, doctor), open_session(store, doctor)

    def last_used(minutes):
        past = now() - timedelta(minutes=minutes)
        write(store.engine, lambda s: s.exec(update(SignInSession).values(last_seen=past)))

    last_used(59)
    assert actor_for_token(store, used) == doctor
    with reading(store.engine) as session:
        seen = {row.token_hash: row.last_seen for row in session.exec(select(SignInSession)).all()}
    assert max(seen.values()) - min(seen.values()) > timedelta(minutes=58)
    last_used(61)
    assert actor_for_token(store, left) is None
    assert actor_for_token(store, used) is None


def test_the_role_is_read_anew_each_time(store, doctor):
    token = open_session(store, doctor)
    this = col(User.id) == doctor.user_id
    write(store.engine, lambda s: s.exec(update(User).where(this).values(role=Role.RESEARCHER)))
    assert actor_for_token(store, token).role is Role.RESEARCHER


def test_last_use_is_noted_once_a_minute(store, doctor):
    token = open_session(store, doctor)

    def last_seen():
        with reading(store.engine) as session:
            return session.exec(select(SignInSession.last_seen)).one()

    first = last_seen()
    actor_for_token(store, token)
    assert last_seen() == first
    past = first - timedelta(minutes=2)
    write(store.engine, lambda s: s.exec(update(SignInSession).values(last_seen=past)))
    actor_for_token(store, token)
    assert last_seen() >= first


def test_sessions_long_over_are_forgotten(store, doctor):
    open_session(store, doctor)
    long_ago = now() - timedelta(days=31)
    write(store.engine, lambda s: s.exec(update(SignInSession).values(expires=long_ago)))
    open_session(store, doctor)
    with reading(store.engine) as session:
        assert len(session.exec(select(SignInSession)).all()) == 1
