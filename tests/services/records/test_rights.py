"""One test a cell of the table of rights, against the functions themselves."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil

import pytest
from sqlmodel import col, select, update

from services import followup, invitations, records, reopening, serving, workflow
from services.errors import InvalidRecord, NotAllowed, NotFound
from services.records.chain import verify
from services.records.counting import counts
from services.records.database import reading, write
from services.records.history import find_studies, studies_to_export
from services.records.patient_records import (
    share_patient,
)
from services.records.patients import find_patients
from services.records.removal import delete_study
from services.records.results import find_results, get_result
from services.records.rights import Action, Scope, may, scope, visible_parts, visible_patients, visible_studies
from services.records.studies import get_study, save_study
from services.records.tables import (
    Patient,
    PatientDoctor,
    Role,
    Study,
    User,
)
from services.records.upkeep import check
from tests.services.records.asked import CALLS, FOR_ADMINS, FOR_PATIENTS, FOR_RESEARCHERS, OF_ONE, WHY, ask
from tests.services.records.test_reviews import released

# Written out again on purpose: whoever changes the table has to change it here too.
EXPECTED = {
    "metrics.view": {"admin": "any", "doctor": "any", "researcher": "any"},
    "study.save": {"doctor": "own"},
    "study.find": {"doctor": "own"},
    "study.view": {"doctor": "own"},
    "study.count": {"admin": "any", "doctor": "own", "researcher": "any"},
    "study.export": {"doctor": "own"},
    "study.extend": {"doctor": "own"},
    "study.predict": {"doctor": "own"},
    "study.review": {"doctor": "own"},
    "study.release": {"doctor": "own"},
    "study.delete": {"doctor": "own"},
    "result.view": {"patient": "released"},
    "file.read": {"doctor": "own", "patient": "released"},
    "board.view": {"admin": "any", "doctor": "own"},
    "board.export": {"doctor": "own"},
    "research.export": {"researcher": "any"},
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
    "images.give": {"admin": "any"},
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
CELLS = [(role, action) for role in Role for action in Action]


@pytest.mark.parametrize(("role", "action"), CELLS)
def test_cell(role, action):
    assert scope(role, action) == EXPECTED[action].get(role, "none")


def test_no_action_is_forgotten():
    assert set(EXPECTED) == {action.value for action in Action}
    assert scope("janitor", Action.METRICS_VIEW) is Scope.NONE
    assert scope(Role.ADMIN, "everything") is Scope.NONE


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
           "purge", "check_by_command", "verify_by_command", "restore_by_command"}  # fmt: skip


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


# Nobody is signed in who has forgotten the password; a comparison of what it is given; the app's own look at live.json.
ABOVE_WITHOUT = {"mail_reset", "Workbench.contradicted", "ServingWatch.look"}


def functions_above():
    """Every public function and method of the services above the records that works on the store, by name."""
    for module in (serving, workflow, followup, reopening, invitations):
        for thing in vars(module).values():
            if getattr(thing, "__module__", "") != module.__name__:
                continue
            methods = inspect.getmembers(thing, inspect.isfunction) if inspect.isclass(thing) else [(None, thing)]
            for _, function in methods:
                if not inspect.isfunction(function) or function.__name__.startswith("_"):
                    continue
                if {"store", "bench", "self"} & set(inspect.signature(function).parameters):
                    yield function.__qualname__, function


def test_every_function_above_the_records_takes_the_acting_user_or_has_a_reason_not_to():
    found = dict(functions_above())
    assert {"Workbench.save", "promote_model", "release", "reopen", "send_link"} < set(found)
    lacking = {name for name, function in found.items() if "actor" not in inspect.signature(function).parameters}
    assert lacking == ABOVE_WITHOUT


def test_an_actor_is_never_left_out_and_a_caller_never_chooses_the_right_that_is_asked():
    for name, function in (*service_functions(), *functions_above()):
        parameters = inspect.signature(function).parameters
        assert "action" not in parameters, name
        actor = parameters.get("actor")
        assert actor is None or (actor.default, actor.annotation) == (inspect.Parameter.empty, "Actor"), name


@pytest.mark.parametrize("function", [check, verify, find_studies, studies_to_export])
def test_a_forgotten_actor_is_an_error(store, function):
    with pytest.raises(TypeError, match="actor"):
        function(store)
    with pytest.raises(AttributeError):
        function(store, None)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.DOCTOR])
def test_no_action_shows_the_list_of_studies_to_who_may_not_find_them(store, actors, make_study, role):
    save_study(store, actors["doctor"], make_study())
    for action in Action:
        with pytest.raises(TypeError):
            find_studies(store, actors[role.value], action=action)
    for look in (find_studies, studies_to_export):
        with pytest.raises(NotAllowed):
            look(store, actors[role.value])


def test_the_list_of_calls_is_whole():
    assert set(CALLS) == {name for name, _ in service_functions()} - WITHOUT


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("what", ["closed", "role taken away", "forged role", "forged id"])
def test_a_stale_or_forged_actor_gets_nothing(store, actors, make_study, name, what):
    theirs = {"admin": FOR_ADMINS, "patient": FOR_PATIENTS, "researcher": FOR_RESEARCHERS}
    actor = actors[next((role for role, names in theirs.items() if name in names), "doctor")]
    another = Role.PATIENT if actor.role is Role.RESEARCHER else Role.RESEARCHER
    this = col(User.id) == actor.user_id
    match what:
        case "closed":
            write(store.engine, lambda s: s.exec(update(User).where(this).values(active=False)))
        case "role taken away":
            write(store.engine, lambda s: s.exec(update(User).where(this).values(role=another)))
        case "forged role":
            actor = dataclasses.replace(actors[another.value], role=actor.role)
        case "forged id":
            other = "colleague" if actor.role is Role.DOCTOR else "doctor"
            actor = dataclasses.replace(actor, user_id=actors[other].user_id)
    with pytest.raises(NotAllowed):
        CALLS[name](store, actor, make_study)
    with reading(store.engine) as session:
        assert not session.exec(select(Study)).all()
        assert len(session.exec(select(User)).all()) == len(actors)
