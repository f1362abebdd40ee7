"""The shipped models, scored again on the real images."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from services.inference.repository import ModelRepository
from services.settings import ROOT
from training.__main__ import app

LIVE = [
    ModelRepository(ROOT / "saved_models").live_ref(task, network)
    for task, serving in ModelRepository(ROOT / "saved_models").live().items()
    for network in serving.versions
]


@pytest.mark.slow
@pytest.mark.parametrize("ref", LIVE, ids=str)
def test_evaluate_prints_the_cards_figures_again(ref, shared_data, tmp_path):
    """All but those on changed pictures, which take minutes; test_commands has them on drawn slices."""
    repository = ModelRepository(ROOT / "saved_models")
    card = repository.card(ref)
    data = [argument for corpus in card.data.corpora for argument in ("--data", str(shared_data / corpus))]
    others = [argument for name in ("not_mri", "mammograms") for argument in ("--others", str(shared_data / name))]
    command = ["evaluate", *data, *others, "--task", ref.task, "--model", ref.network, "--version", ref.version]
    result = CliRunner().invoke(app, [*command, "--quick", "--cache", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "every figure is the one it ships" in result.output
    assert f"{card.test.macro_f1.value:.3f}" in result.output
