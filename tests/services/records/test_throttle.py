"""Guessing passwords slows down, for the guessed name alone, and is forgotten."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import argon2
import pytest
from sqlmodel import select

from services.errors import SignInRefused
from services.records import passwords, throttle
from services.records.columns import now
from services.records.database import reading, write
from services.records.people import (
    authenticate,
)
from services.records.rights import Origin
from services.records.tables import SignInThrottle

PASSWORD = "a passphrase for tests"


@pytest.fixture
def no_hashing(monkeypatch):
    """Only counts attempts: what is tested here comes before the hash."""

    class Never(argon2.PasswordHasher):
        def verify(self, hash, password):
            raise argon2.exceptions.VerifyMismatchError

    monkeypatch.setattr(passwords, "HASHER", Never())


@pytest.fixture
def later(monkeypatch):
    """The throttle's clock stands still, so that a slow machine changes nothing; a function that moves it."""
    start, ahead = now(), timedelta(0)
    monkeypatch.setattr(throttle, "now", lambda: start + ahead)

    def move(**by):
        nonlocal ahead
        ahead += timedelta(**by)

    return move


@pytest.mark.parametrize("name", ["doctor", "nobody at all"])
def test_guessing_slows_down_and_is_forgotten(store, doctor, no_hashing, later, name):
    def guess():
        with pytest.raises(SignInRefused) as caught:
            authenticate(store, name, "wrong")
        return str(caught.value)

    first = [guess() for _ in range(8)]
    assert set(first) == {"User name or password is wrong. Check both and try again."}
    # Waiting tells nothing, and does not prolong itself.
    assert all("Wait" in guess() for _ in range(20))
    later(seconds=62)
    assert "Wait" not in guess()
    assert "Wait" in guess()
    later(hours=1)
    assert not any("Wait" in guess() for _ in range(7))
    later(days=2)
    guess()
    with reading(store.engine) as session:
        assert [round(row.score) for row in session.exec(select(SignInThrottle)).all()] == [1]


def test_a_throttled_name_holds_back_the_right_password_but_no_other_name(store, actors, later):
    for _ in range(8):
        with pytest.raises(SignInRefused):
            authenticate(store, "doctor", "wrong")
    with pytest.raises(SignInRefused, match="Wait"):
        authenticate(store, "doctor", PASSWORD)
    assert authenticate(store, "colleague", PASSWORD)
    later(minutes=2)
    assert authenticate(store, "doctor", PASSWORD)
    with reading(store.engine) as session:
        assert not session.exec(select(SignInThrottle)).all()


def test_one_address_that_tries_many_names_slows_down_and_no_other_address(store, actors, no_hashing, later):
    def guess(number, address):
        with pytest.raises(SignInRefused) as caught:
            authenticate(store, f"nobody {number}", "wrong", Origin(address))
        return "Wait" in str(caught.value)

    assert not any(guess(number, f"2001:db8::{number}") for number in range(60))
    assert guess(60, "2001:db8::ffff")
    assert not guess(60, "2001:db8:0:1::1")
    assert not guess(61, "192.0.2.1")
    later(minutes=1)
    assert not guess(62, "2001:db8::1")


def test_who_signs_in_takes_back_their_own_attempt_and_nobody_elses(store, actors, later):
    origin = Origin("192.0.2.1")
    for name, password in (("nobody", "wrong"), ("doctor", PASSWORD), ("doctor", PASSWORD)):
        if password == PASSWORD:
            authenticate(store, name, password, origin)
            continue
        with pytest.raises(SignInRefused):
            authenticate(store, name, password, origin)
    with reading(store.engine) as session:
        row = session.get(SignInThrottle, throttle.of_address(origin).key_hash)
    assert round(row.score, 6) == 1


def test_guesses_made_at_once_do_not_slip_through_together(store, actors, no_hashing, later):
    def guess(_):
        try:
            authenticate(store, "doctor", "wrong")
        except SignInRefused as error:
            return "Wait" in str(error)
        raise AssertionError("a wrong password opened")

    with ThreadPoolExecutor(20) as pool:
        waits = list(pool.map(guess, range(20)))
    assert waits.count(False) == 8


def test_failures_that_have_faded_are_swept_away_when_somebody_signs_in(store, actors, later):
    with pytest.raises(SignInRefused):
        authenticate(store, "nobody", "wrong")
    later(days=2)
    authenticate(store, "doctor", PASSWORD)
    with reading(store.engine) as session:
        assert not session.exec(select(SignInThrottle)).all()


def test_two_attempts_at_the_same_moment_count_as_two(store):
    write(store.engine, lambda session: throttle.take_attempt(session, throttle.of_name("doctor")))
    counted, release = threading.Event(), threading.Event()

    def slowly(session):
        throttle.take_attempt(session, throttle.of_name("doctor"))
        session.flush()
        counted.set()
        assert release.wait(60)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(write, store.engine, slowly)
        assert counted.wait(60)
        second = pool.submit(
            write, store.engine, lambda session: throttle.take_attempt(session, throttle.of_name("doctor"))
        )
        with pytest.raises(TimeoutError):
            second.result(1)
        release.set()
        first.result(60)
        second.result(60)
    with reading(store.engine) as session:
        assert session.exec(select(SignInThrottle.score)).one() > 2.5
