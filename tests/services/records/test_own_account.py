"""What people do with their own account."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlmodel import update

from services.errors import InvalidRecord, NotAllowed, NotFound, SignInRefused
from services.records.columns import now
from services.records.database import write
from services.records.own_account import change_password, change_profile, export_own, own_account
from services.records.people import actor_for_token, authenticate, open_session
from services.records.rights import Origin
from services.records.sessions import (
    device_name,
    end_own_session,
    end_own_sessions,
    end_session,
    list_sessions,
    own_sessions,
)
from services.records.studies import read_file, save_study
from services.records.tables import Profile, SignInSession
from services.records.views import REPORT
from tests.services.records.kept import events

PASSWORD = "a passphrase for tests"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
KIT = "(KHTML, like Gecko)"
SAFARI = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 {KIT} Version/18.0 Safari/604.1"
EDGE = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 {KIT} Chrome/138.0 Safari/537.36 Edg/138.0"


@pytest.mark.parametrize(
    ("agent", "name"),
    [(FIREFOX, "Firefox on Linux"), (SAFARI, "Safari on iPhone"), (EDGE, "Edge on Windows"),
     (EDGE.split(" Edg")[0], "Chrome on Windows"), ("", "Another browser"), ("curl/8", "Another browser")],
)  # fmt: skip
def test_a_device_has_a_short_name(agent, name):
    assert device_name(agent) == name


def test_a_new_password_takes_the_old_one_and_ends_all_other_sessions(store, doctor):
    here, there = open_session(store, doctor), open_session(store, doctor)
    with pytest.raises(SignInRefused, match="password is wrong"):
        change_password(store, doctor, "wrong", "another passphrase", token=here)
    for bad in ("short", PASSWORD.upper() * 20, "password1234"):
        with pytest.raises(InvalidRecord, match="choose another"):
            change_password(store, doctor, PASSWORD, bad, token=here)
    assert actor_for_token(store, there) == doctor
    change_password(store, doctor, PASSWORD, "another passphrase", token=here)
    assert actor_for_token(store, here) == doctor
    assert actor_for_token(store, there) is None
    assert authenticate(store, "doctor", "another passphrase") == doctor


def test_an_unlocked_screen_is_no_place_to_guess_the_password(store, doctor):
    said = []
    for _ in range(10):
        with pytest.raises(SignInRefused) as caught:
            change_password(store, doctor, "wrong", "another passphrase")
        said.append("Wait" in str(caught.value))
    assert said == [False] * 8 + [True] * 2


def test_another_mail_address_takes_the_password_and_another_name_does_not(store, doctor):
    assert change_profile(store, doctor, Profile(full_name=" Dr  New ", email="")).full_name == "Dr New"
    moved = Profile(full_name="Dr New", email="new@example.org")
    with pytest.raises(SignInRefused):
        change_profile(store, doctor, moved)
    assert own_account(store, doctor).email is None
    assert change_profile(store, doctor, moved, PASSWORD).email == "new@example.org"


def test_sessions_are_listed_with_their_device_and_ended_one_by_one(store, actors, doctor):
    origin = Origin("192.0.2.1", FIREFOX)
    here = open_session(store, doctor)
    there = open_session(store, authenticate(store, "doctor", PASSWORD, origin))
    theirs = open_session(store, actors["colleague"])
    mine = own_sessions(store, doctor, here)
    assert sorted((one.device, one.address, one.here) for one in mine) == [
        ("Another browser", "", True), ("Firefox on Linux", "192.0.2.1", False),
    ]  # fmt: skip
    other = own_sessions(store, actors["colleague"], theirs)[0]
    with pytest.raises(NotFound):
        end_own_session(store, doctor, other.public_id)
    assert actor_for_token(store, theirs)
    end_own_session(store, doctor, next(one.public_id for one in mine if not one.here))
    assert actor_for_token(store, there) is None
    assert actor_for_token(store, here) == doctor
    assert len(list_sessions(store, actors["admin"])) == 2
    end_session(store, actors["admin"], other.public_id)
    assert actor_for_token(store, theirs) is None


def test_an_ended_browser_gets_nothing_that_its_page_still_offers(store, doctor, make_study):
    saved = save_study(store, doctor, make_study())
    here, there = (open_session(store, doctor) for _ in range(2))
    drawn = actor_for_token(store, there)
    assert read_file(store, drawn, saved.public_id, REPORT)
    end_own_sessions(store, doctor, here)
    for offered in (lambda: read_file(store, drawn, saved.public_id, REPORT), lambda: export_own(store, drawn)):
        with pytest.raises(NotAllowed, match="signed out in this browser"):
            offered()
    assert read_file(store, actor_for_token(store, here), saved.public_id, REPORT)


@pytest.mark.parametrize("rested", [timedelta(minutes=61), timedelta(days=30)])
def test_a_browser_that_rested_too_long_gets_nothing_either(store, doctor, rested):
    drawn = actor_for_token(store, open_session(store, doctor))
    seen = update(SignInSession).values(last_seen=now() - rested)
    write(store.engine, lambda session: session.exec(seen))
    with pytest.raises(NotAllowed, match="signed out in this browser"):
        export_own(store, drawn)


def test_signing_out_everywhere_keeps_this_browser_or_none(store, actors, doctor):
    tokens = [open_session(store, doctor) for _ in range(3)]
    theirs = open_session(store, actors["colleague"])
    assert end_own_sessions(store, doctor, tokens[0]) == 2
    assert [actor_for_token(store, token) is not None for token in (*tokens, theirs)] == [True, False, False, True]
    assert end_own_sessions(store, doctor) == 1
    assert actor_for_token(store, tokens[0]) is None


def test_the_export_holds_ones_own_and_is_noted(store, actors, doctor):
    authenticate(store, "doctor", PASSWORD, Origin("192.0.2.1"))
    authenticate(store, "colleague", PASSWORD)
    open_session(store, doctor)
    token = open_session(store, actors["colleague"])
    export = export_own(store, doctor)
    words = json.dumps(export)
    assert export["account"]["username"] == "doctor"
    assert len(export["sessions"]) == 1
    assert [one["action"] for one in export["trail"]] == ["sign-in", "account.export"]
    assert events(store)[-1][2] == "account.export"
    assert str(actors["colleague"].public_id) not in words
    assert not any(secret in words for secret in ("argon2", "hash", token))
