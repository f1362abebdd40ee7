"""What is done with accounts and patient data stands in the trail: by whom, from where, on what, and how it ended."""

from __future__ import annotations

import dataclasses
import os
import pwd

import pyotp
import pytest

from services.errors import CodeNeeded, NotAllowed, NotFound, SignInRefused, Unavailable
from services.records import audit, passwords
from services.records.chain import verify_by_command as verify
from services.records.counting import counts
from services.records.demo import close_demo_accounts, ensure_demo_accounts
from services.records.filters import StudyFilters
from services.records.history import find_studies
from services.records.own_account import prove
from services.records.patients import find_patients
from services.records.people import authenticate, close_session, create_user, open_session
from services.records.rights import Origin
from services.records.second_factor import complete, new_secret, turn_on
from services.records.store import open_store
from services.records.studies import get_study, read_file, save_study
from services.records.tables import UserCreate
from services.settings import Settings
from tests.services.records.conftest import PASSWORD
from tests.services.records.test_startup import command
from tests.services.records.trail_rows import rows

WARD = Origin("192.0.2.7", "Firefox")


def noted(store):
    """Who, from where, what, on what and how, oldest first."""
    return [(row.who, row.address, row.action, row.object, row.outcome.value) for row in rows(store)]


@pytest.fixture
def doctor(actors):
    return dataclasses.replace(actors["doctor"], origin=WARD)


def test_signing_in_and_out(store, doctor):
    actor = authenticate(store, "doctor", PASSWORD, WARD)
    close_session(store, open_session(store, actor), WARD)
    for name in ("doctor", "no such name"):
        with pytest.raises(SignInRefused):
            authenticate(store, name, "a wrong password", WARD)
    account = f"account {doctor.public_id}"
    assert noted(store) == [
        ("doctor", "192.0.2.7", "sign-in", account, "done"),
        ("doctor", "192.0.2.7", "sign-out", account, "done"),
        ("", "192.0.2.7", "sign-in", account, "refused"),
        ("", "192.0.2.7", "sign-in", "account unknown", "refused"),
    ]


def test_a_sign_in_that_has_to_wait(store, doctor, monkeypatch):
    monkeypatch.setattr(passwords, "HASHER", Fast())
    for _ in range(9):
        with pytest.raises(SignInRefused):
            authenticate(store, "doctor", "a wrong password", WARD)
    assert noted(store)[-2][3] == f"account {doctor.public_id}"
    assert noted(store)[-1] == ("", "192.0.2.7", "sign-in", "account has to wait", "refused")


def test_a_code_that_is_missing_wrong_or_has_to_wait(store, doctor):
    secret = new_secret()
    turn_on(store, doctor, PASSWORD, secret, pyotp.TOTP(secret).now())
    with pytest.raises(CodeNeeded) as asked:
        authenticate(store, "doctor", PASSWORD, WARD)
    for _ in range(6):
        with pytest.raises(SignInRefused):
            complete(store, asked.value.half, "no code", WARD)
    account = f"account {doctor.public_id}"
    assert noted(store)[1:] == [
        ("", "192.0.2.7", "sign-in.password", account, "done"),
        *[("", "192.0.2.7", "sign-in", account, "refused")] * 6,
    ]


def test_a_password_asked_for_again_that_is_wrong_or_has_to_wait(store, doctor, monkeypatch):
    monkeypatch.setattr(passwords, "HASHER", Fast())
    for _ in range(9):
        with pytest.raises(SignInRefused):
            prove(store, doctor, "a wrong password")
    account = f"account {doctor.public_id}"
    assert noted(store) == [("doctor", "192.0.2.7", "account.proof", account, "refused")] * 9


def test_a_command_is_noted_under_the_systems_user_and_the_app_under_nobody(address, tmp_path):
    password, at = "four words that fit", {"DATABASE_URL": address}
    assert command(tmp_path, "create-admin", "--username", "chief", FALX_ADMIN_PASSWORD=password, **at)[0] == 0
    assert command(tmp_path, "backup", str(tmp_path / "backup"), USER="somebody", LOGNAME="somebody", **at)[0] == 0
    with open_store(Settings(_env_file=None, database_url=address, var_dir=tmp_path / "var")) as store:
        audit.note(store.engine, None, "a", "o")
        me = f"command:{pwd.getpwuid(os.getuid()).pw_name}"
        assert [(who, action) for who, _, action, _, _ in noted(store)] == [
            (me, "account.create"), (me, "store.backup"), ("", "a"),
        ]  # fmt: skip


class Fast:
    """Refuses every password at once."""

    def verify(self, stored, password):
        raise passwords.VerificationError


def test_looking_at_lists_is_noted_without_what_was_searched_for(store, doctor, make_study):
    saved = save_study(store, doctor, make_study(name="Zoë Müller", identifier="H-1"))
    find_studies(store, doctor, StudyFilters(patient="müller"))
    find_studies(store, doctor, StudyFilters(patient_public_id=saved.patient.public_id))
    find_patients(store, doctor, "zoë")
    find_patients(store, doctor, "nobody")
    # Numbers name nobody.
    counts(store, doctor)
    assert noted(store)[1:] == [
        ("doctor", "192.0.2.7", "study.find", "1 studies", "done"),
        ("doctor", "192.0.2.7", "study.find", f"patient {saved.patient.public_id} 1 studies", "done"),
        ("doctor", "192.0.2.7", "patient.find", "1 patients", "done"),
        ("doctor", "192.0.2.7", "patient.find", "0 patients", "done"),
    ]


def test_looking_at_a_study_and_its_files(store, doctor, actors, make_study):
    saved = save_study(store, doctor, make_study())
    study = f"study {saved.public_id}"
    get_study(store, doctor, saved.public_id)
    read_file(store, doctor, saved.public_id, "report")
    store.vault.path(saved.files["upload"].sha256).unlink()
    with pytest.raises(Unavailable):
        read_file(store, doctor, saved.public_id, "upload")
    with pytest.raises(NotFound):
        get_study(store, actors["colleague"], saved.public_id)
    with pytest.raises(NotAllowed):
        read_file(store, actors["researcher"], saved.public_id, "upload")
    assert [(who, what, which, outcome) for who, _, what, which, outcome in noted(store)] == [
        ("doctor", "study.save", study, "done"),
        ("doctor", "study.view", study, "done"),
        ("doctor", "file.read", f"{study} report", "done"),
        ("doctor", "file.read", f"{study} upload", "failed"),
        ("colleague", "study.view", study, "refused"),
        ("researcher", "file.read", study, "refused"),
    ]
    assert verify(store).whole


def test_an_overruled_check_is_an_event_of_its_own(store, doctor, make_study):
    reasons = {"gate_accepted": False, "gate_reasons": ("This is a colour picture.",), "overrule_reason": "It is grey."}
    saved = save_study(store, doctor, make_study(study=reasons))
    assert [event[2:4] for event in noted(store)] == [
        ("study.save", f"study {saved.public_id}"),
        ("gate.overrule", f"study {saved.public_id}"),
    ]


def test_an_account_that_is_made(store, actors):
    admin = dataclasses.replace(actors["admin"], origin=WARD)
    made = create_user(store, admin, UserCreate(username="new", full_name="N", role="doctor"), "a long enough one")
    assert noted(store) == [("admin", "192.0.2.7", "account.create", f"account {made.public_id}", "done")]


def test_demo_accounts_made_closed_and_opened_again(store):
    demo = dataclasses.replace(store, demo=True)
    for act in (ensure_demo_accounts, close_demo_accounts, ensure_demo_accounts):
        act(demo)
    actions = [action for _, _, action, _, _ in noted(store)]
    assert actions == ["account.create"] * 4 + ["account.close"] * 4 + ["account.reopen"] * 4


def test_nothing_is_shown_that_cannot_be_noted(store, doctor, make_study):
    saved = save_study(store, doctor, make_study())
    break_the_head(store)
    for look in (
        lambda: get_study(store, doctor, saved.public_id),
        lambda: read_file(store, doctor, saved.public_id, "upload"),
        lambda: find_studies(store, doctor),
        lambda: find_patients(store, doctor),
    ):
        with pytest.raises(Unavailable, match="trail"):
            look()


def break_the_head(store):
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_head")
