"""What a network learns from a teacher, by hand and in a run of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from services.inference.networks import NETWORKS, build
from services.inference.outline import with_outline
from services.tasks import get_task
from tests.training.drawn import SHALLOW_RESNET, TASK, write_settings
from training.fit import compile_whole, fit
from training.learner import TEACHER, Regrouped, Taught, with_teachers
from training.run import BEST, RunError, RunSettings, check_start, groups_between


def test_the_lesson_is_the_cross_entropy_against_the_teacher():
    student = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], np.float32)) + 3
    teacher = np.log(np.array([[0.8, 0.1, 0.1], [0.3, 0.3, 0.4]], np.float32)) - 5
    second = np.log(np.array([[0.4, 0.5, 0.1], [0.1, 0.1, 0.8]], np.float32))
    layer = Taught(0.5)
    given_on = np.asarray(layer(student, [teacher, second]))
    assert np.array_equal(given_on, student)
    told = -(0.6 * np.log(0.7) + 0.3 * np.log(0.2) + 0.1 * np.log(0.1))
    told -= 0.2 * np.log(0.1) + 0.2 * np.log(0.1) + 0.6 * np.log(0.8)
    assert float(layer.losses[0]) == pytest.approx(0.5 * told / 2, rel=1e-5)


def test_a_teacher_learns_nothing_and_answers_as_it_did(tmp_path):
    keras.utils.set_random_seed(2)
    teacher, student = build("vgg16", 4, size=64), build("vgg16", 4, size=64)
    before = [np.array(w) for w in teacher.get_weights()]
    learner = with_teachers(with_outline(student, "vgg16"), [teacher], 0.7)
    settings = RunSettings(TASK.key, "vgg16", (), "none", teachers=("somewhere",))
    compile_whole(learner, settings)
    assert not learner.get_layer(f"{TEACHER}_0").trainable_variables
    pictures = np.random.default_rng(0).random((4, 64, 64, 1)).astype(np.float32)
    learnt = {"logits": np.eye(4, dtype=np.float32), "outline": np.full((4, 16, 16, 1), -1.0, np.float32)}
    learner.train_on_batch(pictures, learnt)
    assert all(np.array_equal(old, new) for old, new in zip(before, teacher.get_weights(), strict=True))


def test_a_run_that_is_taught_ships_the_student_alone(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(NETWORKS, "resnet50", SHALLOW_RESNET)
    folders = (str(corpus / "named"), str(corpus / "vague"))
    alone = RunSettings(TASK.key, "resnet50", folders, "none", passes=1, draws=8, batch=8, val_share=1.0)
    write_settings(tmp_path / "teacher", replace(alone, network="smallcnn"))
    build("smallcnn", 4).save_weights(tmp_path / "teacher" / BEST)
    taught = replace(alone, teachers=(str(tmp_path / "teacher"),), pixels=96)
    best = fit(taught, tmp_path / "student", cache=tmp_path / "cache")
    build("resnet50", 4).load_weights(best)


def test_what_the_types_say_is_told_as_tumour_or_none():
    groups = groups_between(TASK, get_task("brain_tumor_presence"))
    assert groups == [[3], [0, 1, 2]]
    logits = np.log(np.array([[0.2, 0.3, 0.1, 0.4], [0.05, 0.01, 0.04, 0.9]], np.float32)) + 2
    told = np.asarray(keras.ops.softmax(Regrouped(groups)(logits)))
    assert told == pytest.approx(np.array([[0.4, 0.6], [0.9, 0.1]]), abs=1e-5)


def test_a_run_of_the_types_teaches_tumour_or_none(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(NETWORKS, "resnet50", SHALLOW_RESNET)
    folders = (str(corpus / "named"), str(corpus / "vague"))
    types = RunSettings(TASK.key, "smallcnn", folders, "none", passes=1, draws=8, batch=8, val_share=1.0)
    write_settings(tmp_path / "types", types)
    build("smallcnn", 4).save_weights(tmp_path / "types" / BEST)
    settings = replace(
        types, task="brain_tumor_presence", network="resnet50", teachers=(str(tmp_path / "types"),), pixels=96
    )
    check_start(settings)
    best = fit(settings, tmp_path / "student", cache=tmp_path / "cache")
    build("resnet50", 2).load_weights(best)


@pytest.mark.parametrize("asked", ["breast_cancer", "brain_tumor_presence"])
def test_a_teacher_whose_classes_are_no_labels_is_a_sentence(asked: str):
    teacher = get_task("breast_cancer" if asked != "breast_cancer" else "brain_tumor_presence")
    with pytest.raises(RunError, match=f"cannot teach {asked}"):
        groups_between(teacher, get_task(asked))


def test_a_teacher_that_is_no_finished_run_is_a_sentence(corpus: Path, tmp_path: Path):
    settings = RunSettings(TASK.key, "vgg16", (str(corpus / "named"),), "none", teachers=(str(tmp_path / "nobody"),))
    with pytest.raises(RunError, match=r"nobody.*train first"):
        check_start(settings)


def test_only_pixels_that_halve_five_times_are_taken(corpus: Path):
    settings = RunSettings(TASK.key, "vgg16", (str(corpus / "named"),), "none", pixels=100)
    with pytest.raises(RunError, match="multiple of 32"):
        check_start(settings)


@pytest.mark.parametrize(("weights", "learns"), [("none", True), ("some.weights.h5", False)])
def test_normalisation_learns_where_weights_are_fresh_and_first_layers_stay_where_not(weights, learns):
    learner = with_outline(build("resnet50", 4, size=64), "resnet50")
    compile_whole(learner, RunSettings(TASK.key, "resnet50", (), weights))
    assert learner.get_layer("conv5_block1_1_bn").trainable is learns
    assert learner.get_layer("conv2_block1_1_conv").trainable is learns
    assert learner.get_layer("conv3_block1_1_conv").trainable
    assert learner.get_layer("outline").trainable
