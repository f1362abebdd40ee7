"""How every right and every function of the records is used, for the tests of who may."""

from __future__ import annotations

import uuid
from datetime import date

from services.records.accounts import (
    change_details,
    change_role,
    deactivate,
    find_accounts,
    get_account,
    give_images,
    invite,
    make_link,
    reactivate,
    take_images,
)
from services.records.board import board, board_csv
from services.records.chain import verify
from services.records.columns import now
from services.records.counting import counts
from services.records.database import write
from services.records.exports import export_studies
from services.records.extending import extend_study
from services.records.history import find_studies, readers, studies_to_export
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
from services.records.patients import choose_patient, examined, find_patients, patient_to_save
from services.records.people import create_user, list_users, open_session
from services.records.removal import delete_study, restore_study
from services.records.research import export_deidentified
from services.records.results import find_results, get_result
from services.records.reviews import NewReview, save_release, save_review, withdraw_release
from services.records.rights import Action, require
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
    PatientCreate,
    Profile,
    ReasonCreate,
    ReleaseCreate,
    ReviewCreate,
    Role,
    User,
    UserCreate,
)
from services.records.trail import export_events, find_actions, find_events
from services.records.trends import agreement, asked_tasks, by_month
from services.records.upkeep import check, storage

PASSWORD = "a passphrase for tests"
AGREE, WHY, NOTE = ReviewCreate(decision="agree"), ReasonCreate(reason="A mistake."), ReleaseCreate(note="Well.")
PDF = (b"%PDF-", "application/pdf", "falx.pdf")

# Those that name one object, which has to be the actor's.
OF_ONE = {
    Action.STUDY_VIEW, Action.STUDY_EXTEND, Action.STUDY_PREDICT, Action.STUDY_REVIEW, Action.STUDY_RELEASE,
    Action.STUDY_DELETE, Action.RESULT_VIEW, Action.FILE_READ, Action.PATIENT_VIEW, Action.PATIENT_EDIT,
    Action.PATIENT_SHARE, Action.PATIENT_LINK,
}  # fmt: skip


def admin_beside(store):
    """A second administrator."""

    def work(session):
        user = User(username="beside", full_name="Beside", role=Role.ADMIN, password_hash="closed")
        session.add(user)
        session.flush()
        return user

    return write(store.engine, work)


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
        case Action.STUDY_EXTEND:
            images, task = make_study().images, theirs.task
            return 1 if extend_study(store, actor, study_id, task, images, PDF, seen=len(theirs.images)) else 0
        case Action.STUDY_PREDICT:
            return 1 if save_opinion(store, actor, study_id, make_study().images[0].prediction) else 0
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
        case Action.RESEARCH_EXPORT:
            return len(b"".join(export_deidentified(store, actor, theirs.task)).splitlines()) - 1
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
        case Action.IMAGES_GIVE:
            return 1 if give_images(store, actor, admin_beside(store).public_id) else 0
        case Action.STORE_CHECK:
            return check(store, actor).files
        case Action.AUDIT_VIEW:
            return len(find_events(store, actor).events)
        case Action.AUDIT_EXPORT:
            return len(b"".join(export_events(store, actor)))
    require(actor, action)
    return 1


CALLS = {
    "save_study": lambda store, actor, make: save_study(store, actor, make()),
    "get_study": lambda store, actor, make: get_study(store, actor, uuid.uuid4()),
    "read_file": lambda store, actor, make: read_file(store, actor, uuid.uuid4(), "upload"),
    "find_studies": lambda store, actor, make: find_studies(store, actor),
    "readers": lambda store, actor, make: readers(store, actor),
    "studies_to_export": lambda store, actor, make: studies_to_export(store, actor),
    "by_month": lambda store, actor, make: by_month(store, actor, "brain_tumor_type"),
    "asked_tasks": lambda store, actor, make: asked_tasks(store, actor),
    "agreement": lambda store, actor, make: agreement(store, actor),
    "export_studies": lambda store, actor, make: export_studies(store, actor, "csv"),
    "extend_study": lambda store, actor, make: extend_study(
        store, actor, uuid.uuid4(), "brain_tumor_type", make().images, PDF, seen=1
    ),
    "save_opinion": lambda store, actor, make: save_opinion(store, actor, uuid.uuid4(), make().images[0].prediction),
    "save_review": lambda store, actor, make: save_review(store, actor, uuid.uuid4(), NewReview(AGREE), PDF),
    "save_release": lambda store, actor, make: save_release(store, actor, uuid.uuid4(), NOTE, now(), {1: PDF}),
    "withdraw_release": lambda store, actor, make: withdraw_release(store, actor, uuid.uuid4(), WHY),
    "delete_study": lambda store, actor, make: delete_study(store, actor, uuid.uuid4(), WHY),
    "restore_study": lambda store, actor, make: restore_study(store, actor, uuid.uuid4()),
    "find_results": lambda store, actor, make: find_results(store, actor),
    "get_result": lambda store, actor, make: get_result(store, actor, uuid.uuid4()),
    "counts": lambda store, actor, make: counts(store, actor),
    "board": lambda store, actor, make: board(store, actor),
    "board_csv": lambda store, actor, make: board_csv(store, actor),
    "find_patients": lambda store, actor, make: find_patients(store, actor),
    "examined": lambda store, actor, make: examined(store, actor, [uuid.uuid4()]),
    "choose_patient": lambda store, actor, make: choose_patient(store, actor, uuid.uuid4()),
    "patient_to_save": lambda store, actor, make: patient_to_save(store, actor, uuid.uuid4()),
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
    "export_deidentified": lambda store, actor, make: export_deidentified(store, actor, "brain_tumor_type"),
    "give_images": lambda store, actor, make: give_images(store, actor, uuid.uuid4()),
    "take_images": lambda store, actor, make: take_images(store, actor, uuid.uuid4()),
    "storage": lambda store, actor, make: storage(store, actor),
    "open_session": lambda store, actor, make: open_session(store, actor),
}


FOR_RESEARCHERS = {"export_deidentified"}
FOR_PATIENTS = {"find_results", "get_result"}
FOR_ADMINS = {
    "list_users", "create_user", "check", "storage", "verify", "find_events", "find_actions", "export_events",
    "find_accounts", "get_account", "invite", "make_link", "change_role", "change_details", "deactivate", "reactivate",
    "give_images", "take_images", "reset_second_factor", "list_sessions", "end_session", "end_sessions",
}  # fmt: skip
