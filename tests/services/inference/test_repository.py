"""What the model repository refuses, and how a version goes live."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from services.errors import ModelDamaged, ModelMismatch, ModelNotFound
from services.inference.card import CARD, SELF_TEST, WEIGHTS
from services.inference.engine import Engine, load
from services.inference.prediction import ModelRef
from services.tasks import get_task

TASK = get_task("brain_tumor_type")


def edit_card(repository, ref, **changes):
    path = repository.folder(ref) / CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_every_shipped_version_is_whole(own_repository):
    refs = own_repository.refs()
    assert refs
    for ref in refs:
        card = own_repository.verify(ref)
        assert card.ref == ref
        assert {WEIGHTS, SELF_TEST} <= card.files.keys()


def test_the_default_network_of_the_task_is_live(own_repository):
    ref = own_repository.live_ref(TASK.key)
    assert ref.network == "efficientnet"
    assert ref == own_repository.live_ref(TASK.key, "efficientnet")


def test_what_is_not_there_is_told(own_repository):
    with pytest.raises(ModelNotFound, match="No model serves"):
        own_repository.live_ref("knee")
    with pytest.raises(ModelNotFound, match="alexnet"):
        own_repository.live_ref(TASK.key, "alexnet")
    with pytest.raises(ModelNotFound, match="no version"):
        own_repository.card(ModelRef(TASK.key, "efficientnet", "999"))


@pytest.mark.parametrize("name", [WEIGHTS, SELF_TEST])
def test_one_changed_byte_is_noticed(own_repository, name):
    ref = own_repository.live_ref(TASK.key)
    path = own_repository.folder(ref) / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelDamaged, match=name):
        load(own_repository, ref, TASK)


def test_a_missing_file_is_named(own_repository):
    ref = own_repository.live_ref(TASK.key)
    (own_repository.folder(ref) / WEIGHTS).unlink()
    with pytest.raises(ModelDamaged, match=WEIGHTS):
        load(own_repository, ref, TASK)


def test_another_preparation_is_refused(own_repository):
    ref = own_repository.live_ref(TASK.key)
    edit_card(own_repository, ref, preparation=own_repository.card(ref).preparation | {"version": "older"})
    with pytest.raises(ModelMismatch, match="older"):
        load(own_repository, ref, TASK)


def test_other_answers_to_the_self_test_are_refused(own_repository):
    ref = own_repository.live_ref(TASK.key)
    wrong = np.roll(own_repository.card(ref).self_test_probabilities, 1, axis=1).tolist()
    edit_card(own_repository, ref, self_test_probabilities=wrong)
    with pytest.raises(ModelMismatch, match="self-test"):
        load(own_repository, ref, TASK)


def test_an_unreadable_card_is_a_sentence(own_repository):
    ref = own_repository.live_ref(TASK.key)
    (own_repository.folder(ref) / CARD).write_text('{"task": 1}')
    with pytest.raises(ModelDamaged, match="does not read"):
        own_repository.card(ref)


def test_the_engine_takes_a_new_live_version_at_the_next_call(own_repository):
    old = own_repository.live_ref(TASK.key)
    new = ModelRef(old.task, old.network, own_repository.next_version(old.task, old.network))
    shutil.copytree(own_repository.folder(old), own_repository.folder(new))
    edit_card(own_repository, new, version=new.version, temperature=own_repository.card(old).temperature)
    engine = Engine(own_repository)
    assert engine.loaded(TASK).card.ref == old
    own_repository.make_live(new)
    assert engine.loaded(TASK).card.ref == new
    assert engine.loaded(TASK) is engine.loaded(TASK)
