"""Sign-in with right and wrong passwords, new accounts, and demo accounts in the demo only."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import argon2
import pytest
from sqlmodel import col, select, update

from services.errors import InvalidRecord, SettingsError, SignInRefused
from services.records import passwords
from services.records.database import reading, write
from services.records.demo import DEMO_ACCOUNTS, close_demo_accounts, ensure_demo_accounts
from services.records.passwords import hash_password
from services.records.people import (
    actor_for_token,
    authenticate,
    create_admin,
    create_user,
    list_users,
    open_session,
)
from services.records.tables import AuditEvent, SignInThrottle, User, UserCreate
from tests.services.records.kept import events

PASSWORD = "a passphrase for tests"


@pytest.fixture
def hashing(monkeypatch):
    """What the real hasher was asked to verify, in order."""
    calls = []

    class Listening(argon2.PasswordHasher):
        def verify(self, hash, password):
            calls.append((hash, password))
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "HASHER", Listening())
    return calls


def close(store, actor):
    write(store.engine, lambda s: s.exec(update(User).where(col(User.id) == actor.user_id).values(active=False)))


@pytest.mark.parametrize("name", ["doctor", "DOCTOR", " Doctor "])
def test_the_right_password_opens(store, doctor, name):
    assert authenticate(store, name, PASSWORD) == doctor
    assert events(store) == [(True, "doctor", "sign-in", f"account {doctor.public_id}", "done")]


@pytest.mark.parametrize("wrong", ["", PASSWORD + " ", PASSWORD.upper(), "x" * 100_000, "\ud800", "a\x00b"])
def test_a_wrong_password_does_not(store, doctor, wrong):
    with pytest.raises(SignInRefused, match="User name or password is wrong"):
        authenticate(store, "doctor", wrong)
    assert events(store) == [(False, "", "sign-in", f"account {doctor.public_id}", "refused")]


def test_unknown_wrong_and_closed_get_the_same_answer_after_the_same_work(store, actors, hashing):
    close(store, actors["colleague"])
    demo = col(User.username) == "researcher"
    write(store.engine, lambda s: s.exec(update(User).where(demo).values(demo=True)))
    answers, costs = set(), set()
    tries = [("doctor", "wrong"), ("nobody", PASSWORD), ("colleague", PASSWORD), ("researcher", PASSWORD)]
    tries += [("doctor", "x" * 200), ("\ud800", PASSWORD), ("x" * 500, PASSWORD), ("", "")]
    for name, password in tries:
        before = len(hashing)
        with pytest.raises(SignInRefused) as caught:
            authenticate(store, name, password)
        assert len(hashing) == before + 1, f"one verification for {name!r}"
        answers.add(str(caught.value))
        costs.add(repr(argon2.extract_parameters(hashing[-1][0])))
    assert len(answers) == len(costs) == 1
    assert authenticate(store, "doctor", PASSWORD)
    assert len([e for e in events(store) if e[-1] == "refused"]) == len(tries)


def test_the_typed_name_of_an_unknown_user_is_not_kept(store, actors):
    with pytest.raises(SignInRefused):
        authenticate(store, "my secret passphrase", "")
    with reading(store.engine) as session:
        kept = [repr(row) for table in (AuditEvent, SignInThrottle) for row in session.exec(select(table)).all()]
    assert len(kept) == 2
    assert not any("secret" in row for row in kept)


def test_a_password_typed_in_another_unicode_form_is_the_same(store, actors):
    create_user(store, actors["admin"], UserCreate(username="zoe", full_name="Zoë", role="doctor"), "Zoë hat ein Å gut")
    assert authenticate(store, "zoe", "Zoe\u0308 hat ein A\u030a gut")


def test_a_hash_made_at_lower_cost_is_renewed_at_sign_in(store, actors):
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    this = col(User.username) == "doctor"
    write(store.engine, lambda s: s.exec(update(User).where(this).values(password_hash=cheap)))
    for _ in range(2):
        assert authenticate(store, "doctor", PASSWORD)
    with reading(store.engine) as session:
        stored = session.exec(select(User).where(this)).one().password_hash
    assert stored != cheap
    assert argon2.extract_parameters(stored).memory_cost == passwords.HASHER.memory_cost
    assert PASSWORD not in stored
    assert stored.startswith("$argon2id$")


def test_an_account_closed_while_its_password_is_checked_stays_out(store, actors, monkeypatch):
    real = passwords.HASHER

    class Slow(argon2.PasswordHasher):
        def verify(self, hash, password):
            close(store, actors["doctor"])
            return real.verify(hash, password)

    monkeypatch.setattr(passwords, "HASHER", Slow())
    with pytest.raises(SignInRefused):
        authenticate(store, "doctor", PASSWORD)


@pytest.mark.parametrize(
    "password", ["", "eleven char", "x" * 129, "\ud800" * 12, *(account.password for account in DEMO_ACCOUNTS)]
)
def test_bad_passwords_are_refused_for_new_accounts(store, actors, password):
    with pytest.raises(InvalidRecord, match="choose another"):
        create_user(store, actors["admin"], UserCreate(username="new", full_name="New", role="doctor"), password)
    with pytest.raises(InvalidRecord, match="choose another"):
        create_admin(store, "new", "New", password)
    assert len(list_users(store, actors["admin"])) == len(actors)


@pytest.mark.parametrize(
    "password",
    ["passwordpassword", "123456789012", "Password123!", "letmeinletmein", "iloveyou1234", "PASSWORD1234",
     "𝔓assword!2025", "aaaaaaaaaaaa", "abcabcabcabc", "987654321098", "zyxwvutsrqpon", "qwertyuiopas", "Mnbvcxzlkjhg!",
     "1qaz2wsx3edc", "Trustno1____", "somebody1234", "Sunshine 2025!", "!!!!!!!!!!!!"],
)  # fmt: skip
def test_what_guessers_try_first_is_refused(password):
    with pytest.raises(InvalidRecord, match="first that anybody would try"):
        hash_password(password, username="somebody")


@pytest.mark.parametrize(
    "password", ["twelve chars", "𝔗𝔴𝔢𝔩𝔳𝔢 𝔠𝔥𝔞𝔯𝔰", "".join(chr(0x4E00 + n) for n in range(128)), "846201937465",
                 "abc846201937", "correct horse battery staple 1234", "a passphrase, a passphrase"]
)  # fmt: skip
def test_any_characters_from_12_to_128_do(store, actors, password):
    made = create_user(store, actors["admin"], UserCreate(username="Neu", full_name="New", role="doctor"), password)
    assert made.username == "neu"
    assert authenticate(store, "NEU", password).public_id == made.public_id


def test_a_name_in_use_is_a_sentence(store, actors):
    with pytest.raises(InvalidRecord, match="“doctor” already"):
        create_admin(store, "DOCTOR", "Other", PASSWORD)


@pytest.mark.parametrize("fields", [{"username": "a"}, {"username": "a b"}, {"username": "x" * 65}, {"full_name": ""},
                                    {"role": "owner"}])  # fmt: skip
def test_a_bad_account_is_a_sentence(fields):
    with pytest.raises(InvalidRecord, match=r"\.$"):
        UserCreate(**{"username": "new", "full_name": "New", "role": "doctor"} | fields)


def test_demo_accounts_come_with_the_demo_and_go_with_it(store):
    with pytest.raises(SettingsError, match="DEMO=1"):
        ensure_demo_accounts(store)
    demo = dataclasses.replace(store, demo=True)
    assert ensure_demo_accounts(demo) == ensure_demo_accounts(demo) == DEMO_ACCOUNTS
    tokens = []
    for account in DEMO_ACCOUNTS:
        actor = authenticate(demo, account.username, account.password)
        assert actor.role is account.role
        tokens.append(open_session(demo, actor))
        with pytest.raises(SignInRefused, match="is wrong"):
            authenticate(store, account.username, account.password)
    assert not any(actor_for_token(store, token) for token in tokens)
    assert close_demo_accounts(store) == len(DEMO_ACCOUNTS)
    with pytest.raises(SignInRefused):
        authenticate(demo, "doctor", DEMO_ACCOUNTS[0].password)
    assert ensure_demo_accounts(demo) == DEMO_ACCOUNTS
    assert authenticate(demo, "doctor", DEMO_ACCOUNTS[0].password)


def test_a_real_account_never_becomes_a_demo_account(store, doctor):
    demo = dataclasses.replace(store, demo=True)
    usable = ensure_demo_accounts(demo)
    # The fixture has real accounts of all four names.
    assert usable == ()
    assert authenticate(demo, "doctor", PASSWORD) == doctor
    with pytest.raises(SignInRefused):
        authenticate(demo, "doctor", DEMO_ACCOUNTS[0].password)


def test_two_processes_make_the_demo_accounts_at_once(store):
    demo = dataclasses.replace(store, demo=True)
    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(lambda _: ensure_demo_accounts(demo), range(3))) == {DEMO_ACCOUNTS}
    with reading(store.engine) as session:
        assert len(session.exec(select(User)).all()) == len(DEMO_ACCOUNTS)
