"""The shipped model repository, and copies of it that a test may spoil."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from services.inference.repository import ModelRepository
from services.settings import ROOT


@pytest.fixture
def own_repository(tmp_path: Path) -> ModelRepository:
    """A copy of the shipped repository in a folder of the test's own."""
    shutil.copytree(ROOT / "saved_models", tmp_path / "models")
    return ModelRepository(tmp_path / "models")
