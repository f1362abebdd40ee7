"""``python -m services.batch``: score files and folders from the command line, a row of CSV for each frame."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from services.errors import FalxError
from services.imaging.limits import Limits
from services.inference.engine import Engine
from services.inference.prediction import Prediction, Verdict
from services.inference.repository import ModelRepository
from services.settings import get_settings
from services.tasks import get_task
from services.tasks.task import Task
from services.workflow import Upload, limits_of, look

Row = dict[str, str]


def files_below(paths: list[Path]) -> list[Path]:
    """The named files, and every file of the named folders, sorted within each, without hidden ones."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.is_file())
            found += sorted(p for p in inside if not any(part.startswith(".") for part in p.relative_to(path).parts))
        else:
            found.append(path)
    return found


def columns(task: Task) -> list[str]:
    """The heads of the table for a task."""
    shares = [f"p_{key}" for key in task.class_keys]
    answer = ["accepted", "reason", "label", "confidence", *shares, "milliseconds"]
    return ["file", "frame", "task", "model", "version", *answer]


def rows_of(engine: Engine, path: Path, task: Task, network: str | None, limits: Limits) -> list[Row]:
    """One row a frame of a file; a file that cannot be read is one row that says why."""
    empty = dict.fromkeys(columns(task), "") | {"file": str(path), "task": task.key, "accepted": "no"}
    try:
        size = path.stat().st_size
        if size > limits.max_bytes:
            mine, most = f"{size / 2**20:.0f} MB", f"{limits.max_bytes / 2**20:g} MB"
            return [empty | {"reason": f"The file has {mine}; at most {most} are read. Export single slices instead."}]
        data = path.read_bytes()
    except OSError as error:
        return [empty | {"reason": f"The file cannot be read: {error.strerror}. Check its path and rights."}]
    rows: list[Row] = []
    frames = 1
    while len(rows) < frames:
        row = empty | {"frame": str(len(rows))}
        try:
            seen = look(
                engine,
                Upload(data, path.name),
                task_key=task.key,
                network=network,
                frame=len(rows),
                explain=False,
                limits=limits,
            )
            frames = seen.slice.frames
            row["reason"] = " ".join(seen.gate.reasons)
            if seen.prediction is not None:
                row |= _answer(seen.prediction, task)
        except FalxError as error:
            row["reason"] = str(error)
        rows.append(row)
    return rows


def _answer(prediction: Prediction, task: Task) -> Row:
    shares = zip(prediction.classes, prediction.probabilities, strict=True)
    return {
        "model": prediction.model.network,
        "version": prediction.model.version,
        "accepted": "yes",
        "reason": task.uncertain_finding if prediction.verdict is Verdict.UNCERTAIN else "",
        "label": prediction.label,
        "confidence": f"{prediction.confidence:.4f}",
        **{f"p_{key}": f"{share:.4f}" for key, share in shares},
        "milliseconds": f"{prediction.milliseconds:.1f}",
    }


def score(
    engine: Engine, paths: list[Path], task: Task, network: str | None, jobs: int, limits: Limits
) -> Iterator[Row]:
    """Rows of all files in the order of ``files_below``, ``jobs`` files at a time."""
    files = files_below(paths)
    with ThreadPoolExecutor(jobs) as pool:
        done = pool.map(lambda path: rows_of(engine, path, task, network, limits), files)
        for rows in tqdm(done, total=len(files), unit="file", desc=task.title):
            yield from rows


def main(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.", metavar="PATH…")],
    task: Annotated[str, typer.Option(help="Key of the task.")],
    out: Annotated[Path, typer.Option(help="The CSV to write; it appears when it is complete.")],
    model: Annotated[str, typer.Option(help="Network; the task's default unless given.")] = "",
    jobs: Annotated[int, typer.Option(help="Files read at a time.", min=1, max=64)] = 2,
) -> None:
    """Score images with the live model and write a row of CSV a frame. A bad file is a row with its reason."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        chosen, settings = get_task(task), get_settings()
        limits = limits_of(settings)
        engine = Engine(ModelRepository(settings.models_dir))
        engine.warm_up(chosen, model or None)
        partial = out.with_name(out.name + ".partial")
        count = bad = 0
        with partial.open("w", newline="", encoding="utf-8") as target:
            writer = csv.DictWriter(target, columns(chosen))
            writer.writeheader()
            for row in score(engine, paths, chosen, model or None, jobs, limits):
                writer.writerow(row)
                count, bad = count + 1, bad + (not row["label"])
        partial.replace(out)
    except (FalxError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    typer.echo(f"{out}: {count} rows, {bad} without an answer (see their reason).")


if __name__ == "__main__":
    typer.run(main)
