"""Commands that make a run: train, adopt, average, calibrate and what is learnt beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.inference.backend import load_backend
from training.commands import (
    CACHE,
    MODELS,
    NO_DATA,
    RUN,
    TASK,
    Cache,
    Data,
    Models,
    Run,
    TaskKey,
    app,
    finished_run,
    version_ref,
)


@app.command()
def train(
    context: typer.Context,
    data: Data = NO_DATA,
    task: TaskKey = TASK,
    model: Annotated[str, typer.Option(help="efficientnet, resnet50, vgg16 or smallcnn.")] = "efficientnet",
    weights: Annotated[
        str, typer.Option(help="imagenet (downloads), none, a file, or an earlier run's folder.")
    ] = "imagenet",
    run: Run = RUN,
    cache: Cache = CACHE,
    passes: Annotated[int, typer.Option(help="Passes over the drawn images; 0 stops at the last layer.", min=0)] = 14,
    draws: Annotated[int, typer.Option(help="Images drawn a pass.", min=32)] = 4480,
    batch: Annotated[int, typer.Option(help="Images a step.", min=2)] = 32,
    head_passes: Annotated[
        int, typer.Option(help="Passes of the last layer alone, before the rest learns; --places solves it.", min=0)
    ] = 1,
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
    teachers: Annotated[
        list[Path] | None,
        typer.Option(
            "--teacher", help="Folder of a finished run that teaches this one by its answers; repeat for each."
        ),
    ] = None,
    pixels: Annotated[
        int, typer.Option(help="Side of the slices it learns from; fewer cost less, 0 takes the task's own.", min=0)
    ] = 0,
    places: Annotated[
        bool,
        typer.Option(help="Answer from the likeliest place, each of which learns the outlines; for small lesions."),
    ] = False,
    outline_weight: Annotated[
        float, typer.Option(help="Weight of the outlines' lesson beside the labels' own, which has 1.", min=0)
    ] = 0.5,
    kept: Annotated[
        list[str] | None,
        typer.Option("--keep", help="Begin of the names of layers that stay as they begin; repeat for each."),
    ] = None,
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
        head_passes=head_passes,
        rate=rate,
        val_share=val_share,
        patience=patience,
        keep_last=keep_last,
        augmentation=augmentation,
        mixup=mixup,
        teachers=tuple(str(folder) for folder in teachers or ()),
        pixels=pixels,
        places=places,
        outline_weight=outline_weight,
        kept=tuple(kept or ()),
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


def _given(context: typer.Context) -> set[str]:
    """The fields of RunSettings that were named on the command line, and the options beside them."""
    named = {name for name in context.params if _source(context, name) == "COMMANDLINE"}
    return {"network" if name == "model" else name for name in named}


def _source(context: typer.Context, name: str) -> str:
    source = context.get_parameter_source(name)
    return source.name if source else ""


@app.command()
def adopt(
    version: Annotated[str, typer.Argument(metavar="TASK/NETWORK/VERSION", help="A registered version.")],
    data: Data = NO_DATA,
    run: Run = RUN,
    weights: Annotated[str, typer.Option(help="The file that it began with, where that is a .npz.")] = "",
    models: Models = MODELS,
) -> None:
    """Make a run of a registered version, for others to go on from, to be taught by, or to be averaged with."""
    from services.inference.repository import ModelRepository

    load_backend()
    from training.adopt import adopt as write

    best = write(ModelRepository(models), version_ref(version), data, run, weights=weights)
    typer.echo(f"The weights are in {best}. Next: python -m training train --weights {run}")


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


@app.command()
def calibrate(
    run: Run = RUN,
    cache: Cache = CACHE,
    flips: Annotated[
        bool, typer.Option(help="Average over the picture and its mirror image, where the task's have one.")
    ] = True,
) -> None:
    """Find temperature and threshold on val and keep them in --run."""
    found = finished_run(run, cache, flips=flips).calibrate()
    typer.echo(f"Temperature {found.temperature}, threshold {found.threshold} ({found.reason}).")


@app.command()
def outline(
    run: Run = RUN,
    cache: Cache = CACHE,
    passes: Annotated[int, typer.Option(help="Passes over the drawn slices.", min=1)] = 6,
    rate: Annotated[float, typer.Option(help="Peak learning rate of AdamW.")] = 2e-3,
) -> None:
    """Fit the head that estimates tumours' outlines to the network of --run, which stays as it is."""
    finished = finished_run(run, cache)
    from training.outline import fit_outline

    typer.echo(f"The head is in {fit_outline(finished, passes=passes, rate=rate)}; register ships it.")


@app.command()
def gate(
    others: Annotated[
        list[Path], typer.Option(help="Folder with a manifest.csv of pictures of other kinds; repeat for several.")
    ],
    run: Run = RUN,
    cache: Cache = CACHE,
) -> None:
    """Learn from the features of --run's network which pictures it was not made for; register ships it."""
    finished = finished_run(run, cache)
    from training.gate import fit_gate
    from training.table import show_gate

    show_gate(fit_gate(finished, others))
