"""train, resume, calibrate, register and evaluate as a newcomer types them, on drawn slices."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from services.inference.card import EVALUATION, OUTLINE, SCORES, WEIGHTS
from services.inference.engine import Engine
from services.inference.figures import PartFigures
from services.inference.networks import get_arrays
from services.inference.repository import ModelRepository
from services.inference.scores import read_scores
from services.settings import ROOT
from services.tasks import get_task
from tests.services.inference.versions import edit_card
from training.__main__ import KEEP_MEMORY, app
from training.again import WITH_PICTURES
from training.corpus import read_corpora
from training.evaluation.report import evaluate
from training.evaluation.robustness import CHANGES
from training.evaluation.shortcuts import VIEWS
from training.finished import FinishedRun
from training.run import RunError, read_settings, recipe_of

pytestmark = pytest.mark.usefixtures("shallow_resnet")


@pytest.fixture(scope="module")
def run(corpus: Path, shallow_resnet: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run cut after its first pass and resumed to its second."""
    folder = tmp_path_factory.mktemp("run")
    arguments = ["train", "--data", str(corpus / "named"), "--data", str(corpus / "vague"), "--model", "resnet50",
                 "--weights", "none", "--run", str(folder), "--cache", str(folder / "cache"), "--draws", "32",
                 "--batch", "8", "--val-share", "1.0"]  # fmt: skip
    invoke(*arguments, "--passes", "1")
    settings = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(settings | {"passes": 2}))
    invoke("train", "--run", str(folder), "--cache", str(folder / "cache"), "--resume")
    return folder


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_cut_run_goes_on_where_it_was(run):
    with (run / "history.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert all(0 < float(row["val_calibrated"]) < 2 for row in rows)
    assert all(0 <= float(row["val_right"]) <= 1 for row in rows)
    assert (run / "best.weights.h5").exists()
    assert list((run / "tensorboard").rglob("events*"))
    assert "val_calibrated" in (run / "curves.html").read_text()


@pytest.fixture(scope="module")
def models(run: Path, others: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in which that run was registered and serves, with a head for outlines and an input gate."""
    folder, cache = tmp_path_factory.mktemp("models"), str(run / "cache")
    assert "register ships it" in invoke("outline", "--run", str(run), "--cache", cache, "--passes", "1")
    assert "Temperature" in invoke("calibrate", "--run", str(run), "--cache", cache)
    assert "others test" in invoke("gate", "--run", str(run), "--cache", cache, "--others", str(others))
    printed = invoke("register", "--run", str(run), "--cache", cache, "--models", str(folder), "--live")
    assert "brain_tumor_type/resnet50/1" in printed
    return folder


def test_calibrate_register_evaluate_and_serve(run, corpus, others, models):
    cache = run / "cache"
    repository = ModelRepository(models)
    ref = repository.live_ref("brain_tumor_type", "resnet50")
    card = repository.verify(ref)
    assert card.test.images == 8
    assert PartFigures.model_validate_json((run / "val.json").read_text()) == card.val
    assert card.data.counts["train"] == {"glioma": 4, "meningioma": 4, "notumor": 12, "pituitary": 4, "tumor": 8}
    assert card.starting_weights == "none"
    assert "T1" in " ".join(p.name for p in card.presence)
    again = invoke("evaluate", "--data", str(corpus / "named"), "--data", str(corpus / "vague"), "--model", "resnet50",
                   "--others", str(others), "--quick", "--cache", str(cache), "--models", str(models))  # fmt: skip
    assert "not measured again: worse pictures, shortcuts." in " ".join(again.split())
    assert "every figure that was measured again is the one it ships" in " ".join(again.split())
    engine, task = Engine(repository), get_task("brain_tumor_type")
    scores = read_scores(repository.folder(ref) / SCORES)
    samples = [
        s for s in read_corpora([corpus / "named", corpus / "vague"], task, val_share=1.0) if s.part in ("val", "test")
    ]
    assert scores.name.tolist() == [s.path.name for s in samples]
    assert scores.part.tolist() == [s.part for s in samples]
    # The figures can be had from the shipped scores alone, without an image.
    stored = json.loads((repository.folder(ref) / EVALUATION).read_text())
    again_from_scores = evaluate(task, scores, card.temperature, card.threshold)
    worse, hidden, outlines, gate = (stored.pop(name) for name in WITH_PICTURES)
    assert again_from_scores.model_dump(mode="json", exclude=set(WITH_PICTURES)) == stored
    assert [row["part"] for row in outlines] == ["named test", "named val"]
    assert [row["images"] for row in outlines] == [6, 6]
    assert {row["part"]: row["belongs"] for row in gate} == {
        "named test": True, "named val": True, "vague test": True, "vague val": True, "others test": False,
    }  # fmt: skip
    assert [(row["view"], row["who"]) for row in hidden] == list(product(VIEWS, ("linear classifier", "network")))
    assert hidden[1]["accuracy"] == stored["test"]["accuracy"]
    # All eight named test slices are among those made worse, so unchanged they have the test part's accuracy.
    assert worse[0]["change"] == "none"
    assert worse[0]["accuracy"] == stored["test"]["accuracy"]
    assert len(worse) == 1 + sum(len(amounts) for _, _, amounts in CHANGES.values())
    model = engine.loaded(task, "resnet50")
    assert model.card.ref == ref
    assert model.card.outline is not None
    assert model.familiarity is not None


def test_a_version_becomes_a_run_that_holds_what_it_ships(run, corpus, models, tmp_path):
    named = ["--data", str(corpus / "named"), "--data", str(corpus / "vague"), "--models", str(models)]
    invoke("adopt", "brain_tumor_type/resnet50/1", *named, "--run", str(tmp_path / "again"))
    again, first = read_settings(tmp_path / "again"), read_settings(run)
    assert again == replace(first, adopted="brain_tumor_type/resnet50/1")
    finished = FinishedRun(tmp_path / "again", None)
    with np.load(models / "brain_tumor_type/resnet50/1" / WEIGHTS) as shipped:
        held = get_arrays(finished.model)
        assert all(np.array_equal(held[name], shipped[name]) for name in shipped.files)
    assert (tmp_path / "again" / OUTLINE).exists()
    with pytest.raises(RunError, match="no fold can repeat"):
        recipe_of(tmp_path / "again")
    for arguments, words in (
        (named, "holds a run already"),
        ([*named[2:], "--run", str(tmp_path / "other")], "do not hold the images"),
    ):
        refused = CliRunner().invoke(
            app, ["adopt", "brain_tumor_type/resnet50/1", "--run", str(tmp_path / "again"), *arguments]
        )
        assert words in str(refused.exception)


def test_an_ensemble_of_one_and_the_same_is_measured_as_that_one_is(run, corpus, others, models, tmp_path):
    repository = ModelRepository(tmp_path)
    shutil.copytree(models, tmp_path, dirs_exist_ok=True)
    one = repository.live_ref("brain_tumor_type", "resnet50")
    two = replace(one, version="2")
    shutil.copytree(repository.folder(one), repository.folder(two))
    edit_card(repository, two, version="2")
    place = ["--models", str(tmp_path), "--cache", str(run / "cache")]
    named = ["--data", str(corpus / "named"), "--data", str(corpus / "vague"), *place]
    invoke("ensemble", "--of", str(one), "--of", str(two), *named)
    own, joint = repository.evaluation(one), repository.evaluation(replace(one, network="ensemble", version="1"))
    assert [(row.change, row.accuracy) for row in joint.robustness] == [(r.change, r.accuracy) for r in own.robustness]
    assert joint.shortcuts == own.shortcuts
    assert joint.outlines == own.outlines
    assert joint.gate == own.gate
    invoke("promote", "brain_tumor_type/ensemble/1", "--models", str(tmp_path))
    again = invoke("evaluate", "--model", "ensemble", *named, "--others", str(others))
    assert "every figure is the one it ships" in again
    assert "mean" in invoke("heat", "--model", "ensemble", *named)
    (report,) = repository.findings("brain_tumor_type").heat
    assert [row.part for row in (*report.val, *report.test)] == ["named val", "named test"]


def test_evaluate_says_when_the_images_are_others(corpus, models):
    result = CliRunner().invoke(
        app, ["evaluate", "--data", str(corpus / "named"), "--model", "resnet50", "--models", str(models)]
    )
    assert result.exit_code != 0
    assert "do not hold the images" in str(result.exception)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--passes", "3"), "has passes 2, and 3 was asked for"),
        (("--model", "vgg16"), "has network resnet50"),
        (("--keep-last",), "has keep last False"),
        (("--data", "/another"), "/another was asked for"),
    ],
)
def test_a_resumed_run_refuses_other_settings_and_takes_its_own(run, option, words):
    before = (run / "run.json").read_text()
    result = CliRunner().invoke(app, ["train", "--run", str(run), "--resume", "--seed", "1", *option])
    assert result.exit_code != 0
    assert words in str(result.exception)
    assert (run / "run.json").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--data {home}/missing", "manifest.csv"),
        ("--data {home}", "manifest.csv"),
        ("", "--data"),
        ("--data {home}/named --task knee", "knee"),
        ("--data {home}/named --model alexnet", "alexnet"),
        ("--data {home}/named --weights {home}/none.h5", "starting weights"),
        ("--data {home}/named --weights {home}", "best.weights.h5"),
        ("--resume --run {home}", "run.json"),
    ],
)
def test_what_keeps_training_from_starting_is_said_before_tensorflow_is_loaded(corpus, arguments, words):
    code = (
        "import sys\n"
        "from training.__main__ import main\n"
        "sys.argv[0] = 'training'\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    typed = ["train", *arguments.format(home=corpus).split()]
    answer = subprocess.run(
        [sys.executable, "-c", code, *typed], cwd=ROOT, env=os.environ | KEEP_MEMORY, capture_output=True, text=True
    )
    assert answer.returncode == 2
    assert words in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert answer.stdout == "[]\n"


def test_commands_tell_what_is_missing(tmp_path):
    result = CliRunner().invoke(app, ["calibrate", "--run", str(tmp_path)])
    assert result.exit_code != 0
    assert "train first" in str(result.exception)
