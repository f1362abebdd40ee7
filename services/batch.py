"""``python -m services.batch``: score files and folders from the command line, a row of CSV for each frame."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from services.analysis import Analysis, Upload
from services.errors import FalxError, ImagingError
from services.imaging.decode import check_size, decode_frames
from services.imaging.limits import Limits, enough_memory
from services.inference.engine import Engine
from services.inference.prediction import Opinion, Prediction, Verdict
from services.inference.repository import ModelRepository
from services.records.spreadsheet import safe
from services.settings import get_settings
from services.tasks import get_task
from services.tasks.task import Task
from services.workflow import examine, limits_of

FAILED = "failed"
Row = dict[str, str]


def files_below(paths: list[Path]) -> list[Path]:
    """The named files, and every file of the named folders, sorted within each, without hidden ones."""
    found: list[Path] = []
    for path in paths:
        if _holds(path.is_dir):
            inside = (p for p in path.rglob("*") if _holds(p.is_file))
            found += sorted(p for p in inside if not any(part.startswith(".") for part in p.relative_to(path).parts))
        else:
            found.append(path)
    return found


def _holds(test: Callable[[], bool]) -> bool:
    """Whether a path is found to be what is asked; not where its folder cannot be entered."""
    try:
        return test()
    except OSError:
        return False


def columns(task: Task) -> list[str]:
    """The heads of the table for a task."""
    shares = [f"p_{key}" for key in task.class_keys]
    second = ["second_model", "second_label", "second_confidence", "agrees"] if task.second_opinion else []
    answer = ["accepted", "verdict", "reason", "label", "confidence", "threshold", *shares, *second, "milliseconds"]
    return ["file", "frame", "task", "model", "version", *answer]


def rows_of(engine: Engine, path: Path, task: Task, network: str | None, limits: Limits) -> Iterator[Row]:
    """One row a frame of a file, which is read once; a file that cannot be read is one row that says why.

    ``verdict`` is that of services.inference.prediction (answered, uncertain, or refused by the check of the image), or
    failed where there is none.
    """
    empty = dict.fromkeys(columns(task), "") | {"file": str(path), "task": task.key, "accepted": "no"}
    try:
        upload = Upload(_content(path, limits), path.name)
    except ImagingError as error:
        yield empty | {"verdict": FAILED, "reason": str(error)}
        return
    for index, found in enumerate(decode_frames(upload.data, limits=limits)):
        row = empty | {"frame": str(index)}
        try:
            if isinstance(found, ImagingError):
                raise found
            seen = examine(engine, upload, found, task, network=network)
            row |= _answer(seen.prediction, task) if seen.prediction else _refusal(seen)
        except FalxError as error:
            row |= {"verdict": FAILED, "reason": str(error)}
        yield row


def _content(path: Path, limits: Limits) -> bytes:
    """A file's bytes; raises ImagingError where it is none, is larger than what is decoded, or cannot be read."""
    try:
        if path.exists() and not path.is_file():
            raise ImagingError("This is no file. Name files and folders of images.")
        with enough_memory(), path.open("rb") as file:
            check_size(os.fstat(file.fileno()).st_size, limits)
            return file.read()
    except OSError as error:
        raise ImagingError(f"The file cannot be read: {error.strerror}. Check its path and rights.") from error


def _refusal(seen: Analysis) -> Row:
    by = seen.refused_by
    asked = {"model": by.network, "version": by.version} if by else {}
    return asked | {"verdict": Verdict.REFUSED, "reason": " ".join(seen.gate.reasons)}


def _answer(prediction: Prediction, task: Task) -> Row:
    shares = zip(prediction.classes, prediction.probabilities, strict=True)
    return {
        "model": prediction.model.network,
        "version": prediction.model.version,
        "accepted": "yes",
        "verdict": prediction.verdict,
        "reason": task.uncertain_finding if prediction.verdict is Verdict.UNCERTAIN else "",
        "label": prediction.label,
        "confidence": f"{prediction.confidence:.4f}",
        "threshold": f"{prediction.threshold:g}",
        **{f"p_{key}": f"{share:.4f}" for key, share in shares},
        **(_second(prediction.second) if prediction.second else {}),
        "milliseconds": f"{prediction.milliseconds:.1f}",
    }


def _second(second: Opinion) -> Row:
    return {
        "second_model": str(second.model),
        "second_label": second.label,
        "second_confidence": f"{second.confidence:.4f}",
        "agrees": "yes" if second.agrees else "no",
    }


def score(
    engine: Engine, files: list[Path], task: Task, network: str | None, jobs: int, limits: Limits
) -> Iterator[Row]:
    """Rows of all files in their order, ``jobs`` files at a time; raises InferenceError before the first."""
    engine.warm_up(task, network)
    with ThreadPoolExecutor(jobs) as pool:
        done = pool.map(lambda path: list(rows_of(engine, path, task, network, limits)), files)
        for rows in tqdm(done, total=len(files), unit="file", desc=task.title):
            yield from rows


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FalxError(f"{out} cannot be written: {error.strerror}. Name another file with --out.") from error


def write_table(out: Path, heads: list[str], rows: Iterable[Row]) -> Counter[str]:
    """Write a CSV, which appears under its name when it is complete, and count its verdicts.

    A cell that a spreadsheet might run, such as a file's name that begins with =, gets an apostrophe in front.
    Raises FalxError before the first row is asked for where nothing can be written there, later where the disk fails;
    what ``rows`` raises passes. A part of a table is deleted.
    """
    if _holds(lambda: out.exists() and not out.is_file()):
        raise FalxError(f"{out} cannot be written: it is a folder or no plain file. Name a file with --out.")
    partial = out.with_name(out.name + ".partial")
    verdicts: Counter[str] = Counter()
    with _writing(out):
        # A file's name may hold bytes that are no text.
        target = partial.open("w", newline="", encoding="utf-8", errors="backslashreplace")
    try:
        writer = csv.DictWriter(target, heads)
        with _writing(out):
            writer.writeheader()
        for row in rows:
            with _writing(out):
                writer.writerow({head: safe(cell) for head, cell in row.items()})
            verdicts[row["verdict"]] += 1
        with _writing(out):
            target.close()
            partial.replace(out)
    finally:
        # After a full disk the file's end cannot be written at all.
        with suppress(OSError):
            target.close()
        with suppress(OSError):
            partial.unlink()
    return verdicts


def main(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.", metavar="PATH…")],
    task: Annotated[str, typer.Option(help="Key of the task.")],
    out: Annotated[Path, typer.Option(help="The CSV to write; it appears when it is complete.")],
    model: Annotated[str, typer.Option(help="Network; the task's default unless given.")] = "",
    jobs: Annotated[int, typer.Option(help="Files read at a time.", min=1, max=64)] = 2,
) -> None:
    """Score images with the live model and write a row of CSV a frame. A bad file is a row with its reason."""
    try:
        chosen, settings = get_task(task), get_settings()
        limits, files = limits_of(settings), files_below(paths)
        engine = Engine(ModelRepository(settings.models_dir))
        rows = score(engine, files, chosen, model or None, jobs, limits)
        verdicts = write_table(out, columns(chosen), rows)
    except FalxError as error:
        # Of the whole command; what is wrong with one file is in its row.
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    counts = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in (*Verdict, FAILED))
    typer.echo(f"{out}: {verdicts.total()} rows, {counts}.")


# A pretty trace would show the variables, and so the settings.
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(main)

if __name__ == "__main__":
    app()
