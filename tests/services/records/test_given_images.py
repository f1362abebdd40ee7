"""An administrator sees no image until another one gives the right to, and for some hours only."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import col, select, update

from services.errors import InvalidRecord, NotAllowed, NotFound
from services.records.accounts import IMAGES_LAST, change_role, give_images, take_images
from services.records.columns import now
from services.records.database import reading, write
from services.records.history import find_studies
from services.records.people import actor_of
from services.records.reviews import save_review
from services.records.rights import GIVEN, HERE, RIGHTS, Action, Scope, may, scope
from services.records.studies import get_study, read_file, save_study
from services.records.tables import AuditEvent, Role, User
from tests.services.records.asked import AGREE, PDF, NewReview, admin_beside


@pytest.fixture
def beside(store):
    return admin_beside(store)


def acting(store, user):
    """The actor of an account as a page makes it."""
    with reading(store.engine) as session:
        return actor_of(session, session.get_one(User, user.id), HERE, demo=True)


def test_the_right_is_given_by_another_used_and_ends(store, actors, make_study, beside):
    study = save_study(store, actors["doctor"], make_study())
    before = acting(store, beside)
    for look in (
        lambda: find_studies(store, before),
        lambda: get_study(store, before, study.public_id),
        lambda: read_file(store, before, study.public_id, "upload"),
    ):
        with pytest.raises(NotAllowed):
            look()
    given = give_images(store, actors["admin"], beside.public_id)
    assert timedelta(0) < given.images_until - now() <= IMAGES_LAST
    seeing = acting(store, beside)
    assert [s.public_id for s in find_studies(store, seeing).studies] == [study.public_id]
    assert get_study(store, seeing, study.public_id).public_id == study.public_id
    assert read_file(store, seeing, study.public_id, "upload")
    with pytest.raises(NotAllowed):
        save_review(store, seeing, study.public_id, NewReview(AGREE), PDF)
    take_images(store, actors["admin"], beside.public_id)
    with pytest.raises(NotAllowed, match="has ended"):
        get_study(store, seeing, study.public_id)
    with reading(store.engine) as session:
        these = select(AuditEvent).where(col(AuditEvent.action).in_(["images.give", "study.view"]))
        events = session.exec(these.order_by(AuditEvent.id)).all()
        told = [(event.who, event.action) for event in events if event.outcome == "done"]
        assert told == [("admin", "images.give"), ("beside", "study.view"), ("admin", "images.give")]


def test_it_ends_by_itself_and_with_the_role(store, actors, make_study, beside):
    give_images(store, actors["admin"], beside.public_id)
    seeing = acting(store, beside)
    this = update(User).where(col(User.id) == beside.id)
    write(store.engine, lambda s: s.exec(this.values(images_until=now() - timedelta(seconds=1))))
    with pytest.raises(NotAllowed, match="has ended"):
        find_studies(store, seeing)
    assert not acting(store, beside).images
    give_images(store, actors["admin"], beside.public_id)
    change_role(store, actors["admin"], beside.public_id, Role.RESEARCHER)
    assert not acting(store, beside).images


def test_nobody_gives_it_to_the_own_account_or_to_another_role(store, actors):
    admin = actors["admin"]
    with pytest.raises(InvalidRecord, match="own account"):
        give_images(store, admin, admin.public_id)
    with pytest.raises(InvalidRecord, match="Only an administrator"):
        give_images(store, admin, actors["researcher"].public_id)
    with pytest.raises(NotFound):
        give_images(store, admin, actors["doctor"].public_id.__class__(int=5))


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_a_forged_right_is_worth_nothing(store, actors, make_study, role):
    study = save_study(store, actors["colleague"], make_study())
    forged = replace(actors[role], images=True)
    assert [action for action in Action if may(forged, action)] == [a for a in Action if a in RIGHTS[role]]
    with pytest.raises((NotAllowed, NotFound)):
        get_study(store, forged, study.public_id)


def test_it_covers_looking_and_nothing_else():
    assert {action for action, covered in GIVEN.items()} == {Action.STUDY_FIND, Action.STUDY_VIEW, Action.FILE_READ}
    assert scope(Role.ADMIN, Action.STUDY_VIEW, images=True) is Scope.ANY
    assert scope(Role.ADMIN, Action.STUDY_VIEW) is Scope.NONE
