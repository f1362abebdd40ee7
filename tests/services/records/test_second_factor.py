"""Codes that change with time and recovery codes: taken once, slowed down, and sealed."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pyotp
import pytest
from sqlmodel import select

from services.errors import CodeNeeded, InvalidRecord, NotAllowed, SignInRefused
from services.records import second_factor, throttle
from services.records.accounts import deactivate
from services.records.columns import now
from services.records.database import reading
from services.records.own_account import change_password
from services.records.people import actor_for_token, authenticate, create_admin, open_session
from services.records.rights import Action, Pending, require
from services.records.second_factor import complete, factor_state, new_secret, reset_second_factor, turn_off, turn_on
from services.records.tables import RecoveryCode, SecondFactor

PASSWORD = "a passphrase for tests"
START = 1_800_000_000


@pytest.fixture
def clock(monkeypatch):
    """The authenticator's clock stands still; a function that moves it."""
    seconds = START

    def move(by):
        nonlocal seconds
        seconds += by

    monkeypatch.setattr(second_factor, "_clock", lambda: seconds)
    return move


@pytest.fixture
def totp(store, doctor, clock):
    """The doctor's authenticator, set up with a code of the step before."""
    made = pyotp.TOTP(new_secret())
    turn_on(store, doctor, PASSWORD, made.secret, made.at(START - 30))
    return made


def half(store, name="doctor"):
    with pytest.raises(CodeNeeded) as asked:
        authenticate(store, name, PASSWORD)
    return asked.value.half


def refused(store, begun, code):
    with pytest.raises(SignInRefused) as caught:
        complete(store, begun, code)
    return str(caught.value)


def test_the_authenticators_address_is_what_apps_read():
    parsed = pyotp.parse_uri(second_factor.address_of("JBSWY3DPEHPK3PXP" * 2, "dr.zoë"))
    assert (parsed.secret, parsed.name, parsed.issuer, parsed.digits) == ("JBSWY3DPEHPK3PXP" * 2, "dr.zoë", "Falx", 6)


def test_password_and_code_open_and_a_code_opens_once(store, doctor, totp, clock):
    code = totp.at(START)
    assert complete(store, half(store), f" {code[:3]} {code[3:]} ") == doctor
    answers = {refused(store, half(store), again) for again in (code, totp.at(START - 30), "\ud800")}
    clock(30)
    assert complete(store, half(store), totp.at(START + 30)) == doctor
    answers.add(refused(store, half(store), totp.at(START + 90)))
    assert len(answers) == 1


def test_a_code_given_twice_at_once_opens_once(store, doctor, totp):
    begun = half(store)

    def give(_):
        try:
            return complete(store, begun, totp.at(START)) == doctor
        except SignInRefused:
            return False

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(give, range(4))) == 1


def test_recovery_codes_open_once_each_and_only_hashes_are_kept(store, doctor, clock):
    made = pyotp.TOTP(new_secret())
    codes = turn_on(store, doctor, PASSWORD, made.secret, made.at(START))
    assert len(set(codes)) == 10
    typed = codes[0].upper().replace("-", " ").replace("0", "O").replace("1", "l")
    assert complete(store, half(store), typed) == doctor
    refused(store, half(store), codes[0])
    assert factor_state(store, doctor).codes_left == 9
    with reading(store.engine) as session:
        kept = repr([row.model_dump() for t in (SecondFactor, RecoveryCode) for row in session.exec(select(t)).all()])
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)
    assert made.secret not in kept


def test_a_code_that_came_with_nothing_else_right_is_not_used_up(store, doctor, totp, clock, monkeypatch):
    begun = half(store)
    late = dataclasses.replace(begun, began=now() - timedelta(minutes=6))
    assert "too late" in refused(store, late, totp.at(START))
    assert complete(store, begun, totp.at(START)) == doctor


@pytest.mark.parametrize("what", ["closed", "new password"])
def test_what_ends_sessions_ends_half_a_sign_in_too(store, actors, doctor, totp, what):
    begun = half(store)
    if what == "closed":
        deactivate(store, actors["admin"], doctor.public_id)
    else:
        change_password(store, doctor, PASSWORD, "another passphrase")
    refused(store, begun, totp.at(START))


def test_guessing_codes_slows_down_and_is_forgotten(store, doctor, totp, clock, monkeypatch):
    start, ahead = now(), timedelta(0)
    monkeypatch.setattr(throttle, "now", lambda: start + ahead)
    begun = half(store)
    assert not any("too many" in refused(store, begun, "000000") for _ in range(5))
    assert "too many" in refused(store, begun, totp.at(START))
    ahead = timedelta(minutes=3)
    assert complete(store, begun, totp.at(START)) == doctor


def test_another_cookie_key_leaves_the_recovery_codes(store, doctor, clock):
    made = pyotp.TOTP(new_secret())
    codes = turn_on(store, doctor, PASSWORD, made.secret, made.at(START - 30))
    other = dataclasses.replace(store, key=lambda: "quite another key than it was before")
    refused(other, half(other), made.at(START))
    assert complete(other, half(other), codes[3]) == doctor


def test_turning_it_on_and_off_takes_the_password_and_ends_other_sessions(store, doctor, totp):
    here, there = open_session(store, doctor), open_session(store, doctor)
    with pytest.raises(InvalidRecord, match="already"):
        turn_on(store, doctor, PASSWORD, totp.secret, totp.at(START))
    with pytest.raises(SignInRefused, match="password is wrong"):
        turn_off(store, doctor, "wrong", token=here)
    turn_off(store, doctor, PASSWORD, token=here)
    assert actor_for_token(store, here) == doctor
    assert actor_for_token(store, there) is None
    assert authenticate(store, "doctor", PASSWORD) == doctor
    with pytest.raises(InvalidRecord, match="does not fit"):
        turn_on(store, doctor, PASSWORD, totp.secret, "000000")


def test_an_administrator_without_one_can_do_nothing_else_outside_the_demo(store, clock):
    create_admin(store, "chief", "Chief", PASSWORD)
    chief = authenticate(store, "chief", PASSWORD)
    assert chief.pending is Pending.SECOND_FACTOR
    for action in Action:
        if action is not Action.ACCOUNT_OWN:
            with pytest.raises(NotAllowed):
                require(chief, action)
    assert authenticate(dataclasses.replace(store, demo=True), "chief", PASSWORD).pending is None
    token = open_session(store, chief)
    made = pyotp.TOTP(new_secret())
    turn_on(store, chief, PASSWORD, made.secret, made.at(START - 30), token=token)
    assert actor_for_token(store, token).pending is None


def test_an_administrator_resets_a_lost_one(store, actors, doctor, totp):
    token = open_session(store, doctor)
    reset_second_factor(store, actors["admin"], doctor.public_id)
    assert actor_for_token(store, token) is None
    assert authenticate(store, "doctor", PASSWORD) == doctor
    assert factor_state(store, doctor) == second_factor.FactorState(None, 0)
