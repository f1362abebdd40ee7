"""What tests of training share besides the corpora."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from services.tasks import get_task
from training.run import BEST, SETTINGS, RunSettings

TASK = get_task("brain_tumor_type")


def write_settings(run: Path, settings: RunSettings) -> None:
    """A run's folder with its settings and no more than the name of its weights."""
    run.mkdir()
    (run / SETTINGS).write_text(json.dumps(asdict(settings)), encoding="utf-8")
    (run / BEST).touch()
