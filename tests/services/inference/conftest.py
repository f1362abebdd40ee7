"""The shipped model repository, and copies of it that a test may spoil."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.inference.repository import ModelRepository
from tests.services.inference.versions import shipped_alone


@pytest.fixture
def own_repository(tmp_path: Path) -> ModelRepository:
    """The model that serves, as version 1 of a repository of the test's own."""
    return shipped_alone(tmp_path / "models")
