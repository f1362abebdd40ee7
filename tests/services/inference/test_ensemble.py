"""An ensemble is the mean of its members: by hand, and of two versions of the shipped model in the app's engine."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from services.errors import ModelDamaged
from services.imaging.phantom import PHANTOMS, draw
from services.imaging.prepare import prepare
from services.inference.calibration import probabilities
from services.inference.card import SCORES, WEIGHTS
from services.inference.engine import Engine, load
from services.inference.ensemble import joint_explanation, mean_logits
from services.inference.explain import Explained
from services.inference.live import promote
from tests.services.inference.scored import made_up
from tests.services.inference.versions import TASK, damage, edit_card, perturbed_version
from training.corpus import CorpusError
from training.ensemble import joint_scores, register_ensemble

MAPS = {0: np.array([[1.0, 0.0], [0.0, 0.0]], np.float32), 1: np.array([[0.0, 0.0], [0.0, 4.0]], np.float32)}


def member(*logits: float, outline: np.ndarray | None = None):
    def explain(_: np.ndarray, wanted: int):
        index = int(np.argmax(logits)) if wanted < 0 else wanted
        return Explained(np.array(logits, np.float32), MAPS[index], outline, None)

    return explain


def test_probabilities_are_averaged_after_each_temperature():
    logits, *_ = joint_explanation([(member(2.0, 0.0), 1.0), (member(0.0, 8.0), 4.0)])(np.zeros((2, 2)), -1)
    high = 1 / (1 + np.exp(-2))
    assert probabilities(logits) == pytest.approx([0.5, 0.5], abs=1e-6)
    logits, *_ = joint_explanation([(member(2.0, 0.0), 1.0), (member(0.0, 0.0), 1.0)])(np.zeros((2, 2)), -1)
    assert probabilities(logits)[0] == pytest.approx((high + 0.5) / 2, abs=1e-6)


def test_every_map_is_that_of_the_joint_answer():
    _, heat, *_ = joint_explanation([(member(5.0, 0.0), 1.0), (member(0.0, 1.0), 1.0)])(np.zeros((2, 2)), -1)
    assert heat.tolist() == MAPS[0].tolist()
    _, other, *_ = joint_explanation([(member(5.0, 0.0), 1.0), (member(0.0, 1.0), 1.0)])(np.zeros((2, 2)), 1)
    assert other.tolist() == [[0, 0], [0, 1]]


def test_the_outline_is_the_mean_of_those_that_were_learnt():
    one, other = np.full((2, 2), 0.2, np.float32), np.full((4, 4), 0.8, np.float32)
    members = [(member(1.0, 0.0, outline=each), 1.0) for each in (one, other, None)]
    assert joint_explanation(members)(np.zeros((2, 2)), -1).outline == pytest.approx(np.full((4, 4), 0.5))
    assert joint_explanation(members[2:])(np.zeros((2, 2)), -1).outline is None


def test_a_map_of_zeros_stays_and_coarse_ones_are_enlarged():
    def blank(_: np.ndarray, wanted: int):
        return Explained(np.array([1.0, 0.0], np.float32), np.zeros((4, 4), np.float32))

    _, heat, *_ = joint_explanation([(member(5.0, 0.0), 1.0), (blank, 1.0)])(np.zeros((2, 2)), -1)
    assert heat.shape == (4, 4)
    assert heat[0, 0] == pytest.approx(0.5)


@pytest.fixture
def repository(own_repository):
    """Two versions of one network, each with scores."""
    other = perturbed_version(own_repository)
    for ref, seed in ((own_repository.live_ref(TASK.key), 0), (other, 1)):
        with (own_repository.folder(ref) / SCORES).open("wb") as file:
            made_up(seed).write(file)
        digest = hashlib.sha256((own_repository.folder(ref) / SCORES).read_bytes()).hexdigest()
        edit_card(own_repository, ref, files={**own_repository.card(ref).files, SCORES: digest})
    return own_repository


def test_the_engine_answers_with_the_mean_of_both(repository):
    refs = [ref for ref in repository.refs() if ref.task == TASK.key]
    ref, evaluation = register_ensemble(repository, refs)
    card = repository.verify(ref)
    assert (ref.network, card.members) == ("ensemble", tuple(map(str, refs)))
    assert WEIGHTS not in card.files
    assert card.test == evaluation.test
    promote(repository, ref, default=True, forced="made-up scores")
    prepared = prepare(draw(PHANTOMS[0].key).astype(np.float32) / np.float32(255), TASK.preparation)
    engine = Engine(repository)
    answer = engine.answer(prepared, TASK)
    prediction, heat = answer.prediction, answer.heat
    own = []
    for one in refs:
        said = load(repository, one, TASK).explanation(prepared.pixels, -1)
        own.append(probabilities(said.logits, repository.card(one).temperature))
    assert prediction.probabilities == pytest.approx(probabilities(mean_logits(own), card.temperature), abs=1e-5)
    assert prediction.model == ref
    assert heat.values.max() == pytest.approx(1)
    assert heat.method == "mean"


def test_a_spoilt_member_spoils_the_ensemble(repository):
    refs = [ref for ref in repository.refs() if ref.task == TASK.key]
    ref, _ = register_ensemble(repository, refs)
    damage(repository, refs[1])
    with pytest.raises(ModelDamaged, match=f"{refs[1]}"):
        load(repository, ref, TASK)


def test_members_measured_on_other_images_are_refused(repository):
    cards = [repository.card(ref) for ref in repository.refs()]
    one, other = made_up(0), made_up(1)
    with pytest.raises(CorpusError, match="not measured on the same"):
        joint_scores(cards, [one, other.take(np.flatnonzero(other.part == "test")[1:])])


def test_of_val_those_count_that_no_member_learnt_from(repository):
    cards = [repository.card(ref) for ref in repository.refs()]
    one, other = made_up(0), made_up(1)
    kept = (one.part == "test") | (np.arange(len(one)) % 2 == 0)
    joint = joint_scores(cards, [one, other.take(kept)])
    assert joint.name.tolist() == other.name[kept].tolist()
    shares = [probabilities(s.logits[kept], c.temperature) for s, c in zip([one, other], cards, strict=True)]
    assert joint.logits == pytest.approx(mean_logits(shares))
    with pytest.raises(CorpusError, match="not measured on the same"):
        joint_scores(cards, [one.take(np.arange(len(one)) > 0), other.take(kept)])
