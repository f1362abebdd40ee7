"""What tests share: where the real data lies, and settings that keep every test out of the house's own var/."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from services.settings import Settings, get_settings

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

# TensorFlow reads these once, when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# A run tries the same examples as the one before it, so that a failure is of the change and not of the draw.
hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.load_profile("repeatable")

ROOT = Path(__file__).resolve().parent.parent
# What one of several processes runs alone: the tests of a file share fixtures, and those of these folders an app.
TOGETHER = ("tests/browser/", "tests/pages/")
# The longest first, so that the processes end at about the same time.
LONGEST = (
    "tests/browser/",
    "tests/training/test_shipped.py",
    "tests/training/test_commands.py",
    "tests/pages/",
    "tests/services/records/test_rights.py",
    "tests/services/imaging/",
    "tests/services/inference/",
    "tests/training/",
)


def piece_of(nodeid: str) -> str:
    """What a test stays together with: a folder of TOGETHER, or its file."""
    return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid.split("::", 1)[0])


def place_of(nodeid: str) -> int:
    """Where in LONGEST a test is, or behind it."""
    return next((place for place, start in enumerate(LONGEST) if nodeid.startswith(start)), len(LONGEST))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """One of several processes takes the longest first; a process alone keeps to the order of the files."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: place_of(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Hand out piece by piece what ``pytest -n`` runs in several processes."""
    from xdist.scheduler import LoadScopeScheduling

    class ByPiece(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return piece_of(nodeid)

    # It would begin with the pieces of the most tests, which are not the longest.
    config.option.loadscopereorder = False
    return ByPiece(config, log)


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
