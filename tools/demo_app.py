"""The app as a person meets it: a running server with a database of its own, and a Chromium before it.

The browser tests and the screenshots both use this, so what is photographed is what is tested.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from services.settings import ROOT

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

START_SECONDS = 120
CHROMIUM_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # a container's root has no user namespaces to build the sandbox with
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
)


@dataclass(frozen=True)
class RunningApp:
    """Where the server listens, where its files and its log are, and its process."""

    url: str
    var_dir: Path
    log: Path
    process: subprocess.Popen[bytes]

    def log_text(self) -> str:
        """Everything that the server wrote so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def free_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def app_environment(var_dir: Path, **extra: str) -> dict[str, str]:
    """The environment of a demo server that shares nothing with the one of ``make app``."""
    return {
        **os.environ,
        "DEMO": "1",
        "VAR_DIR": str(var_dir),
        "VAULT_DIR": str(var_dir / "vault"),
        "DATABASE_URL": f"sqlite:///{var_dir / 'falx.db'}",
        "COOKIE_KEY": secrets.token_urlsafe(32),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **extra,
    }


def healthy(url: str) -> bool:
    """Whether Streamlit answers at the address."""
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def running_app(var_dir: Path, **extra: str) -> Iterator[RunningApp]:
    """Migrate a database in ``var_dir``, start the app on a free port, stop it in the end.

    Raises RuntimeError with the end of the server's log where it does not come up.
    """
    var_dir.mkdir(parents=True, exist_ok=True)
    environment = app_environment(var_dir, **extra)
    migrate = [sys.executable, "-m", "services.records", "migrate"]
    subprocess.run(migrate, cwd=ROOT, env=environment, check=True, capture_output=True)
    port, log = free_port(), var_dir / "server.log"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1", "--server.headless", "true", "--server.fileWatcherType", "none"]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
    app = RunningApp(f"http://127.0.0.1:{port}", var_dir, log, process)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not healthy(app.url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The app did not start. The end of its log:\n{app.log_text()[-3000:]}")
            time.sleep(0.2)
        yield app
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and its children, politely first."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=15)


def browser_programs() -> tuple[str, str] | None:
    """Chromium and its driver on this machine, or None where one of them is missing."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


@contextmanager
def chromium(folder: Path, *, width: int = 1440, height: int = 900) -> Iterator[WebDriver]:
    """A Chromium with a fresh profile; what it downloads lands in ``folder``/downloads."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    programs = browser_programs()
    if programs is None:
        raise RuntimeError("Chromium and chromedriver are needed: apt-get install chromium chromium-driver")
    downloads = folder / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for flag in (*CHROMIUM_FLAGS, f"--user-data-dir={folder / 'profile'}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.add_experimental_option(
        "prefs", {"download.default_directory": str(downloads), "download.prompt_for_download": False}
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(programs[1]))
    try:
        set_viewport(driver, width, height)
        yield driver
    finally:
        driver.quit()


def set_viewport(driver: WebDriver, width: int, height: int) -> None:
    """Give the page this size in CSS pixels; a window cannot be made as narrow as a phone."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
