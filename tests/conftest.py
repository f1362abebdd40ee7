"""What tests share: where the real data lies, and how slow parts are made once a session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images; tests that need it are skipped where it is missing."""
    folder = Path(os.environ.get("FALX_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "DATA.md").exists():
        pytest.skip(f"the real images are not on this machine (looked in {folder}; set FALX_DATA)")
    return folder
