"""One test a cell of the table of rights, against the functions themselves."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import uuid

import pytest
from sqlmodel import col, select, update

from services import records
from services.errors import InvalidRecord, NotAllowed, NotFound
from services.records.columns import now
from services.records.database import reading, write
from services.records.exports import export_studies
from services.records.history import counts, find_studies, readers
from services.records.opinions import save_opinion
from services.records.patients import find_patients
from services.records.people import create_user, list_users, open_session
from services.records.removal import delete_study, restore_study
from services.records.results import find_results, get_result
from services.records.reviews import NewReview, save_release, save_review, withdraw_release
from services.records.rights import Action, Scope, may, require, scope, visible_patients, visible_studies
from services.records.studies import get_study, read_file, save_study
from services.records.tables import (
    Patient,
    ReasonCreate,
    ReleaseCreate,
    ReviewCreate,
    Role,
    Study,
    User,
    UserCreate,
)
from services.records.trends import agreement, by_month
from services.records.upkeep import check
from tests.services.records.test_reviews import released

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
    "patient.find": {"doctor": "own"},
    "account.list": {"admin": "any"},
    "account.create": {"admin": "any"},
    "store.check": {"admin": "any"},
    "model.promote": {"admin": "any"},
    "model.rollback": {"admin": "any"},
}
# Those that name one study, which has to be the actor's.
OF_ONE = {
    Action.STUDY_VIEW, Action.STUDY_PREDICT, Action.STUDY_REVIEW, Action.STUDY_RELEASE, Action.STUDY_DELETE,
    Action.RESULT_VIEW, Action.FILE_READ,
}  # fmt: skip
AGREE, WHY, NOTE = ReviewCreate(decision="agree"), ReasonCreate(reason="A mistake."), ReleaseCreate(note="Well.")
PDF = (b"%PDF-", "application/pdf", "falx.pdf")
CELLS = [(role, action) for role in Role for action in Action]


@pytest.mark.parametrize(("role", "action"), CELLS)
def test_cell(role, action):
    assert scope(role, action) == EXPECTED[action].get(role, "none")


def test_no_action_is_forgotten():
    assert set(EXPECTED) == {action.value for action in Action}
    assert scope("janitor", Action.METRICS_VIEW) is Scope.NONE
    assert scope(Role.ADMIN, "everything") is Scope.NONE


def ask(action, store, actor, make_study, study_id):
    """Do ``action`` by the function that does it; how many things of others came back."""
    match action:
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
        case Action.PATIENT_FIND:
            return len(find_patients(store, actor))
        case Action.ACCOUNT_LIST:
            return len(list_users(store, actor))
        case Action.ACCOUNT_CREATE:
            new = UserCreate(username="new", full_name="New", role="doctor")
            return 1 if create_user(store, actor, new, "a long enough one") else 0
        case Action.STORE_CHECK:
            return check(store, actor).files
    require(actor, action)
    return 1


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("action", list(Action))
def test_every_function_keeps_to_the_table(store, actors, make_study, role, action):
    theirs = save_study(store, actors["colleague"], make_study()).public_id
    actor = actors[role.value]
    covered = Scope(EXPECTED[action].get(role, "none"))
    assert may(actor, action) is (covered is not Scope.NONE)
    if covered is Scope.NONE:
        with pytest.raises(NotAllowed, match=f"{role.value}.*does not include"):
            ask(action, store, actor, make_study, theirs)
    elif covered is not Scope.ANY and action in OF_ONE:
        with pytest.raises(NotFound):
            ask(action, store, actor, make_study, theirs)
    elif action is Action.STUDY_EXPORT:
        with pytest.raises(InvalidRecord, match="No study fits"):
            ask(action, store, actor, make_study, theirs)
    else:
        assert (ask(action, store, actor, make_study, theirs) > 0) is (covered is Scope.ANY)


def test_own_studies_and_patients_are_seen_and_only_those(store, actors, make_study):
    for who in ("doctor", "colleague"):
        for _ in range(3):
            save_study(store, actors[who], make_study(name=f"Patient of {who}"))
    for who in ("doctor", "colleague"):
        assert {s.patient_name for s in find_studies(store, actors[who]).studies} == {f"Patient of {who}"}
        assert {p.name for p in find_patients(store, actors[who])} == {f"Patient of {who}"}
        assert counts(store, actors[who]).studies == counts(store, actors[who]).patients == 3
    assert counts(store, actors["admin"]).studies == 6


def test_a_patient_seen_by_two_doctors_is_found_by_both_but_their_studies_are_not(store, actors, make_study):
    for who in ("doctor", "colleague"):
        save_study(store, actors[who], make_study(identifier="H-9"))
        assert len(find_studies(store, actors[who]).studies) == 1
        assert len(find_patients(store, actors[who], "h-9")) == 1


def test_the_rule_for_rows_and_the_rule_for_lists_are_the_same(store, actors, make_study):
    for who in ("doctor", "colleague"):
        save_study(store, actors[who], make_study())
    released(store, actors, make_study, identifier="H-1")
    gone = save_study(store, actors["doctor"], make_study(identifier="H-1"))
    delete_study(store, actors["doctor"], gone.public_id, WHY)
    assert len(find_results(store, actors["patient"])) == 1
    with reading(store.engine) as session:
        everything = session.exec(select(Study)).all()
        for actor in actors.values():
            for action in Action:
                listed = {s.id for s in session.exec(select(Study).where(visible_studies(actor, action))).all()}
                allowed = set()
                for study in everything:
                    try:
                        require(actor, action, study)
                    except (NotAllowed, NotFound):
                        continue
                    allowed.add(study.id)
                assert listed == allowed
                if actor.role is Role.PATIENT:
                    # They read results, and look nobody up.
                    continue
                patients = session.exec(select(Patient).where(visible_patients(actor, action))).all()
                assert len(patients) == len(listed)


# What the sign-in itself needs, and what only the command line calls.
WITHOUT = {"authenticate", "actor_for_token", "close_session", "create_admin", "sweep", "check_startup",
           "check_revision", "ensure_demo_accounts", "close_demo_accounts", "open_demo_accounts", "purge"}  # fmt: skip


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
    "find_patients": lambda store, actor, make: find_patients(store, actor),
    "list_users": lambda store, actor, make: list_users(store, actor),
    "create_user": lambda store, actor, make: create_user(
        store, actor, UserCreate(username="new", full_name="New", role="admin"), "a long enough one"
    ),
    "check": lambda store, actor, make: check(store, actor),
    "open_session": lambda store, actor, make: open_session(store, actor),
}


def test_the_list_of_calls_is_whole():
    assert set(CALLS) == {name for name, _ in service_functions()} - WITHOUT


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("what", ["closed", "role taken away", "forged role", "forged id"])
def test_a_stale_or_forged_actor_gets_nothing(store, actors, make_study, name, what):
    roles = dict.fromkeys(("list_users", "create_user", "check"), "admin")
    actor = actors[(roles | dict.fromkeys(("find_results", "get_result"), "patient")).get(name, "doctor")]
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
