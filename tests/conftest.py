"""What tests share: where the real data lies, and settings that keep every test out of the house's own var/."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.settings import Settings, get_settings

# TensorFlow reads these once, when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images; tests that need it are skipped where it is missing."""
    folder = Path(os.environ.get("FALX_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "DATA.md").exists():
        pytest.skip(f"the real images are not on this machine (looked in {folder}; set FALX_DATA)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads the developer's .env or environment, or writes to the real database and vault."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(Settings.model_config, "env_file", None)
        for name in Settings.model_fields:
            patch.delenv(name.upper(), raising=False)
        patch.setenv("VAR_DIR", str(tmp_path_factory.mktemp("var")))
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()
