"""Every task of the catalogue is complete and speaks as Falx speaks; a new task is checked by being there."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from services.errors import ModelNotFound
from services.imaging.decode import decode
from services.imaging.gate import check
from services.imaging.phantom import PHANTOMS, as_dicom, draw
from services.imaging.prepare import prepare
from services.inference.networks import NETWORKS
from services.tasks import TASKS, get_task
from services.tasks.task import Task

ALL = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


def sentences(task: Task) -> list[str]:
    return [*(info.finding for info in task.classes), task.uncertain_finding, *task.caveats, task.question]


@ALL
def test_classes_have_keys_names_and_colours_of_their_own(task: Task):
    for part in ("key", "name", "colour", "finding"):
        values = [getattr(info, part) for info in task.classes]
        assert len(set(values)) == len(values) >= 2, part
    assert all(re.fullmatch(r"#[0-9A-F]{6}", info.colour) for info in task.classes)
    assert {info.positive for info in task.classes} == {True, False}


@ALL
def test_every_label_of_a_corpus_allows_known_classes(task: Task):
    assert set(task.class_keys) <= set(task.labels)
    for key in task.class_keys:
        assert task.labels[key] == (key,)
    for allowed in task.labels.values():
        assert allowed
        assert set(allowed) <= set(task.class_keys)


@ALL
def test_wording_suggests_and_never_diagnoses(task: Task):
    for text in sentences(task):
        assert text[0].isupper()
        assert text.endswith((".", "?"))
        assert not re.search(r"diagnos|!|\bAI\b|powered", text, re.IGNORECASE), text
    assert all("suggests" in info.finding for info in task.classes)
    assert "refer" in task.uncertain_finding


@ALL
def test_preparation_and_gate_are_usable(task: Task):
    low, high = task.preparation.percentiles
    assert 0 <= low < high <= 100
    assert task.preparation.version
    # Networks halve it five times.
    assert task.preparation.size % 32 == 0
    prepared = prepare(draw(task.phantoms[0]).astype(np.float32) / np.float32(255), task.preparation)
    assert prepared.pixels.shape == (task.preparation.size,) * 2
    assert set(task.networks) <= set(NETWORKS)
    assert task.gate.modalities
    assert task.intended_use.endswith(".")
    assert all(limit.endswith(".") for limit in task.limits)
    assert task.gate.minimum_side <= task.preparation.size


@ALL
def test_every_picture_drawn_for_a_task_passes_its_check_and_preparation(task: Task):
    assert len(task.phantoms) >= 4
    assert set(task.samples) <= set(task.phantoms)
    for key in task.phantoms:
        image = decode(as_dicom(key))
        assert check(image, task).reasons == (), key
        prepare(image.pixels, task.preparation)


def test_the_heads_are_tested_in_their_old_order():
    for key in ("brain_tumor_type", "brain_tumor_presence"):
        assert get_task(key).phantoms == tuple(info.key for info in PHANTOMS)


@ALL
def test_a_task_that_detects_has_two_classes_the_second_of_them_positive(task: Task):
    if task.detects is None:
        assert task.detection_threshold is None
        return
    assert [info.positive for info in task.classes] == [False, True]
    assert task.detects is task.classes[1]
    assert 0 < task.detection_threshold < 1


@ALL
def test_a_second_opinion_is_asked_of_another_task_of_the_catalogue(task: Task):
    assert task.second_opinion == "" or task.second_opinion in TASKS.keys() - {task.key}


@ALL
def test_a_task_cannot_be_changed_while_it_serves(task: Task):
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.title = "another"  # type: ignore[misc]


def test_the_catalogue_finds_by_key_and_names_what_it_has():
    for key, task in TASKS.items():
        assert get_task(key) is task
        assert task.key == key
        assert task.class_info(task.class_keys[0]) is task.classes[0]
    with pytest.raises(ModelNotFound, match="brain_tumor_type"):
        get_task("heart")
    with pytest.raises(KeyError):
        next(iter(TASKS.values())).class_info("heart")
