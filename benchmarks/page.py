"""docs/performance.md: the figures with their targets, the machine, and how each is taken."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.measure import Result
from benchmarks.subjects import TASK
from services.inference.repository import ModelRepository
from services.settings import get_settings

HEAD = """# Speed and memory

Written by `make bench`. Each figure is a ratio against a reference that runs in the same process and turn, so it holds
on other machines too; the columns in milliseconds and megabytes are for orientation on the machine named below.
"""


def machine() -> str:
    """Version that answered, processor, cores and library versions in one sentence."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        cpu = models[0].split(":", 1)[1].strip() if models else cpu
    load = os.getloadavg()[0]
    return (
        f"Measured with {ModelRepository(get_settings().models_dir).live_ref(TASK)} on {os.cpu_count()} cores ({cpu}), "
        f"Python {platform.python_version()}, {_tensorflow()}, Keras {version('keras')}; "
        f"load average {load:.1f} at the end."
    )


def _tensorflow() -> str:
    for name in ("tensorflow-cpu", "tensorflow"):
        try:
            return f"{name} {version(name)}"
        except ModuleNotFoundError:
            continue
    return "no TensorFlow"


def table(results: Sequence[Result]) -> list[str]:
    """The results as rows of Markdown."""
    rows = [
        "| What | Ratio (median) | Spread (quartiles) | Target | Met | Subject | Reference |",
        "|---|---:|---:|---:|---|---:|---:|",
    ]
    for result in results:
        low, high = result.quartiles
        sign = "≥" if result.at_least else "≤"
        held = "– | –" if result.target is None else f"{sign} {result.target:g} | {'yes' if result.met else '**no**'}"
        rows.append(
            f"| {result.name} | {result.median:.2f} | {low:.2f} to {high:.2f} | {held} | "
            f"{result.subject:.1f} {result.unit} | {result.reference:.1f} {result.unit} |"
        )
    return rows


def _count(result: Result) -> str:
    return f"{len(result.ratios)} pairs" if len(result.ratios) > 1 else "once"


def page(results: Sequence[Result]) -> str:
    """The whole page."""
    meanings = [f"- **{result.name}**: {result.meaning} ({_count(result)})." for result in results]
    return "\n".join([HEAD, *table(results), "", machine(), "", "## What is compared", "", *meanings, ""])
