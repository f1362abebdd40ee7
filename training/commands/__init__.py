"""The commands of ``python -m training``, by what they are for, and the options that several of them share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.inference.backend import load_backend

if TYPE_CHECKING:
    from services.inference.prediction import ModelRef
    from training.finished import FinishedRun

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Train, calibrate, evaluate and register a model, offline.",
    pretty_exceptions_enable=False,
)
Data = Annotated[list[Path], typer.Option("--data", help="Folder with a manifest.csv; repeat for several.")]
Run = Annotated[Path, typer.Option("--run", help="Folder of the run: settings, weights, history, log.")]
Cache = Annotated[Path, typer.Option(help="Folder where prepared images are kept between commands.")]
Models = Annotated[Path, typer.Option(help="The model repository.")]
TaskKey = Annotated[str, typer.Option(help="Key of the task.")]
NO_DATA: list[Path] = []
RUN, CACHE, MODELS, TASK = Path("runs/latest"), Path("runs/cache"), Path("saved_models"), "brain_tumor_type"


def finished_run(run: Path, cache: Path, *, flips: bool = True) -> FinishedRun:
    """The run in ``run``; RunError where its training is not over. Loads the backend."""
    from training.run import check_finished

    check_finished(run)
    load_backend()
    from training.finished import FinishedRun

    return FinishedRun(run, cache, flips=flips)


def version_ref(version: str) -> ModelRef:
    """A version by its name on the command line; raises ModelNotFound where that is none."""
    from services.errors import ModelNotFound
    from services.inference.prediction import ModelRef

    if version.count("/") != 2:
        raise ModelNotFound(f"“{version}” is no version; write it like brain_tumor_type/efficientnet/1.")
    return ModelRef(*version.split("/"))
