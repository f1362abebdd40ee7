"""Memory that answering holds on to: resident size after 1,000 answers over that after 100, each in a fresh process.

``python -m benchmarks.memory`` runs one process's worth and prints the two sizes in megabytes as JSON.
"""

from __future__ import annotations

import gc
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.measure import Result
from services.settings import ROOT

EARLY, LATE, PROCESSES = 100, 1000, 3


def result() -> Result:
    """The ratio over a few fresh processes."""
    sizes = []
    for _ in range(PROCESSES):
        command = [sys.executable, "-m", "benchmarks.memory"]
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        sizes.append(json.loads(answer.stdout.splitlines()[-1]))
    early, late = np.array(sizes).T
    return Result(
        f"Memory after {LATE:,} answers / after {EARLY}",
        "resident memory of a process that answers uploads with heat maps",
        tuple(float(ratio) for ratio in late / early),
        1.05,
        float(np.median(late)),
        float(np.median(early)),
        "MB",
    )


def resident_megabytes() -> float:
    """What the process holds in memory now (VmRSS)."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1]) / 1024
    raise RuntimeError("this system does not say how much memory a process holds")


def main() -> None:
    """Answer, measure, answer on, measure."""
    from benchmarks.subjects import TASK, the_engine, uploads
    from services.workflow import look

    engine, sizes = the_engine(), []
    for count, upload in enumerate(itertools.cycle(uploads()), start=1):
        look(engine, upload, task_key=TASK)
        if count in (EARLY, LATE):
            gc.collect()
            sizes.append(resident_megabytes())
        if count == LATE:
            break
    print(json.dumps(sizes))


if __name__ == "__main__":
    main()
