"""``python -m training``: train, calibrate, evaluate and register a model, offline."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.errors import FalxError
from services.inference.backend import load_backend

if TYPE_CHECKING:
    from services.inference.prediction import ModelRef
    from services.inference.repository import ModelRepository
    from training.finished import FinishedRun

# TensorFlow frees and takes back the same large blocks at every step; unless glibc keeps them, the kernel gets most of
# the time. glibc reads these only when a process starts.
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "10000000000", "MALLOC_MMAP_THRESHOLD_": "10000000000"}

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
Data = Annotated[list[Path], typer.Option("--data", help="Folder with a manifest.csv; repeat for several.")]
Run = Annotated[Path, typer.Option("--run", help="Folder of the run: settings, weights, history, log.")]
Cache = Annotated[Path, typer.Option(help="Folder where prepared images are kept between commands.")]
Models = Annotated[Path, typer.Option(help="The model repository.")]
NO_DATA: list[Path] = []
RUN, CACHE, MODELS = Path("runs/latest"), Path("runs/cache"), Path("saved_models")


@app.command()
def train(
    context: typer.Context,
    data: Annotated[list[Path], typer.Option(help="Folder with a manifest.csv; repeat for several.")] = NO_DATA,
    task: Annotated[str, typer.Option(help="Key of the task.")] = "brain_tumor_type",
    model: Annotated[str, typer.Option(help="efficientnet, resnet50 or vgg16.")] = "efficientnet",
    weights: Annotated[
        str, typer.Option(help="imagenet (downloads), none, a file, or an earlier run's folder.")
    ] = "imagenet",
    run: Run = RUN,
    cache: Cache = CACHE,
    passes: Annotated[int, typer.Option(help="Passes over the drawn images.", min=1)] = 14,
    draws: Annotated[int, typer.Option(help="Images drawn a pass.", min=32)] = 4480,
    batch: Annotated[int, typer.Option(help="Images a step.", min=2)] = 32,
    rate: Annotated[float, typer.Option(help="Peak learning rate of AdamW.")] = 1.5e-4,
    val_share: Annotated[float, typer.Option(help="Share of the val groups kept for val; the rest trains.")] = 0.4,
    patience: Annotated[int, typer.Option(help="Passes without a lower val loss before the run ends.")] = 6,
    keep_last: Annotated[
        bool, typer.Option(help="Run every pass and keep the last one's weights, not the lowest val loss's.")
    ] = False,
    augmentation: Annotated[
        float, typer.Option(help="Strength of the changes of style and place; less in a last run.", min=0, max=1)
    ] = 1.0,
    mixup: Annotated[float, typer.Option(help="Alpha of mixup's shares; 0 blends no pictures.", min=0)] = 0.0,
    seed: Annotated[int, typer.Option(help="Decides draws, augmentation and the head's first weights.")] = 1,
    mixed_precision: Annotated[bool, typer.Option(help="Compute in bfloat16 where it is faster.")] = False,
    resume: Annotated[
        bool,
        typer.Option(help="Go on after the last whole pass of --run, with its own settings; no other is accepted."),
    ] = False,
) -> None:
    """Fit a network to the corpora: head first, then the whole of it; the best averaged weights stay in --run."""
    from training.run import RunError, RunSettings, check_start, resumed

    settings = RunSettings(
        task=task,
        network=model,
        data=tuple(str(folder.resolve()) for folder in data),
        weights=weights,
        passes=passes,
        draws=draws,
        batch=batch,
        rate=rate,
        val_share=val_share,
        patience=patience,
        keep_last=keep_last,
        augmentation=augmentation,
        mixup=mixup,
        seed=seed,
        mixed_precision=mixed_precision,
    )
    if resume:
        settings = resumed(run, settings, _given(context) - {"run", "cache", "resume"})
    elif not data:
        raise RunError("There is nothing to train on: name a folder that holds a manifest.csv with --data.")
    check_start(settings)
    load_backend()
    from training.fit import fit

    best = fit(settings, run, resume=resume, cache=cache)
    typer.echo(f"The best weights are in {best}. Next: python -m training calibrate --run {run}")


@app.command()
def average(
    of: Annotated[list[Path], typer.Option(help="Folder of a finished run; repeat for each.")],
    run: Run = RUN,
) -> None:
    """Average the weights of runs that went on from one another or from the same start, as a run in --run."""
    from training.run import averaged_settings

    settings = averaged_settings(of)
    load_backend()
    from training.average import average as write

    best = write(settings, run)
    typer.echo(f"The mean of {len(of)} runs is in {best}. Next: python -m training calibrate --run {run}")


def _given(context: typer.Context) -> set[str]:
    """The fields of RunSettings that were named on the command line, and the options beside them."""
    named = {name for name in context.params if _source(context, name) == "COMMANDLINE"}
    return {"network" if name == "model" else name for name in named}


def _source(context: typer.Context, name: str) -> str:
    source = context.get_parameter_source(name)
    return source.name if source else ""


@app.command()
def calibrate(
    run: Run = RUN,
    cache: Cache = CACHE,
    flips: Annotated[bool, typer.Option(help="Average over the slice and its mirror image.")] = True,
) -> None:
    """Find temperature and threshold on val and keep them in --run."""
    found = _finished(run, cache, flips=flips).calibrate()
    typer.echo(f"Temperature {found.temperature}, threshold {found.threshold} ({found.reason}).")


def _finished(run: Path, cache: Path, *, flips: bool = True) -> FinishedRun:
    from training.run import check_finished

    check_finished(run)
    load_backend()
    from training.finished import FinishedRun

    return FinishedRun(run, cache, flips=flips)


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

    finished, repository = _finished(run, cache), ModelRepository(models)
    from training.table import show

    ref, evaluation = finished.register(repository)
    show(evaluation)
    typer.echo(f"Registered {ref}.")
    if live:
        _promote(repository, ref, default=default)


@app.command()
def promote(
    version: Annotated[str, typer.Argument(metavar="TASK/NETWORK/VERSION", help="A registered version.")],
    models: Models = MODELS,
    default: Annotated[bool, typer.Option(help="Let this network answer by default.")] = False,
    force: Annotated[bool, typer.Option(help="Accept a lower macro-F1 on test, or another test set.")] = False,
    reason: Annotated[str, typer.Option(help="With --force: why; kept in live.json.")] = "",
) -> None:
    """Let a version serve, in the running app too, once it has passed its checks; the old one stays otherwise."""
    from services.errors import ModelNotFound
    from services.inference.prediction import ModelRef
    from services.inference.repository import ModelRepository

    if force is not bool(reason.strip()):
        raise typer.BadParameter("--force needs --reason with some words, and --reason needs --force.")
    if version.count("/") != 2:
        raise ModelNotFound(f"“{version}” is no version; write it like brain_tumor_type/efficientnet/1.")
    _promote(ModelRepository(models), ModelRef(*version.split("/")), default=default, forced=reason)


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
def evaluate(
    data: Data,
    task: Annotated[str, typer.Option(help="Key of the task.")] = "brain_tumor_type",
    model: Annotated[str, typer.Option(help="Network; the one that serves unless given.")] = "",
    version: Annotated[str, typer.Option(help="Version; the live one unless given.")] = "",
    cache: Cache = CACHE,
    models: Models = MODELS,
) -> None:
    """Score a registered version again and print its figures beside its card's; exit 1 where they differ."""
    from services.inference.prediction import ModelRef
    from services.inference.repository import ModelRepository

    repository = ModelRepository(models)
    live = repository.live_ref(task, model or None)
    ref = ModelRef(task, live.network, version) if version else live
    repository.card(ref)
    load_backend()
    from training.finished import differences, score_again
    from training.table import show

    evaluation = score_again(repository, ref, data, cache)
    show(evaluation)
    differing = differences(repository.card(ref), evaluation)
    for line in differing:
        typer.echo(f"differs from the card: {line}", err=True)
    if differing:
        raise typer.Exit(1)
    typer.echo(f"{ref}: every figure is the card's.")


@app.command()
def heat(
    data: Annotated[list[Path], typer.Option(help="Folders that a registered version was measured on.")] = NO_DATA,
    task: Annotated[str, typer.Option(help="Key of the task.")] = "brain_tumor_type",
    model: Annotated[str, typer.Option(help="Network; the one that serves unless given.")] = "",
    version: Annotated[str, typer.Option(help="Version; the live one unless given.")] = "",
    run: Annotated[Path | None, typer.Option(help="Score this finished run instead of a version.")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON of the figures; heat.json beside the run.")] = None,
    cache: Cache = CACHE,
    models: Models = MODELS,
) -> None:
    """Score heat maps against radiologists' outlines: every method and layer on val, the best of them on test."""
    from services.inference.prediction import ModelRef
    from services.inference.repository import ModelRepository

    if run:
        finished = _finished(run, cache)
        from training.heat import score_run, show

        report, path = score_run(finished), out or run / "heat.json"
    else:
        repository = ModelRepository(models)
        live = repository.live_ref(task, model or None)
        ref = ModelRef(task, model or live.network, version) if version else live
        load_backend()
        from training.heat import score_registered, show

        report = score_registered(repository, ref, data, cache)
        path = out or Path("runs") / f"heat-{ref.network}-{ref.version}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    show(report)
    typer.echo(f"The figures are in {path}.")


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
