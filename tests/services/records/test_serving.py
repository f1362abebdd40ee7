"""Promotion and rollback on behalf of a person: who may, and what the trail keeps of it."""

from __future__ import annotations

import dataclasses

import pytest
from sqlmodel import select

from services.errors import InferenceError, NotAllowed
from services.inference.repository import LIVE, ModelRepository
from services.records.database import reading
from services.records.tables import AuditEvent, Role
from services.serving import promote_model, roll_back_model, set_detection_threshold
from tests.services.inference.detecting import detecting_version
from tests.services.inference.versions import TASK, copy_version, shipped_alone


@pytest.fixture
def repository(tmp_path) -> ModelRepository:
    return shipped_alone(tmp_path / "models")


def trail(store) -> list[tuple[str, str, str, str]]:
    with reading(store.engine) as session:
        return [(e.who, e.action, e.object, e.outcome) for e in session.exec(select(AuditEvent)).all()]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_but_an_administrator_changes_what_serves(store, actors, repository, role):
    new, before = copy_version(repository), (repository.root / LIVE).read_bytes()
    forged = dataclasses.replace(actors[role], role=Role.ADMIN)
    for actor in (actors[role], forged):
        with pytest.raises(NotAllowed):
            promote_model(store, actor, repository, new)
        with pytest.raises(NotAllowed):
            roll_back_model(store, actor, repository, TASK.key)
    assert (repository.root / LIVE).read_bytes() == before
    assert trail(store) == []


def test_what_was_done_and_what_was_refused_is_noted(store, actors, repository):
    worse, admin = copy_version(repository, macro_f1=0.1), actors["admin"]
    with pytest.raises(InferenceError, match="macro-F1"):
        promote_model(store, admin, repository, worse)
    promote_model(store, admin, repository, worse, forced="it is for a test")
    assert repository.live_ref(TASK.key) == worse
    roll_back_model(store, admin, repository, TASK.key)
    assert repository.live_ref(TASK.key).version == "1"
    promoted = ("admin", "model.promote", f"model {worse}")
    why = ("admin", "model.promote", "reason: it is for a test", "done")
    by_command = ("", "model.promote", f"model {TASK.key}/{worse.network}/1 for none", "done")
    *events, (*back, what, outcome) = trail(store)
    assert events == [(*promoted, "refused"), by_command, (*promoted, "done"), why]
    assert (back, outcome) == (["admin", "model.rollback"], "done")
    assert what.startswith(f"model {worse} for 1 undone ")


def test_a_threshold_is_an_administrators_and_in_the_trail(store, actors, tmp_path):
    repository = ModelRepository(tmp_path / "detecting")
    ref = detecting_version(repository)
    for role in (role for role in Role if role is not Role.ADMIN):
        with pytest.raises(NotAllowed):
            set_detection_threshold(store, actors[role], repository, ref, 0.4)
    assert repository.threshold(ref) == 0.5
    set_detection_threshold(store, actors["admin"], repository, ref, 0.35)
    with pytest.raises(InferenceError, match="between 0 and 1"):
        set_detection_threshold(store, actors["admin"], repository, ref, 2)
    assert repository.threshold(ref) == 0.35
    moved, (by_command, *by_admin) = ("admin", "model.threshold"), trail(store)
    assert by_command[:2] == ("", "model.promote")
    assert by_command[2].startswith(f"model {ref} for none")
    assert by_admin == [
        (*moved, f"model {ref} threshold 0.35", "done"), (*moved, f"model {ref} threshold 2", "refused"),
    ]  # fmt: skip
