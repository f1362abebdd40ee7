"""The running app and a Chromium in front of it; both are skipped, with the reason, where they cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver

from tools.demo_app import RunningApp, browser_programs, chromium, running_app


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The app in demo mode with the shipped models, on a free port and an empty database, for the whole session."""
    with running_app(tmp_path_factory.mktemp("app")) as server:
        yield server


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[WebDriver]:
    """A Chromium of 1440 x 900 with a fresh profile; downloads land in tmp_path/downloads."""
    if browser_programs() is None:
        pytest.skip("Chromium is not on this machine: apt-get install chromium chromium-driver")
    with chromium(tmp_path) as browser:
        yield browser


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    """Where the driver of this test puts what it downloads."""
    return tmp_path / "downloads"
