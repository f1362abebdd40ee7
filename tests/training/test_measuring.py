"""``compare`` as it is typed, on versions whose answers are known."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.errors import ModelNotFound
from services.inference.repository import ModelRepository
from services.settings import ROOT
from tests.services.inference.scored import TASK, add_measured
from training.__main__ import app


@pytest.fixture
def repository(tmp_path: Path) -> ModelRepository:
    """The shipped version that serves, and nothing else."""
    shipped, own = ModelRepository(ROOT / "saved_models"), ModelRepository(tmp_path)
    live = shipped.live_ref(TASK.key, "efficientnet")
    shutil.copytree(shipped.folder(live), own.folder(live))
    with own.changing() as serving:
        serving[TASK.key] = shipped.live()[TASK.key].model_copy(
            update={"default": "efficientnet", "versions": {"efficientnet": live.version}, "history": ()}
        )
    return own


def test_compare_keeps_every_two_that_serve(repository):
    for seed, network in enumerate(("resnet50", "vgg16")):
        add_measured(repository, network, seed)
    with repository.changing() as serving:
        left = {key: version for key, version in serving[TASK.key].versions.items() if key != "efficientnet"}
        serving[TASK.key] = serving[TASK.key].model_copy(update={"default": "vgg16", "versions": left})
    result = CliRunner().invoke(app, ["compare", "--models", str(repository.root)], catch_exceptions=False)
    assert result.exit_code == 0
    (pair,) = repository.findings(TASK.key).pairs
    assert {pair.first, pair.second} == {f"{TASK.key}/resnet50/1", f"{TASK.key}/vgg16/1"}
    assert pair.both_right + pair.only_first + pair.only_second + pair.neither == pair.images
    assert str(pair.only_first) in result.output


def test_one_version_alone_is_compared_with_nothing(repository):
    result = CliRunner().invoke(app, ["compare", "--models", str(repository.root)])
    assert isinstance(result.exception, ModelNotFound)
    assert "nothing to compare it with" in str(result.exception)
