"""The shipped models, scored again on the real images: those that answer by default whole, the others in part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from services.inference.outline import shipped_network
from services.inference.prediction import ModelRef
from services.inference.repository import ModelRepository
from services.settings import ROOT
from services.tasks import get_task
from training.__main__ import app
from training.again import differences
from training.ensemble import joint_scores
from training.evaluation.report import evaluate
from training.scoring import measured_samples, score

REPOSITORY = ModelRepository(ROOT / "saved_models")
DEFAULTS = [REPOSITORY.live_ref(task) for task in REPOSITORY.live()]
OTHERS = [
    ref
    for task, serving in REPOSITORY.live().items()
    for ref in (ModelRef(task, *pair) for pair in serving.versions.items())
    if ref not in DEFAULTS
]
JOINT = [ref for ref in OTHERS if REPOSITORY.card(ref).members]
EVERY = 12
# Other processors add up in another order; an answer of other weights is off by far more.
NEAR = 0.05


@pytest.mark.slow
@pytest.mark.parametrize("ref", DEFAULTS, ids=str)
def test_evaluate_prints_the_cards_figures_again(ref, shared_data, tmp_path, monkeypatch):
    """All but those on changed pictures, which take minutes; test_commands has them on drawn slices."""
    card = REPOSITORY.card(ref)
    monkeypatch.setattr("training.again.USUAL_HOME", shared_data)
    command = ["evaluate", "--task", ref.task, "--model", ref.network, "--version", ref.version]
    result = CliRunner().invoke(app, [*command, "--quick", "--cache", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    shown = " ".join(result.output.split())
    assert f"{ref}: not measured again: worse pictures, shortcuts." in shown
    assert f"{ref}: every figure that was measured again is the one it ships." in shown
    assert f"{card.test.macro_f1.value:.3f}" in result.output


@pytest.mark.parametrize("ref", [*DEFAULTS, *OTHERS], ids=str)
def test_the_figures_are_those_of_the_answers_that_ship(ref):
    card = REPOSITORY.card(ref)
    again = evaluate(get_task(ref.task), REPOSITORY.scores(ref), card.temperature, card.threshold)
    shipped = REPOSITORY.evaluation(ref)
    own = {name: getattr(shipped, name) for name in ("robustness", "shortcuts", "outlines", "gate")}
    assert differences(shipped, again.model_copy(update=own)) == []


@pytest.mark.slow
@pytest.mark.parametrize("ref", [ref for ref in OTHERS if ref not in JOINT], ids=str)
def test_the_weights_answer_as_they_did(ref, shared_data: Path, tmp_path):
    """Every twelfth image of val and test."""
    card = REPOSITORY.verify(ref)
    samples = measured_samples(card, [shared_data / corpus for corpus in card.data.corpora])
    chosen = [sample for sample in samples if sample.part in ("val", "test")][::EVERY]
    model = shipped_network(REPOSITORY, card)
    again = score(model, chosen, get_task(ref.task), tmp_path, flips=card.flips)
    before = REPOSITORY.scores(ref).take(np.arange(0, len(REPOSITORY.scores(ref)), EVERY))
    assert again.name.tolist() == before.name.tolist()
    assert np.abs(again.logits - before.logits).max() < NEAR


@pytest.mark.parametrize("ref", JOINT, ids=str)
def test_an_ensemble_answers_with_the_mean_of_its_members(ref):
    members = [REPOSITORY.verify(ModelRef(*name.split("/"))) for name in REPOSITORY.card(ref).members]
    joint = joint_scores(members, [REPOSITORY.scores(member.ref) for member in members])
    assert np.allclose(joint.logits, REPOSITORY.scores(ref).logits, atol=1e-4)
