"""Averaging the weights of finished runs."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np
import pytest

from services.inference.networks import build
from training.average import average
from training.run import BEST, OUTLINE, SETTINGS, RunError, RunSettings, averaged_settings, read_settings

SETTINGS_OF_ALL = RunSettings("brain_tumor_type", "efficientnet", ("brain_mri",), "none")


def finished(folder: Path, settings: RunSettings, model: keras.Model | None = None) -> Path:
    folder.mkdir()
    (folder / SETTINGS).write_text(json.dumps(asdict(settings)), encoding="utf-8")
    if model is None:
        (folder / BEST).touch()
    else:
        model.save_weights(folder / BEST)
    return folder


def test_every_weight_is_the_mean_and_val_is_what_no_run_learnt_from(tmp_path):
    model = build("efficientnet", 4)
    first = [np.array(weight) for weight in model.get_weights()]
    runs = [finished(tmp_path / "a", replace(SETTINGS_OF_ALL, val_share=0.2), model)]
    model.set_weights([weight + 2 for weight in first])
    runs.append(finished(tmp_path / "b", replace(SETTINGS_OF_ALL, val_share=0.4, seed=7), model))
    settings = averaged_settings(runs)
    assert (settings.val_share, settings.seed) == (0.2, 7)
    model.load_weights(average(settings, tmp_path / "mean"))
    for before, after in zip(first, model.get_weights(), strict=True):
        assert np.array(after) == pytest.approx(before + 1, abs=1e-5)
    assert read_settings(tmp_path / "mean").averaged == tuple(str(run) for run in runs)


def test_heads_for_outlines_are_averaged_where_every_run_has_one(tmp_path):
    model = build("efficientnet", 4)
    runs = [finished(tmp_path / name, SETTINGS_OF_ALL, model) for name in "ab"]
    settings = averaged_settings(runs)
    np.savez(runs[0] / OUTLINE, **{"outline/kernel": np.float16([1, 2])})
    average(settings, tmp_path / "one")
    assert not (tmp_path / "one" / OUTLINE).exists()
    np.savez(runs[1] / OUTLINE, **{"outline/kernel": np.float16([3, 6])})
    average(settings, tmp_path / "both")
    assert np.load(tmp_path / "both" / OUTLINE)["outline/kernel"].tolist() == [2, 4]


@pytest.mark.parametrize(("sides", "answers_at"), [((160, 0), 0), ((0, 160), 0), ((128, 160), 160)])
def test_a_mean_looks_at_the_most_pixels_that_one_learnt_from(tmp_path, sides, answers_at):
    runs = [finished(tmp_path / str(side), replace(SETTINGS_OF_ALL, pixels=side)) for side in sides]
    assert averaged_settings(runs).pixels == answers_at


def test_runs_that_have_no_average_are_refused(tmp_path):
    one = finished(tmp_path / "one", SETTINGS_OF_ALL)
    other = finished(tmp_path / "other", replace(SETTINGS_OF_ALL, network="vgg16"))
    (tmp_path / "cut").mkdir()
    with pytest.raises(RunError, match="two runs"):
        averaged_settings([one])
    with pytest.raises(RunError, match="agree"):
        averaged_settings([one, other])
    with pytest.raises(RunError, match="train first"):
        averaged_settings([one, tmp_path / "cut"])
