"""Tasks of two classes: one output, a threshold that an administrator may move, and a second opinion beside it."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from services.analysis import Upload
from services.errors import InferenceError, ModelMismatch, ModelNotFound
from services.imaging.phantom import PHANTOMS, as_png, draw
from services.imaging.prepare import prepare
from services.inference.calibration import probabilities
from services.inference.engine import Engine
from services.inference.live import promote, rollback, set_threshold
from services.inference.networks import build
from services.inference.prediction import Verdict
from services.inference.repository import ModelRepository
from services.inference.starting import copy_backbone
from services.workflow import look
from tests.services.inference.detecting import TASK, detecting_version
from tests.services.inference.versions import edit_card, shipped_alone


@pytest.fixture
def repository(tmp_path) -> ModelRepository:
    return ModelRepository(tmp_path / "models")


@pytest.fixture
def prepared():
    return prepare(draw(PHANTOMS[0].key).astype(np.float32) / np.float32(255), TASK.preparation)


def test_two_classes_have_one_output_whose_sigmoid_they_share():
    model = build("smallcnn", 2, size=64)
    assert model.get_layer("logits").kernel.shape[-1] == 1
    picture = np.random.default_rng(0).random((3, 64, 64, 1), np.float32)
    z = np.asarray(keras.Model(model.inputs[0], model.get_layer("logits").output)(picture))[:, 0]
    shares = probabilities(np.asarray(model(picture)), 1.0)
    assert shares[:, 1] == pytest.approx(1 / (1 + np.exp(-z)), abs=1e-6)
    cooler = probabilities(np.asarray(model(picture)), 2.5)
    assert cooler[:, 1] == pytest.approx(1 / (1 + np.exp(-z / 2.5)), abs=1e-6)


def test_a_network_for_other_classes_gives_all_but_its_head():
    four, two = build("smallcnn", 4, size=64), build("smallcnn", 2, size=64)
    head = two.get_layer("logits").get_weights()[0].copy()
    copy_backbone(four, two)
    for name in ("small_conv1", "small_dense"):
        assert np.array_equal(four.get_layer(name).get_weights()[0], two.get_layer(name).get_weights()[0])
    assert np.array_equal(two.get_layer("logits").get_weights()[0], head)


def test_the_threshold_decides_and_nothing_is_uncertain(repository, prepared):
    ref = detecting_version(repository)
    engine = Engine(repository)
    said = engine.answer(prepared, TASK).prediction
    assert said.threshold == pytest.approx(0.5)
    share = said.probabilities[1]
    for threshold, label in ((share - 0.02, "tumor"), (share + 0.02, "notumor")):
        set_threshold(repository, ref, threshold)
        moved = engine.answer(prepared, TASK).prediction
        assert moved.probabilities == said.probabilities
        assert moved.label == label
        assert moved.confidence == pytest.approx(share if label == "tumor" else 1 - share)
        assert moved.confidence >= moved.threshold
        assert moved.verdict is Verdict.ANSWERED


def test_both_answers_have_a_heat_map_of_their_own(repository, prepared):
    detecting_version(repository)
    engine = Engine(repository)
    maps = [engine.heat_for(prepared, TASK, key).values for key in TASK.class_keys]
    assert all(heat.max() == pytest.approx(1) for heat in maps)
    assert not np.allclose(*maps, atol=0.05)


def test_a_threshold_is_the_versions_own_and_survives_what_serves_after_it(repository):
    first = detecting_version(repository)
    assert set_threshold(repository, first, 0.3) == 0.5
    assert set_threshold(repository, first, 0.35) == 0.3
    second = detecting_version(repository, live=False)
    promote(repository, second)
    assert repository.threshold(second) == 0.5
    rollback(repository, TASK.key)
    assert repository.threshold(first) == 0.35
    assert repository.card(first).threshold == 0.5


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0, float("nan")])
def test_a_threshold_is_a_probability(repository, threshold):
    ref = detecting_version(repository)
    with pytest.raises(InferenceError, match="between 0 and 1"):
        set_threshold(repository, ref, threshold)
    assert repository.threshold(ref) == 0.5


def test_only_a_version_that_serves_and_detects_has_one(repository, tmp_path):
    kept = detecting_version(repository, live=False)
    with pytest.raises(ModelNotFound, match="does not serve"):
        set_threshold(repository, kept, 0.4)
    four = shipped_alone(tmp_path / "four")
    with pytest.raises(InferenceError, match="no detection threshold"):
        set_threshold(four, four.live_ref("brain_tumor_type"), 0.4)


def test_a_version_made_with_another_preparation_does_not_load(repository, prepared):
    ref = detecting_version(repository)
    edit_card(repository, ref, preparation=repository.card(ref).preparation | {"threshold": 60})
    with pytest.raises(ModelMismatch, match="contour-1"):
        Engine(repository).answer(prepared, TASK)


def test_the_model_of_the_other_task_is_asked_too(tmp_path):
    repository = shipped_alone(tmp_path / "models")
    ref = detecting_version(repository)
    engine, upload = Engine(repository), Upload(as_png("axial_t1c_meningioma"), "slice.png")
    share = look(engine, upload, task_key=TASK.key).prediction.probabilities[1]
    for threshold, agrees in ((share - 0.01, True), (share + 0.01, False)):
        set_threshold(repository, ref, threshold)
        second = look(engine, upload, task_key=TASK.key).prediction.second
        assert second.model.task == "brain_tumor_type"
        assert second.label == "meningioma"
        assert second.agrees is agrees


def test_without_a_model_of_the_other_task_there_is_no_second_opinion(repository):
    detecting_version(repository)
    upload = Upload(as_png("axial_t1c_meningioma"), "slice.png")
    assert look(Engine(repository), upload, task_key=TASK.key).prediction.second is None
