"""A network that answers from its likeliest place, from its circles to the heat map that its version shows."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from services.inference.findings import HeatReport
from services.inference.networks import build
from services.inference.repository import ModelRepository
from services.tasks import TASKS
from tests.training.test_adding_a_task import LAMP
from training.__main__ import app
from training.augment import Draws
from training.corpus import allowed_classes, load_images, load_outlines, outline_known, read_corpora
from training.evaluation.logits import logits_of
from training.finished import FinishedRun
from training.fit import fit
from training.outline import fit_outline
from training.places import solve_places
from training.run import HEAT, HISTORY, OUTLINE, RunError, RunSettings, read_settings

SPARK = replace(LAMP, key="spark", mirrored=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Grey discs; in every second one a spark of six pixels, which a circle marks, and a dull blot in every one."""
    home = tmp_path / "sparks"
    (home / "images").mkdir(parents=True)
    with (home / "manifest.csv").open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["file", "label", "patient", "fold", "roi"])
        for seed in range(60):
            rng, on = np.random.default_rng(seed), seed % 2 == 1
            picture = cv2.circle(np.zeros((96, 96), np.uint8), (48, 48), 38, 90, -1)
            blot, spark = rng.integers(30, 66, (2, 2)).tolist()
            cv2.circle(picture, blot, 4, 40, -1)
            if on:
                cv2.circle(picture, spark, 4, 250, -1)
            cv2.imwrite(str(home / "images" / f"{seed}.png"), picture)
            circle = f"{spark[0]},{spark[1]},6" if on else ""
            writer.writerow([f"images/{seed}.png", ("off", "on")[on], f"spark {seed // 2}", seed // 2 % 5 + 1, circle])
    return home


def test_the_place_of_a_spark_is_learnt_answered_from_and_shown(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(TASKS, SPARK.key, SPARK)
    run, cache, models = str(tmp_path / "run"), str(tmp_path / "cache"), tmp_path / "models"

    def typed(command: str, *words: str) -> str:
        result = CliRunner().invoke(app, [command, "--run", run, "--cache", cache, *words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    typed(
        "train", "--task", SPARK.key, "--model", "smallcnn", "--weights", "none", "--data", str(folder), "--places",
        "--outline-weight", "30", "--keep-last", "--passes", "6", "--draws", "256", "--batch", "16", "--rate", "0.002",
        "--val-share", "1", "--augmentation", "0.3",
    )  # fmt: skip
    assert read_settings(Path(run)).places
    assert not (Path(run) / OUTLINE).exists(), "the places are the network's own"
    with (Path(run) / HISTORY).open() as lines:
        # An even answer to every picture has a loss of ln 2; the offset is in before the passes are compared.
        assert min(float(row["val_calibrated"]) for row in csv.DictReader(lines)) < 0.5
    typed("calibrate")
    finished = FinishedRun(Path(run), Path(cache))
    assert finished.calibrated()[1] is False, "no mirror image is asked"
    typed("heat")
    chosen = HeatReport.model_validate_json((Path(run) / HEAT).read_text())
    # Not what the network shows unless told otherwise.
    other = chosen.model_copy(update={"chosen_method": "Layer-CAM", "chosen_layer": "small_conv2"})
    (Path(run) / HEAT).write_text(other.model_dump_json())
    typed("register", "--models", str(models))
    repository = ModelRepository(models)
    (version,) = repository.refs()
    card = repository.card(version)
    assert card.places
    assert card.test.classes["on"].roc_auc.value > 0.9
    # The offset that was found on val leaves as many answers on either side as there are sparks.
    assert 0.3 < np.mean(repository.scores(version).logits.argmax(axis=1)) < 0.7
    assert (card.heat_method, card.heat_layer) == ("Layer-CAM", "small_conv2")
    with pytest.raises(RunError, match="need no head for outlines"):
        fit_outline(finished, passes=1, rate=1e-3)


def test_the_last_layer_is_solved_on_features_that_nobody_taught(folder):
    samples = read_corpora([folder], SPARK)
    images, labels = load_images(samples, SPARK, None), allowed_classes(samples, SPARK)
    keras.utils.set_random_seed(3)
    model = build("smallcnn", 2, size=images.shape[1], places=True)
    shown = np.arange(len(images)) < 40
    draws = Draws(
        images=images[shown], labels=labels[shown], weights=np.full(shown.sum(), 1 / shown.sum()),
        outlines=load_outlines(samples, SPARK, None)[shown], known=outline_known(samples, SPARK)[shown], cells=0,
        batch=16, steps=1, seed=1,
    )  # fmt: skip

    def told(network: keras.Model) -> float:
        return float(roc_auc_score(labels[~shown, 1], logits_of(network, images[~shown], flips=False)[:, 1]))

    assert told(model) < 0.9
    solve_places(model, draws)
    assert told(model) > 0.95
    with pytest.raises(RunError, match="leave --places out"):
        solve_places(model, replace(draws, outlines=np.zeros_like(draws.outlines)))


def test_a_run_may_end_with_its_last_layer(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(TASKS, SPARK.key, SPARK)
    settings = RunSettings(SPARK.key, "smallcnn", (str(folder),), "none", passes=0, val_share=1.0, places=True)
    run = tmp_path / "run"
    assert fit(settings, run, cache=tmp_path / "cache").exists()
    with (run / HISTORY).open() as lines:
        (row,) = csv.DictReader(lines)
    assert 0 < float(row["val_calibrated"]) < 1
