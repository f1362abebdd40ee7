"""What administrators do to accounts, and that the last of them stays."""

from __future__ import annotations

import dataclasses
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.errors import InvalidRecord, LinkRefused, NotAllowed, NotFound, SignInRefused
from services.records.accounts import (
    change_details,
    change_role,
    deactivate,
    find_accounts,
    get_account,
    invite,
    make_link,
    reactivate,
)
from services.records.demo import DEMO_ACCOUNTS, ensure_demo_accounts
from services.records.links import open_link
from services.records.own_account import change_password
from services.records.people import actor_for_token, authenticate, create_user, open_session, register
from services.records.rights import Action, Origin, Pending, require
from services.records.tables import Profile, Role, UserCreate
from tests.services.records.kept import events

PASSWORD = "a passphrase for tests"


@pytest.fixture
def admin(actors):
    return actors["admin"]


def names(accounts):
    return [account.user.username for account in accounts]


def test_people_are_found_by_their_names_however_they_are_typed(store, admin, actors):
    create_user(store, admin, UserCreate(username="zoe", full_name="Zoë Müller-Łuk", role="doctor"), PASSWORD)
    for typed in ("zoe", "ZOË", "muller", "luk zo", "  müller  "):
        assert names(find_accounts(store, admin, typed)) == ["zoe"], typed
    assert find_accounts(store, admin, "100%_") == ()
    everybody = names(find_accounts(store, admin))
    assert everybody == sorted([*actors, "zoe"])
    assert names(find_accounts(store, admin, after="doctor", limit=2)) == everybody[everybody.index("doctor") + 1 :][:2]
    change_details(store, admin, find_accounts(store, admin, "zoe")[0].user.public_id, Profile(full_name="Zoë Ng"))
    assert names(find_accounts(store, admin, "ng zoe")) == ["zoe"]
    assert find_accounts(store, admin, "muller") == ()


@pytest.mark.parametrize("what", ["deactivate", "role", "link"])
def test_what_changes_an_account_ends_its_sessions_and_links(store, admin, doctor, what):
    tokens = [open_session(store, doctor) for _ in range(2)]
    others = open_session(store, admin)
    _, secret = make_link(store, admin, doctor.public_id)
    assert not any(actor_for_token(store, token) for token in tokens)
    tokens.append(open_session(store, doctor))
    assert get_account(store, admin, doctor.public_id).open_sessions == 1
    match what:
        case "deactivate":
            deactivate(store, admin, doctor.public_id)
        case "role":
            change_role(store, admin, doctor.public_id, Role.RESEARCHER)
        case "link":
            make_link(store, admin, doctor.public_id)
    assert not any(actor_for_token(store, token) for token in tokens)
    assert actor_for_token(store, others) == admin
    with pytest.raises(LinkRefused):
        open_link(store, secret)
    assert get_account(store, admin, doctor.public_id).open_sessions == 0


def test_a_closed_account_is_opened_again_and_its_old_sessions_are_not(store, admin, doctor):
    token = open_session(store, doctor)
    deactivate(store, admin, doctor.public_id)
    with pytest.raises(SignInRefused, match="is wrong"):
        authenticate(store, "doctor", PASSWORD)
    with pytest.raises(InvalidRecord, match="closed"):
        make_link(store, admin, doctor.public_id)
    reactivate(store, admin, doctor.public_id)
    assert authenticate(store, "doctor", PASSWORD) == doctor
    assert actor_for_token(store, token) is None
    assert [e[2] for e in events(store)] == ["account.close", "sign-in", "account.open", "sign-in"]


def test_the_last_administrator_who_can_sign_in_stays(store, admin):
    invite(store, admin, UserCreate(username="second", full_name="Second", role=Role.ADMIN))
    for change in (lambda: deactivate(store, admin, admin.public_id),
                   lambda: change_role(store, admin, admin.public_id, Role.DOCTOR)):  # fmt: skip
        with pytest.raises(InvalidRecord, match="last administrator"):
            change()
    create_user(store, admin, UserCreate(username="third", full_name="Third", role=Role.ADMIN), PASSWORD)
    deactivate(store, admin, admin.public_id)
    with pytest.raises(NotAllowed):
        reactivate(store, admin, admin.public_id)


def test_two_administrators_who_close_each_other_at_once_leave_one(store, admin):
    create_user(store, admin, UserCreate(username="third", full_name="Third", role=Role.ADMIN), PASSWORD)
    third = dataclasses.replace(authenticate(store, "third", PASSWORD), pending=None)

    def close(pair):
        try:
            deactivate(store, pair[0], pair[1].public_id)
        except (NotAllowed, InvalidRecord):
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(close, [(admin, third), (third, admin)]))
    assert sorted(done) == [False, True]


def test_the_demos_accounts_stay_as_they_are(store):
    demo = dataclasses.replace(store, demo=True)
    ensure_demo_accounts(demo)
    chief = authenticate(demo, "admin", DEMO_ACCOUNTS[3].password)
    one = find_accounts(demo, chief, "researcher")[0].user
    assert one.demo
    for change in (deactivate, reactivate, make_link, lambda *a: change_role(*a, Role.DOCTOR)):
        with pytest.raises(InvalidRecord, match="stays as it is"):
            change(demo, chief, one.public_id)
    with pytest.raises(InvalidRecord, match="stays as it is"):
        change_password(demo, chief, DEMO_ACCOUNTS[3].password, "another long password")


def test_who_registers_is_a_patient_who_waits_whatever_they_send(store, admin):
    made = register(store, "Nadia", "Nadia Rahimi", "nadia@example.org", PASSWORD, Origin("192.0.2.1"))
    assert (made.role, made.username, made.email) == (Role.PATIENT, "nadia", "nadia@example.org")
    actor = authenticate(store, "nadia", PASSWORD)
    assert actor.pending is Pending.LINK
    for action in Action:
        if action is not Action.ACCOUNT_OWN:
            with pytest.raises(NotAllowed):
                require(actor, action)
    assert [e[1:3] for e in events(store)][:2] == [("", "account.create"), ("nadia", "account.register")]
    with pytest.raises(InvalidRecord, match="already"):
        register(store, "NADIA", "Another", "", PASSWORD)


def test_registrations_from_one_address_slow_down(store, actors, monkeypatch):
    monkeypatch.setattr("services.records.people.hash_password", lambda *a, **k: "hash")
    for number in range(10):
        register(store, f"nadia{number}", "Nadia", "", PASSWORD, Origin("2001:db8::1"))
    with pytest.raises(SignInRefused, match="Wait"):
        register(store, "nadia11", "Nadia", "", PASSWORD, Origin("2001:db8::2"))
    assert register(store, "nadia11", "Nadia", "", PASSWORD, Origin("2001:db8:0:1::2"))


@pytest.mark.parametrize(
    "email", ["nobody", "a@b", "a@b.org\nBcc: c@d.org", "a@b.org, c@d.org", "<a@b.org>", "a b@c.org"]
)
def test_an_address_that_is_none_is_a_sentence(email):
    with pytest.raises(InvalidRecord, match="e-mail address"):
        UserCreate(username="new", full_name="New", role="doctor", email=email)


def test_there_is_no_such_account(store, admin):
    other = uuid.uuid4()
    for function in (get_account, deactivate, reactivate, make_link):
        with pytest.raises(NotFound):
            function(store, admin, other)
