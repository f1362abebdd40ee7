"""Commands that measure versions: evaluate, compare, crossval, published, heat."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.inference.backend import load_backend
from training.commands import CACHE, MODELS, NO_DATA, RUN, TASK, Cache, Data, Models, Run, TaskKey, app, finished_run


@app.command()
def evaluate(
    data: Data = NO_DATA,
    task: TaskKey = TASK,
    model: Annotated[str, typer.Option(help="Network; the one that answers by default unless given.")] = "",
    version: Annotated[str, typer.Option(help="Version; the live one unless given.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every network's live version.")] = False,
    others: Annotated[
        list[Path] | None, typer.Option(help="Folder of pictures of other kinds, for the input gate; repeat for each.")
    ] = None,
    quick: Annotated[bool, typer.Option(help="Leave out the figures on changed pictures.")] = False,
    cache: Cache = CACHE,
    models: Models = MODELS,
) -> None:
    """Score registered versions again and print their figures; exit 1 where one differs from the shipped one.

    Without --data it takes the folders that the version's card and gate name, in CORPORA_DIR or ../shared/data.
    """
    from services.inference.prediction import ModelRef
    from services.inference.repository import ModelRepository
    from services.tasks import get_task

    if every and (model or version):
        raise typer.BadParameter("--all takes every network, so it goes with neither --model nor --version.")
    repository = ModelRepository(models)
    get_task(task)
    live = repository.live_ref(task, model or None)
    refs = [ModelRef(task, live.network, version) if version else live]
    if every:
        refs = [ModelRef(task, *pair) for pair in repository.live()[task].versions.items()]
    shipped = {ref: repository.evaluation(ref) for ref in refs}
    load_backend()
    from training.again import differences, named_folders, not_asked, score_again
    from training.table import show

    differing = []
    for ref in refs:
        typer.echo(f"{ref}:")
        folders, other = (data, others or ()) if data else named_folders(repository.card(ref), shipped[ref])
        evaluation = score_again(repository, ref, folders, cache, others=other, quick=quick)
        show(evaluation)
        found = differences(shipped[ref], evaluation)
        differing += found
        for line in found:
            typer.echo(f"differs from what {ref} ships: {line}", err=True)
        left_out = not_asked(shipped[ref], evaluation)
        if left_out:
            typer.echo(f"{ref}: not measured again: {', '.join(left_out)}.")
        if not found:
            typer.echo(f"{ref}: every figure{' that was measured again' * bool(left_out)} is the one it ships.")
    if differing:
        raise typer.Exit(1)


@app.command()
def compare(
    task: TaskKey = TASK,
    models: Models = MODELS,
) -> None:
    """Compare every two of the task's live versions on the test images, print it and keep it for the metrics page."""
    from services.errors import ModelNotFound
    from services.inference.prediction import ModelRef
    from services.inference.repository import ModelRepository
    from services.tasks import get_task
    from training.evaluation.pairs import compare_all
    from training.table import show_pairs

    repository, known = ModelRepository(models), get_task(task)
    repository.live_ref(task)
    refs = [ModelRef(task, *pair) for pair in repository.live()[task].versions.items()]
    if len(refs) < 2:
        raise ModelNotFound(
            f"Only {refs[0]} serves {task}, so there is nothing to compare it with. Promote another network's version."
        )
    pairs = compare_all(known, [(ref, repository.scores(ref)) for ref in refs])
    repository.keep(task, repository.findings(task).model_copy(update={"pairs": tuple(pairs)}))
    show_pairs(pairs)


@app.command()
def crossval(
    like: Annotated[Path, typer.Option(help="Folder of a finished run whose recipe every fold follows.")],
    run: Run = Path("runs/crossval"),
    cache: Cache = CACHE,
    models: Models = MODELS,
) -> None:
    """Train and score a recipe once for each patient fold, print it and keep it for the metrics page.

    Started again, it goes on where it was cut.
    """
    from services.inference.findings import replaced
    from services.inference.repository import ModelRepository
    from training.run import check_start, recipe_of
    from training.table import show_crossval

    recipe = recipe_of(like)
    check_start(recipe)
    load_backend()
    from training.crossval import crossval as over_folds

    figures = over_folds(recipe, run, cache)
    repository = ModelRepository(models)
    kept = repository.findings(recipe.task)
    repository.keep(recipe.task, kept.model_copy(update={"crossval": replaced(kept.crossval, figures)}))
    show_crossval(figures)


@app.command()
def published(run: Run = RUN, cache: Cache = CACHE, models: Models = MODELS) -> None:
    """Measure a calibrated run on the published split that it learnt from, print it, keep it for the metrics page."""
    from services.inference.findings import replaced
    from services.inference.repository import ModelRepository
    from training.table import show_published

    finished = finished_run(run, cache)
    figures = finished.published()
    repository = ModelRepository(models)
    kept = repository.findings(finished.task.key)
    repository.keep(finished.task.key, kept.model_copy(update={"published": replaced(kept.published, figures)}))
    show_published(figures)


@app.command()
def heat(
    data: Data = NO_DATA,
    task: TaskKey = TASK,
    model: Annotated[str, typer.Option(help="Network; the one that serves unless given.")] = "",
    version: Annotated[str, typer.Option(help="Version; the live one unless given.")] = "",
    run: Annotated[Path | None, typer.Option(help="Score this finished run instead of a version.")] = None,
    cache: Cache = CACHE,
    models: Models = MODELS,
) -> None:
    """Score heat maps against outlines or circles: every method and layer on val, the best of them on test.

    A version's scores are kept for the metrics page, a run's in its folder's heat.json, from which register takes the
    heat map of the version.
    """
    from services.inference.findings import replaced
    from services.inference.prediction import ModelRef
    from services.inference.repository import ModelRepository

    if run:
        finished = finished_run(run, cache)
        from training.evaluation.heat import score_run, show
        from training.run import HEAT

        report = score_run(finished)
        (run / HEAT).write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    else:
        repository = ModelRepository(models)
        live = repository.live_ref(task, model or None)
        ref = ModelRef(task, live.network, version) if version else live
        load_backend()
        from training.evaluation.heat import score_registered, show

        report = score_registered(repository, ref, data, cache)
        kept = repository.findings(task)
        repository.keep(task, kept.model_copy(update={"heat": replaced(kept.heat, report)}))
    show(report)


@app.command()
def note(runs: Annotated[list[Path], typer.Argument(metavar="RUN…", help="Folders of runs, in any state.")]) -> None:
    """Write what runs were told and how far they came into the lab book, docs/experiments.json."""
    from training.labbook import note as write

    for run in runs:
        entry = write(run)
        typer.echo(f"{entry.run}: passes {entry.progress}, lowest {entry.measure or 'loss'} {entry.lowest}.")
