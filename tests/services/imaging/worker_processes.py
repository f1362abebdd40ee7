"""The worker processes as the tests see them from outside."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from services.imaging import dicom_worker

ROOT = Path(__file__).resolve().parents[3]


def workers():
    """The process ids of the workers that wait for a file."""
    return {worker._process.pid for worker in dicom_worker._pool._idle}


def runs(pid):
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def python(code, **keywords):
    """A fresh interpreter in the project's folder."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, **keywords
    )


def children():
    """The process ids of this process's workers, idle or not."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == os.getpid() and b"dicom_worker" in command:
            found.add(int(folder.name))
    return found


def kill(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
