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
from training import again
from training.__main__ import app
from training.corpus import CorpusError


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


def test_folders_that_are_not_named_are_looked_for(repository, tmp_path, monkeypatch):
    ref = repository.live_ref(TASK.key)
    card, shipped = repository.card(ref), repository.evaluation(ref)
    monkeypatch.setattr(again, "USUAL_HOME", tmp_path / "home")
    with pytest.raises(CorpusError, match=r"home lacks brain_mri, brain_presence, .*not_mri.* Set CORPORA_DIR"):
        again.named_folders(card, shipped)
    for name in ("brain_mri", "brain_presence", "mammograms", "not_mri"):
        (tmp_path / "home" / name).mkdir(parents=True)
    data, others = again.named_folders(card, shipped)
    assert ([folder.name for folder in data], {folder.name for folder in others}) == (
        ["brain_mri", "brain_presence"], {"mammograms", "not_mri"}
    )  # fmt: skip


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
