"""``python -m training``: train, calibrate, evaluate and register a model, offline."""

from __future__ import annotations

import os
import sys

import typer

from services.errors import FalxError
from training.commands import app, fit, measure, versions

__all__ = ["app", "fit", "measure", "versions"]

# TensorFlow frees and takes back the same large blocks at every step; unless glibc keeps them, the kernel gets most of
# the time. glibc reads these only when a process starts.
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "10000000000", "MALLOC_MMAP_THRESHOLD_": "10000000000"}


def main() -> None:
    """Start again with glibc's thresholds raised where they are not, then run the command."""
    if sys.platform == "linux" and any(key not in os.environ for key in KEEP_MEMORY):
        os.environ.update({key: os.environ.get(key, value) for key, value in KEEP_MEMORY.items()})
        os.execv(sys.executable, [sys.executable, "-m", "training", *sys.argv[1:]])
    try:
        app()
    except FalxError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
