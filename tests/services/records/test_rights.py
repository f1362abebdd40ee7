"""One test a cell of the table of rights, against the functions themselves."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import uuid
from datetime import date

import pytest
from sqlmodel import col, select, update

from services import records
from services.errors import InvalidRecord, NotAllowed, NotFound
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
from services.records.board import board, board_csv
from services.records.chain import verify
from services.records.columns import now
from services.records.database import reading, write
from services.records.exports import export_studies
from services.records.history import counts, find_studies, readers
from services.records.linking import (
    link_account,
    link_by_identifier,
    linked_accounts,
    unlink_account,
    waiting_accounts,
)
from services.records.opinions import save_opinion
from services.records.own_account import (
    change_password,
    change_profile,
    export_own,
    own_account,
    prove,
    unless_demo,
)
from services.records.patient_records import (
    add_patient,
    colleagues,
    edit_patient,
    get_patient,
    share_patient,
    unshare_patient,
)
from services.records.patients import choose_patient, find_patients
from services.records.people import create_user, list_users, open_session
from services.records.removal import delete_study, restore_study
from services.records.results import find_results, get_result
from services.records.reviews import NewReview, save_release, save_review, withdraw_release
from services.records.rights import Action, Scope, may, require, scope, visible_parts, visible_patients, visible_studies
from services.records.second_factor import factor_state, new_secret, reset_second_factor, turn_off, turn_on
from services.records.sessions import (
    end_own_session,
    end_own_sessions,
    end_session,
    end_sessions,
    list_sessions,
    own_sessions,
)
from services.records.studies import get_study, read_file, save_study
from services.records.tables import (
    Patient,
    PatientCreate,
    PatientDoctor,
    Profile,
    ReleaseCreate,
    ReviewCreate,
    Role,
    Study,
    User,
    UserCreate,
    WithdrawalCreate,
)
from services.records.trail import export_events, find_actions, find_events
from services.records.trends import agreement, by_month
from services.records.upkeep import check, storage
from tests.services.records.test_reviews import released

PASSWORD = "a passphrase for tests"
# Written out again on purpose: whoever changes the table has to change it here too.
EXPECTED = {
    "metrics.view": {"admin": "any", "doctor": "any", "researcher": "any"},
    "study.save": {"doctor": "own"},
    "study.find": {"doctor": "own"},
    "study.view": {"doctor": "own"},
    "study.count": {"admin": "any", "doctor": "own", "researcher": "any"},
    "study.export": {"doctor": "own"},
    "study.predict": {"doctor": "own"},
    "study.review": {"doctor": "own"},
    "study.release": {"doctor": "own"},
    "study.delete": {"doctor": "own"},
    "result.view": {"patient": "released"},
    "file.read": {"doctor": "own", "patient": "released"},
    "board.view": {"admin": "any", "doctor": "own"},
    "board.export": {"doctor": "own"},
    "patient.find": {"doctor": "own"},
    "patient.add": {"doctor": "own"},
    "patient.view": {"doctor": "own"},
    "patient.edit": {"doctor": "held"},
    "patient.share": {"doctor": "held"},
    "patient.link": {"admin": "any", "doctor": "held"},
    "account.list": {"admin": "any"},
    "account.create": {"admin": "any"},
    "account.change": {"admin": "any"},
    "account.reset": {"admin": "any"},
    "account.own": {"admin": "own", "doctor": "own", "patient": "own", "researcher": "own"},
    "session.list": {"admin": "any"},
    "session.end": {"admin": "any"},
    "store.check": {"admin": "any"},
    "audit.view": {"admin": "any"},
    "audit.export": {"admin": "any"},
    "model.promote": {"admin": "any"},
    "model.rollback": {"admin": "any"},
    "model.threshold": {"admin": "any"},
}
# Those that name one object, which has to be the actor's.
OF_ONE = {
    Action.STUDY_VIEW, Action.STUDY_PREDICT, Action.STUDY_REVIEW, Action.STUDY_RELEASE, Action.STUDY_DELETE,
    Action.RESULT_VIEW, Action.FILE_READ, Action.PATIENT_VIEW, Action.PATIENT_EDIT, Action.PATIENT_SHARE,
    Action.PATIENT_LINK,
}  # fmt: skip
AGREE, WHY, NOTE = ReviewCreate(decision="agree"), WithdrawalCreate(reason="A mistake."), ReleaseCreate(note="Well.")
PDF = (b"%PDF-", "application/pdf", "falx.pdf")
CELLS = [(role, action) for role in Role for action in Action]


@pytest.mark.parametrize(("role", "action"), CELLS)
def test_cell(role, action):
    assert scope(role, action) == EXPECTED[action].get(role, "none")


def test_no_action_is_forgotten():
    assert set(EXPECTED) == {action.value for action in Action}
    assert scope("janitor", Action.METRICS_VIEW) is Scope.NONE
    assert scope(Role.ADMIN, "everything") is Scope.NONE


ANNA = PatientCreate(name="Anna", birth_date=date(1970, 2, 3))


def ask(action, store, actor, make_study, theirs, colleague):
    """Do ``action`` by the function that does it, to the study ``theirs``; how many things of others came back."""
    study_id, patient_id = theirs.public_id, theirs.patient.public_id
    match action:
        case Action.PATIENT_ADD:
            return 0 if add_patient(store, actor, ANNA) else 1
        case Action.PATIENT_VIEW:
            return 1 if get_patient(store, actor, patient_id) else 0
        case Action.PATIENT_EDIT:
            return 1 if edit_patient(store, actor, patient_id, 1, ANNA) is None else 0
        case Action.PATIENT_SHARE:
            return 1 if share_patient(store, actor, patient_id, uuid.uuid4()) is None else 0
        case Action.PATIENT_LINK:
            return (
                1 if link_account(store, actor, patient_id, waiting_accounts(store, actor)[0].public_id) is None else 0
            )
        case Action.STUDY_SAVE:
            return 0 if save_study(store, actor, make_study()) else 1
        case Action.STUDY_FIND:
            return len(find_studies(store, actor).studies)
        case Action.STUDY_VIEW:
            return 1 if get_study(store, actor, study_id) else 0
        case Action.STUDY_COUNT:
            return counts(store, actor).studies
        case Action.STUDY_EXPORT:
            return len(export_studies(store, actor, "csv"))
        case Action.STUDY_PREDICT:
            return 1 if save_opinion(store, actor, study_id, make_study().prediction) else 0
        case Action.STUDY_REVIEW:
            return 1 if save_review(store, actor, study_id, NewReview(AGREE), PDF) else 0
        case Action.STUDY_RELEASE:
            return 1 if withdraw_release(store, actor, study_id, WHY) else 0
        case Action.STUDY_DELETE:
            return 1 if delete_study(store, actor, study_id, WHY) is None else 0
        case Action.RESULT_VIEW:
            return 1 if get_result(store, actor, study_id) else 0
        case Action.FILE_READ:
            return len(read_file(store, actor, study_id, "upload"))
        case Action.BOARD_VIEW:
            return board(store, actor).studies
        case Action.BOARD_EXPORT:
            return len(board_csv(store, actor).splitlines()) - 1
        case Action.PATIENT_FIND:
            return len(find_patients(store, actor))
        case Action.ACCOUNT_LIST:
            return len(list_users(store, actor)) + len(find_accounts(store, actor))
        case Action.ACCOUNT_CREATE:
            new = UserCreate(username="new", full_name="New", role="doctor")
            return 1 if create_user(store, actor, new, "a long enough one") else 0
        case Action.ACCOUNT_CHANGE:
            return 1 if change_role(store, actor, colleague.public_id, Role.RESEARCHER) else 0
        case Action.ACCOUNT_RESET:
            return len(make_link(store, actor, colleague.public_id))
        case Action.ACCOUNT_OWN:
            return 0 if own_account(store, actor).public_id == actor.public_id else 1
        case Action.SESSION_LIST:
            open_session(store, colleague)
            return len(list_sessions(store, actor))
        case Action.SESSION_END:
            open_session(store, colleague)
            return end_sessions(store, actor, colleague.public_id)
        case Action.STORE_CHECK:
            return check(store, actor).files
        case Action.AUDIT_VIEW:
            return len(find_events(store, actor).events)
        case Action.AUDIT_EXPORT:
            return len(b"".join(export_events(store, actor)))
    require(actor, action)
    return 1


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("action", list(Action))
def test_every_function_keeps_to_the_table(store, actors, make_study, role, action):
    theirs = save_study(store, actors["colleague"], make_study())
    actor = actors[role.value]
    covered = Scope(EXPECTED[action].get(role, "none"))
    assert may(actor, action) is (covered is not Scope.NONE)
    if covered is Scope.NONE:
        with pytest.raises(NotAllowed, match=f"{role.value}.*does not include"):
            ask(action, store, actor, make_study, theirs, actors["colleague"])
    elif covered is not Scope.ANY and action in OF_ONE:
        with pytest.raises(NotFound):
            ask(action, store, actor, make_study, theirs, actors["colleague"])
    elif action is Action.STUDY_EXPORT:
        with pytest.raises(InvalidRecord, match="No study fits"):
            ask(action, store, actor, make_study, theirs, actors["colleague"])
    else:
        assert (ask(action, store, actor, make_study, theirs, actors["colleague"]) > 0) is (covered is Scope.ANY)


def test_own_studies_and_patients_are_seen_and_only_those(store, actors, make_study):
    for who in ("doctor", "colleague"):
        for _ in range(3):
            save_study(store, actors[who], make_study(name=f"Patient of {who}"))
    for who in ("doctor", "colleague"):
        assert {s.patient_name for s in find_studies(store, actors[who]).studies} == {f"Patient of {who}"}
        assert {p.name for p in find_patients(store, actors[who])} == {f"Patient of {who}"}
        assert counts(store, actors[who]).studies == counts(store, actors[who]).patients == 3
    assert counts(store, actors["admin"]).studies == 6


def test_who_entered_a_patient_sees_what_others_read_and_who_only_read_sees_their_own(store, actors, make_study):
    for who in ("doctor", "colleague"):
        save_study(store, actors[who], make_study(identifier="H-9"))
        assert len(find_patients(store, actors[who], "h-9")) == 1
    assert len(find_studies(store, actors["doctor"]).studies) == 2
    assert len(find_studies(store, actors["colleague"]).studies) == 1


def test_a_list_holds_what_can_be_opened_and_nothing_else(store, actors, make_study):
    views = [save_study(store, actors[who], make_study(identifier=f"H-{who}")) for who in ("doctor", "colleague")]
    views += [save_study(store, actors[who], make_study(identifier="H-both")) for who in ("doctor", "colleague")]
    views.append(save_study(store, actors["doctor"], make_study(identifier="H-both")))
    delete_study(store, actors["doctor"], views[-1].public_id, WHY)
    for actor in (actor for actor in actors.values() if may(actor, Action.STUDY_VIEW)):
        opened = set()
        for view in views:
            try:
                opened.add(get_study(store, actor, view.public_id).public_id)
            except NotFound:
                continue
        assert {study.public_id for study in find_studies(store, actor).studies} == opened
        assert counts(store, actor).studies == len(opened)


def test_a_patient_finds_the_results_that_can_be_opened_and_no_other(store, actors, make_study):
    shown = released(store, actors, make_study, identifier="H-1")
    hidden = [save_study(store, actors["doctor"], make_study(identifier=i)) for i in ("H-1", "H-2")]
    assert [result.public_id for result in find_results(store, actors["patient"])] == [shown.public_id]
    assert get_result(store, actors["patient"], shown.public_id)
    for study in hidden:
        with pytest.raises(NotFound):
            get_result(store, actors["patient"], study.public_id)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("action", list(Action))
def test_the_parts_of_a_rule_exclude_one_another_and_make_up_the_whole(store, actors, make_study, role, action):
    actor = actors[role.value]
    mine = save_study(store, actors["doctor"], make_study(identifier="H-1"))
    theirs = [save_study(store, actors["colleague"], make_study(identifier=i)) for i in ("H-1", "H-2")]
    share_patient(store, actors["doctor"], mine.patient.public_id, actors["colleague"].public_id)
    with reading(store.engine) as session:
        parts = [session.exec(select(Study.id).where(part)).all() for part in visible_parts(actor, action)]
        whole = session.exec(select(Study.id).where(visible_studies(actor, action))).all()
        assert sorted(study for part in parts for study in part) == sorted(whole)
        patients = session.exec(select(Patient).where(visible_patients(actor, action))).all()
        entered = session.exec(select(PatientDoctor.doctor_id)).all()
    covered = EXPECTED[action].get(role.value, "none")
    if role is Role.DOCTOR or covered != "own":
        assert (len(whole), len(patients)) == {"any": (3, 2), "own": (2, 1), "held": (2, 1)}.get(covered, (0, 0))
    assert sorted(entered) == sorted((actors["doctor"].user_id, actors["colleague"].user_id))
    assert len(theirs) == 2


# What the sign-in itself needs, and what only the command line calls.
WITHOUT = {"authenticate", "complete", "register", "open_link", "use_link", "link_by_mail", "actor_for_token",
           "close_session", "create_admin", "sweep", "check_startup", "check_revision", "back_up", "restore",
           "rotate_key", "make_load", "ensure_demo_accounts", "close_demo_accounts", "open_demo_accounts",
           "purge"}  # fmt: skip


def service_functions():
    """Every public function of the records that works on the store, by name."""
    for module in pkgutil.iter_modules(records.__path__):
        if module.name in ("__main__", "migrations"):
            continue
        for name, thing in vars(importlib.import_module(f"services.records.{module.name}")).items():
            if (
                inspect.isfunction(thing)
                and not name.startswith("_")
                and "store" in inspect.signature(thing).parameters
            ):
                yield name, thing


def test_every_function_that_works_on_the_store_takes_the_acting_user_or_has_a_reason_not_to():
    found = dict(service_functions())
    assert set(found) >= WITHOUT
    for name, function in found.items():
        assert ("actor" in inspect.signature(function).parameters) is (name not in WITHOUT), name


CALLS = {
    "save_study": lambda store, actor, make: save_study(store, actor, make()),
    "get_study": lambda store, actor, make: get_study(store, actor, uuid.uuid4()),
    "read_file": lambda store, actor, make: read_file(store, actor, uuid.uuid4(), "upload"),
    "find_studies": lambda store, actor, make: find_studies(store, actor),
    "readers": lambda store, actor, make: readers(store, actor),
    "by_month": lambda store, actor, make: by_month(store, actor),
    "agreement": lambda store, actor, make: agreement(store, actor),
    "export_studies": lambda store, actor, make: export_studies(store, actor, "csv"),
    "save_opinion": lambda store, actor, make: save_opinion(store, actor, uuid.uuid4(), make().prediction),
    "save_review": lambda store, actor, make: save_review(store, actor, uuid.uuid4(), NewReview(AGREE), PDF),
    "save_release": lambda store, actor, make: save_release(store, actor, uuid.uuid4(), NOTE, now(), PDF),
    "withdraw_release": lambda store, actor, make: withdraw_release(store, actor, uuid.uuid4(), WHY),
    "delete_study": lambda store, actor, make: delete_study(store, actor, uuid.uuid4(), WHY),
    "restore_study": lambda store, actor, make: restore_study(store, actor, uuid.uuid4()),
    "find_results": lambda store, actor, make: find_results(store, actor),
    "get_result": lambda store, actor, make: get_result(store, actor, uuid.uuid4()),
    "counts": lambda store, actor, make: counts(store, actor),
    "board": lambda store, actor, make: board(store, actor),
    "board_csv": lambda store, actor, make: board_csv(store, actor),
    "find_patients": lambda store, actor, make: find_patients(store, actor),
    "choose_patient": lambda store, actor, make: choose_patient(store, actor, uuid.uuid4()),
    "add_patient": lambda store, actor, make: add_patient(store, actor, ANNA),
    "get_patient": lambda store, actor, make: get_patient(store, actor, uuid.uuid4()),
    "edit_patient": lambda store, actor, make: edit_patient(store, actor, uuid.uuid4(), 1, ANNA),
    "colleagues": lambda store, actor, make: colleagues(store, actor),
    "share_patient": lambda store, actor, make: share_patient(store, actor, uuid.uuid4(), uuid.uuid4()),
    "unshare_patient": lambda store, actor, make: unshare_patient(store, actor, uuid.uuid4(), uuid.uuid4()),
    "waiting_accounts": lambda store, actor, make: waiting_accounts(store, actor),
    "linked_accounts": lambda store, actor, make: linked_accounts(store, actor),
    "link_account": lambda store, actor, make: link_account(store, actor, uuid.uuid4(), uuid.uuid4()),
    "link_by_identifier": lambda store, actor, make: link_by_identifier(
        store, actor, uuid.uuid4(), "H-1", date(1970, 2, 3)
    ),
    "unlink_account": lambda store, actor, make: unlink_account(store, actor, uuid.uuid4()),
    "list_users": lambda store, actor, make: list_users(store, actor),
    "create_user": lambda store, actor, make: create_user(
        store, actor, UserCreate(username="new", full_name="New", role="admin"), "a long enough one"
    ),
    "find_accounts": lambda store, actor, make: find_accounts(store, actor),
    "get_account": lambda store, actor, make: get_account(store, actor, actor.public_id),
    "invite": lambda store, actor, make: invite(
        store, actor, UserCreate(username="new", full_name="New", role="admin")
    ),
    "make_link": lambda store, actor, make: make_link(store, actor, actor.public_id),
    "change_role": lambda store, actor, make: change_role(store, actor, actor.public_id, Role.ADMIN),
    "change_details": lambda store, actor, make: change_details(
        store, actor, actor.public_id, Profile(full_name="New")
    ),
    "deactivate": lambda store, actor, make: deactivate(store, actor, actor.public_id),
    "reactivate": lambda store, actor, make: reactivate(store, actor, actor.public_id),
    "reset_second_factor": lambda store, actor, make: reset_second_factor(store, actor, actor.public_id),
    "list_sessions": lambda store, actor, make: list_sessions(store, actor),
    "end_session": lambda store, actor, make: end_session(store, actor, uuid.uuid4()),
    "end_sessions": lambda store, actor, make: end_sessions(store, actor, actor.public_id),
    "own_account": lambda store, actor, make: own_account(store, actor),
    "change_profile": lambda store, actor, make: change_profile(store, actor, Profile(full_name="New")),
    "change_password": lambda store, actor, make: change_password(store, actor, PASSWORD, "another long one"),
    "export_own": lambda store, actor, make: export_own(store, actor),
    "prove": lambda store, actor, make: prove(store, actor, PASSWORD),
    "unless_demo": lambda store, actor, make: unless_demo(store, actor),
    "own_sessions": lambda store, actor, make: own_sessions(store, actor, ""),
    "end_own_session": lambda store, actor, make: end_own_session(store, actor, uuid.uuid4()),
    "end_own_sessions": lambda store, actor, make: end_own_sessions(store, actor),
    "factor_state": lambda store, actor, make: factor_state(store, actor),
    "turn_on": lambda store, actor, make: turn_on(store, actor, PASSWORD, new_secret(), "123456"),
    "turn_off": lambda store, actor, make: turn_off(store, actor, PASSWORD),
    "check": lambda store, actor, make: check(store, actor),
    "verify": lambda store, actor, make: verify(store, actor),
    "find_events": lambda store, actor, make: find_events(store, actor),
    "find_actions": lambda store, actor, make: find_actions(store, actor),
    "export_events": lambda store, actor, make: export_events(store, actor),
    "storage": lambda store, actor, make: storage(store, actor),
    "open_session": lambda store, actor, make: open_session(store, actor),
}


FOR_PATIENTS = {"find_results", "get_result"}
FOR_ADMINS = {
    "list_users", "create_user", "check", "storage", "verify", "find_events", "find_actions", "export_events",
    "find_accounts", "get_account", "invite", "make_link", "change_role", "change_details", "deactivate", "reactivate",
    "reset_second_factor", "list_sessions", "end_session", "end_sessions",
}  # fmt: skip


def test_the_list_of_calls_is_whole():
    assert set(CALLS) == {name for name, _ in service_functions()} - WITHOUT


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("what", ["closed", "role taken away", "forged role", "forged id"])
def test_a_stale_or_forged_actor_gets_nothing(store, actors, make_study, name, what):
    actor = actors["admin" if name in FOR_ADMINS else "patient" if name in FOR_PATIENTS else "doctor"]
    this = col(User.id) == actor.user_id
    match what:
        case "closed":
            write(store.engine, lambda s: s.exec(update(User).where(this).values(active=False)))
        case "role taken away":
            write(store.engine, lambda s: s.exec(update(User).where(this).values(role=Role.RESEARCHER)))
        case "forged role":
            actor = dataclasses.replace(actors["researcher"], role=actor.role)
        case "forged id":
            other = "colleague" if actor.role is Role.DOCTOR else "doctor"
            actor = dataclasses.replace(actor, user_id=actors[other].user_id)
    with pytest.raises(NotAllowed):
        CALLS[name](store, actor, make_study)
    with reading(store.engine) as session:
        assert not session.exec(select(Study)).all()
        assert len(session.exec(select(User)).all()) == len(actors)
