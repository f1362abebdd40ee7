"""The shipped model, asked as the app asks it."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from services.errors import InferenceError
from services.imaging.decode import decode
from services.imaging.phantom import PHANTOMS, draw
from services.imaging.prepare import Prepared, prepare
from services.inference.engine import Engine
from services.inference.prediction import Verdict
from services.inference.repository import ModelRepository
from services.settings import ROOT
from services.tasks import get_task

TASK = get_task("brain_tumor_type")


@pytest.fixture(scope="module")
def engine() -> Engine:
    shipped = Engine(ModelRepository(ROOT / "saved_models"))
    shipped.warm_up(TASK)
    return shipped


@pytest.fixture(scope="module")
def phantoms() -> list[Prepared]:
    return [prepare(draw(p.key).astype(np.float32) / np.float32(255), TASK.preparation) for p in PHANTOMS]


def test_an_answer_is_a_calibrated_distribution(engine, phantoms):
    for prepared in phantoms:
        answer = engine.answer(prepared, TASK)
        prediction, heat = answer.prediction, answer.heat
        assert prediction.classes == TASK.class_keys
        assert sum(prediction.probabilities) == pytest.approx(1)
        assert prediction.confidence == max(prediction.probabilities)
        assert prediction.label == prediction.classes[int(np.argmax(prediction.probabilities))]
        expected = Verdict.ANSWERED if prediction.confidence >= prediction.threshold else Verdict.UNCERTAIN
        assert prediction.verdict is expected
        assert heat.values.shape == prepared.placement.slice_shape
        assert heat.values.dtype == np.float32
        assert heat.values.min() >= 0
        assert heat.values.max() in (0, pytest.approx(1))
        assert (heat.label, heat.method) == (prediction.label, engine.loaded(TASK).card.heat_method)
        assert heat.layer == engine.loaded(TASK).card.heat_layer


def test_heat_can_be_asked_for_any_class(engine, phantoms):
    maps = [engine.heat_for(phantoms[0], TASK, key).values for key in TASK.class_keys]
    assert len({heat.tobytes() for heat in maps}) > 1


def test_callers_at_once_get_their_own_answers(engine, phantoms):
    alone = [engine.answer(prepared, TASK).prediction.probabilities for prepared in phantoms]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda p: engine.answer(p, TASK).prediction.probabilities, phantoms * 4))
    for index, shares in enumerate(together):
        assert shares == pytest.approx(alone[index % len(alone)], abs=1e-4)


def test_one_load_serves_callers_that_come_at_once():
    fresh = Engine(ModelRepository(ROOT / "saved_models"))
    with ThreadPoolExecutor(6) as pool:
        models = list(pool.map(lambda _: fresh.loaded(TASK), range(6)))
    assert len({id(model) for model in models}) == 1


def test_real_test_slices_come_out_as_the_card_says(engine, shared_data):
    """A tenth of fold 5: the share right is near the card's accuracy, and heat lies more on tumours than by chance."""
    with (shared_data / "brain_mri" / "manifest.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["fold"] == "5"][::10]
    right, inside, base = [], [], []
    for row in rows:
        image = decode((shared_data / "brain_mri" / row["file"]).read_bytes())
        answer = engine.answer(prepare(image.pixels, TASK.preparation), TASK)
        prediction, heat = answer.prediction, answer.heat
        right.append(prediction.label == row["label"])
        if row["mask"] and right[-1]:
            outline = decode((shared_data / "brain_mri" / row["mask"]).read_bytes()).pixels > 0.5
            inside.append(heat.values[outline].sum() / max(heat.values.sum(), 1e-6))
            base.append(outline.mean())
    assert np.mean(right) == pytest.approx(engine.loaded(TASK).card.test.accuracy.value, abs=0.08)
    assert np.mean(inside) > 2 * np.mean(base)


def test_what_tensorflow_cannot_do_is_told_in_a_sentence(engine):
    import tensorflow as tf

    model = engine.loaded(TASK)
    with pytest.raises(InferenceError, match=r"could not finish its answer \(InvalidArgumentError\)"), model.turn():
        tf.debugging.assert_equal(1, 2)
    assert not model.lock.locked()
