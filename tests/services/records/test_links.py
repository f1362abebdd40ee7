"""One-time links: who gets one, what it opens, and that it opens nothing afterwards."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlmodel import select, update

from services.errors import InvalidRecord, LinkRefused, SignInRefused
from services.records.accounts import change_role, invite, make_link
from services.records.database import reading, write
from services.records.links import link_by_mail, open_link, use_link
from services.records.people import actor_for_token, authenticate, open_session
from services.records.rights import Origin
from services.records.tables import OneTimeLink, Purpose, Role, User, UserCreate
from tests.services.records.kept import events

PASSWORD = "a passphrase for tests"
NEW = "another long passphrase"


def refused(store, secret):
    with pytest.raises(LinkRefused) as opened:
        open_link(store, secret)
    with pytest.raises(LinkRefused) as used:
        use_link(store, secret, NEW)
    assert str(opened.value) == str(used.value)
    return str(used.value)


@pytest.fixture
def invited(store, actors):
    """The secret of a link for a researcher named amir."""
    return invite(store, actors["admin"], UserCreate(username="Amir", full_name="Amir", role=Role.RESEARCHER))[1]


def test_an_invitation_sets_the_password_of_its_account_and_role(store, invited):
    with pytest.raises(SignInRefused, match="is wrong"):
        authenticate(store, "amir", "")
    opened = open_link(store, invited)
    assert (opened.username, opened.role, opened.purpose) == ("amir", Role.RESEARCHER, Purpose.INVITATION)
    for bad in ("short", "password1234"):
        with pytest.raises(InvalidRecord, match="choose another"):
            use_link(store, invited, bad)
    use_link(store, invited, NEW, Origin("192.0.2.1"))
    assert authenticate(store, "amir", NEW).role is Role.RESEARCHER
    with reading(store.engine) as session:
        kept = repr([row.model_dump() for row in session.exec(select(OneTimeLink)).all()])
    assert invited not in kept
    assert [e[1:3] for e in events(store)] == [
        ("admin", "account.create"), ("", "sign-in"), ("amir", "link.invitation"), ("amir", "sign-in"),
    ]  # fmt: skip


def test_bad_used_expired_and_outdated_links_get_one_sentence(store, actors, invited):
    answers = {refused(store, bad) for bad in ("", "never made", "\ud800", "x" * 10_000)}
    write(store.engine, lambda s: s.exec(update(OneTimeLink).values(role=Role.ADMIN)))
    answers.add(refused(store, invited))
    write(store.engine, lambda s: s.exec(update(OneTimeLink).values(role=Role.RESEARCHER)))
    write(store.engine, lambda s: s.exec(update(User).where(User.username == "amir").values(active=False)))
    answers.add(refused(store, invited))
    write(store.engine, lambda s: s.exec(update(User).where(User.username == "amir").values(active=True)))
    use_link(store, invited, NEW)
    answers.add(refused(store, invited))
    late = dataclasses.replace(store, links_last=timedelta(0))
    answers.add(refused(store, make_link(late, actors["admin"], actors["doctor"].public_id)[1]))
    assert len(answers) == 1


def test_a_reset_ends_the_sessions_and_the_old_password(store, actors, doctor):
    _, earlier = make_link(store, actors["admin"], doctor.public_id)
    _, secret = make_link(store, actors["admin"], doctor.public_id)
    refused(store, earlier)
    token = open_session(store, doctor)
    assert open_link(store, secret).purpose is Purpose.RESET
    use_link(store, secret, NEW)
    assert actor_for_token(store, token) is None
    with pytest.raises(SignInRefused):
        authenticate(store, "doctor", PASSWORD)
    assert authenticate(store, "doctor", NEW) == doctor


def test_a_link_does_not_outlive_the_role_it_was_made_for(store, actors, invited):
    with reading(store.engine) as session:
        public_id = session.exec(select(User.public_id).where(User.username == "amir")).one()
    change_role(store, actors["admin"], public_id, Role.ADMIN)
    refused(store, invited)


def test_two_who_use_a_link_at_once_do_not_both_set_a_password(store, invited):
    def use(number):
        try:
            use_link(store, invited, f"{NEW} {number}")
        except LinkRefused:
            return None
        return f"{NEW} {number}"

    with ThreadPoolExecutor(4) as pool:
        set_ = [password for password in pool.map(use, range(4)) if password]
    assert len(set_) == 1
    assert authenticate(store, "amir", set_[0])


def test_a_link_is_mailed_only_to_who_can_sign_in_and_has_an_address(store, actors, doctor, invited):
    def give(name, **values):
        write(store.engine, lambda s: s.exec(update(User).where(User.username == name).values(**values)))

    assert link_by_mail(store, "doctor") is None
    for name in ("doctor", "colleague", "researcher", "amir"):
        give(name, email=f"{name}@example.org")
    give("colleague", active=False)
    give("researcher", demo=True)
    assert [link_by_mail(store, name) for name in ("nobody", "colleague", "researcher", "amir", "", "\ud800")] == [
        None
    ] * 6
    mailed = link_by_mail(store, " DOCTOR ")
    assert (mailed.email, mailed.full_name) == ("doctor@example.org", doctor.full_name)
    assert use_link(store, mailed.secret, NEW).username == "doctor"
    asked = [link_by_mail(store, "doctor") for _ in range(5)]
    assert sum(one is not None for one in asked) < 3
