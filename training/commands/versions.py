"""Commands that make a version of a run, choose which version serves, and hand one on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.inference.backend import load_backend
from training.commands import CACHE, MODELS, NO_DATA, RUN, Cache, Data, Models, Run, app, finished_run, version_ref

if TYPE_CHECKING:
    from services.inference.prediction import ModelRef
    from services.inference.repository import ModelRepository


@app.command()
def register(
    run: Run = RUN,
    cache: Cache = CACHE,
    models: Models = MODELS,
    live: Annotated[bool, typer.Option(help="Let the new version serve at once.")] = False,
    default: Annotated[bool, typer.Option(help="With --live: let this network answer by default.")] = False,
) -> None:
    """Write the run's model as a new version, with its card, and print its figures."""
    from services.inference.repository import ModelRepository

    finished, repository = finished_run(run, cache), ModelRepository(models)
    from training.table import show

    ref, evaluation = finished.register(repository)
    show(evaluation)
    typer.echo(f"Registered {ref}.")
    if live:
        _promote(repository, ref, default=default)


@app.command()
def ensemble(
    of: Annotated[list[str], typer.Option(metavar="TASK/NETWORK/VERSION", help="A member; repeat for each.")],
    data: Data = NO_DATA,
    cache: Cache = CACHE,
    models: Models = MODELS,
) -> None:
    """Register the mean of several versions' calibrated answers as a version of its own, and print its figures.

    Those on changed pictures and of outlines need the images that the members were measured on, and take minutes.
    """
    from services.errors import ModelNotFound
    from services.inference.repository import ModelRepository

    if len(set(of)) < 2:
        raise ModelNotFound("An ensemble needs at least two different versions; name each with --of.")
    load_backend()
    from training.ensemble import register_ensemble
    from training.table import show

    members = [version_ref(version) for version in of]
    ref, evaluation = register_ensemble(ModelRepository(models), members, data, cache)
    show(evaluation)
    typer.echo(f"Registered {ref}.")


@app.command()
def promote(
    version: Annotated[str, typer.Argument(metavar="TASK/NETWORK/VERSION", help="A registered version.")],
    models: Models = MODELS,
    default: Annotated[bool, typer.Option(help="Let this network answer by default.")] = False,
    force: Annotated[bool, typer.Option(help="Accept a lower macro-F1 on test, or another test set.")] = False,
    reason: Annotated[str, typer.Option(help="With --force: why; kept in live.json.")] = "",
) -> None:
    """Let a version serve, in the running app too, once it has passed its checks; the old one stays otherwise."""
    from services.inference.repository import ModelRepository

    if force is not bool(reason.strip()):
        raise typer.BadParameter("--force needs --reason with some words, and --reason needs --force.")
    _promote(ModelRepository(models), version_ref(version), default=default, forced=reason)


def _promote(repository: ModelRepository, ref: ModelRef, *, default: bool, forced: str = "") -> None:
    from services.inference.live import promote

    serving = promote(repository, ref, default=default, forced=forced)
    typer.echo(f"{ref} serves. The task is answered by {serving.default} {serving.versions[serving.default]}.")


@app.command()
def rollback(
    task: Annotated[str, typer.Argument(metavar="TASK", help="Key of the task.")],
    network: Annotated[str, typer.Argument(metavar="[NETWORK]", help="Only this network's promotions.")] = "",
    models: Models = MODELS,
) -> None:
    """Undo the newest promotion, in the running app too; repeat it to go further back."""
    from services.inference.live import rollback
    from services.inference.repository import ModelRepository

    undone = rollback(ModelRepository(models), task, network or None)
    before = f"{undone.network} {undone.before} serves again" if undone.before else "nothing serves in its place"
    typer.echo(f"{task}: {undone.network} {undone.version} is undone, {before}.")


@app.command()
def export(
    version: Annotated[str, typer.Argument(metavar="TASK/NETWORK/VERSION", help="A registered version.")],
    out: Annotated[Path, typer.Option(help="An empty folder, or a new one.")],
    models: Models = MODELS,
) -> None:
    """Write a version as one Keras file that gives calibrated probabilities, with its card and self-test."""
    from services.inference.repository import ModelRepository

    ref = version_ref(version)
    load_backend()
    from training.export import export as write

    typer.echo(f"{ref} is in {write(ModelRepository(models), ref, out)}.")
