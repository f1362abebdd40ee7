"""What the model repository refuses, and how live.json is replaced."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from services.errors import InferenceError, ModelDamaged, ModelMismatch, ModelNotFound
from services.inference.card import CARD, SELF_TEST, WEIGHTS
from services.inference.engine import load
from services.inference.figures import Estimate
from services.inference.findings import CrossvalFigures, Findings
from services.inference.prediction import ModelRef
from services.inference.repository import FINDINGS, LIVE, ModelRepository, Serving
from services.settings import ROOT
from tests.services.inference.versions import TASK, copy_version, damage, edit_card


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
    damage(own_repository, ref, name)
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


def replace_weights(repository, ref, data: bytes):
    (repository.folder(ref) / WEIGHTS).write_bytes(data)
    files = {**repository.card(ref).files, WEIGHTS: hashlib.sha256(data).hexdigest()}
    edit_card(repository, ref, files=files)


def test_weights_that_are_none_are_a_sentence_whatever_their_hash(own_repository):
    ref = own_repository.live_ref(TASK.key)
    replace_weights(own_repository, ref, b"no archive")
    with pytest.raises(InferenceError, match="cannot be loaded"):
        load(own_repository, ref, TASK)


def test_weights_that_are_no_numbers_fail_the_self_test(own_repository, tmp_path):
    ref = own_repository.live_ref(TASK.key)
    with np.load(own_repository.folder(ref) / WEIGHTS) as arrays:
        values = {name: arrays[name] for name in arrays}
    values["logits/bias"] = np.full_like(values["logits/bias"], np.nan)
    np.savez(tmp_path / WEIGHTS, allow_pickle=False, **values)
    replace_weights(own_repository, ref, (tmp_path / WEIGHTS).read_bytes())
    with pytest.raises(ModelMismatch, match="self-test"):
        load(own_repository, ref, TASK)


def test_a_card_of_another_version_or_without_hashes_is_refused(own_repository):
    ref = copy_version(own_repository)
    edit_card(own_repository, ref, files={})
    with pytest.raises(ModelDamaged, match="too few files"):
        own_repository.verify(ref)
    edit_card(own_repository, ref, version="1", files=own_repository.card(own_repository.live_ref(TASK.key)).files)
    with pytest.raises(ModelDamaged, match="is that of"):
        own_repository.verify(ref)


def test_a_version_that_is_being_registered_is_none_yet(own_repository):
    ref = own_repository.live_ref(TASK.key)
    folder = own_repository.folder(ref)
    (folder.parent / ".2.partial").mkdir()
    (folder.parent / ".2.partial" / CARD).write_text("{}")
    assert own_repository.refs() == [ref]


def test_findings_of_a_task_without_a_version_are_kept(tmp_path):
    repository = ModelRepository(tmp_path)
    repository.keep("breast_cancer", Findings())
    assert repository.findings("breast_cancer") == Findings()
    assert [path.name for path in (tmp_path / "breast_cancer").iterdir()] == [FINDINGS]


@pytest.mark.parametrize(
    "where", ["a class", "a source or patients", "patients of the folds", "another network's folds"]
)
def test_one_interval_that_reaches_near_chance_is_enough(own_repository, where):
    ref = own_repository.live_ref(TASK.key)
    assert not own_repository.may_be_chance(ref)
    card, low = own_repository.card(ref), Estimate(value=0.8, low=0.59, high=0.9)
    (name, class_figures), *_ = card.test.classes.items()
    near = card.test.model_copy(update={"classes": {name: class_figures.model_copy(update={"roc_auc": low})}})
    row = card.presence[0].model_copy(update={"auc": low})
    if where == "a class":
        edit_card(own_repository, ref, test=near.model_dump(mode="json"))
    elif where == "a source or patients":
        edit_card(own_repository, ref, presence=[row.model_dump(mode="json")])
    else:
        network = "vgg16" if "another" in where else ref.network
        figures = CrossvalFigures(
            network=network, network_title="", passes=1, folds=(), pooled=card.test, sources=(), patients=(row,)
        )
        own_repository.keep(ref.task, Findings(crossval=(figures,)))
    assert own_repository.may_be_chance(ref) is ("another" not in where)


def test_what_answers_of_mammograms_says_that_it_may_be_chance():
    shipped = ModelRepository(ROOT / "saved_models")
    assert shipped.may_be_chance(shipped.live_ref("breast_cancer"))
    assert not shipped.may_be_chance(shipped.live_ref("brain_tumor_presence"))


def test_a_live_file_without_history_reads(own_repository):
    (own_repository.root / LIVE).write_text(
        json.dumps({TASK.key: {"default": "efficientnet", "versions": {"efficientnet": "1"}}})
    )
    assert own_repository.live() == {TASK.key: Serving(default="efficientnet", versions={"efficientnet": "1"})}


@pytest.mark.parametrize("text", ["", "[]", '{"t": {"default": "a", "versions": {"b": "1"}}}'])
def test_a_spoilt_live_file_is_a_sentence(own_repository, text):
    (own_repository.root / LIVE).write_text(text)
    with pytest.raises(ModelMismatch, match="does not read"):
        own_repository.live()


def test_a_change_that_fails_halfway_changes_nothing(own_repository):
    before = (own_repository.root / LIVE).read_bytes()
    with pytest.raises(ZeroDivisionError), own_repository.changing() as live:
        live["other"] = Serving(default="a", versions={"a": str(1 // len(live.pop(TASK.key).history))})
    assert (own_repository.root / LIVE).read_bytes() == before


def test_a_folder_that_cannot_be_written_is_a_sentence(own_repository):
    (own_repository.root / f"{LIVE}.partial").mkdir()
    with pytest.raises(InferenceError, match="cannot be written"), own_repository.changing() as live:
        live["other"] = Serving(default="a", versions={"a": "1"})


WRITER = """
import sys
from pathlib import Path
from services.inference.repository import ModelRepository, Serving
repository = ModelRepository(Path(sys.argv[1]))
sys.stdin.readline()
for number in range(25):
    with repository.changing() as live:
        live[f"{sys.argv[2]}{number}"] = Serving(default="a", versions={"a": str(number)})
"""


def test_no_change_of_two_writers_at_once_is_lost(own_repository):
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(own_repository.root), name], cwd=ROOT, stdin=subprocess.PIPE
        )
        for name in "ab"
    ]
    for writer in writers:
        writer.stdin.write(b"\n")
        writer.stdin.close()
    while any(writer.poll() is None for writer in writers):
        assert TASK.key in own_repository.live()
    assert [writer.returncode for writer in writers] == [0, 0]
    assert len(own_repository.live()) == 1 + 2 * 25
