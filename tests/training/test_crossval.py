"""Cross-validation: each fold is tested by a run of its own, and what is done is not done again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.drawn import TASK, write_settings
from training.corpus import read_corpora
from training.crossval import crossval
from training.run import RunError, RunSettings, read_settings, recipe_of, samples_of

pytestmark = pytest.mark.usefixtures("shallow_resnet")


@pytest.fixture(scope="module")
def recipe(corpus: Path) -> RunSettings:
    folders = (str(corpus / "named"), str(corpus / "vague"))
    return RunSettings(
        TASK.key, "resnet50", folders, "none", passes=1, draws=16, batch=8, head_passes=0, val_share=1.0, mixup=0.4
    )


def test_each_fold_is_tested_by_a_run_that_never_saw_it(corpus):
    seen: dict[str, str] = {}
    for fold in "12345":
        samples = read_corpora([corpus / "named"], TASK, test_fold=fold)
        parts = {s.path: s.part for s in samples}
        for path, part in parts.items():
            if part == "test":
                assert path not in seen
                seen[path] = fold
    assert len(seen) == len(read_corpora([corpus / "named"], TASK))
    assert {s.part for s in read_corpora([corpus / "named"], TASK, test_fold="1")} == {"train", "val", "test"}


def test_folds_are_pooled_and_a_finished_fold_stays(recipe, tmp_path):
    first = crossval(recipe, tmp_path, tmp_path / "cache", folds=("5",))
    before = (tmp_path / "fold5" / "history.csv").stat().st_mtime_ns
    both = crossval(recipe, tmp_path, tmp_path / "cache", folds=("5", "1"))
    assert (tmp_path / "fold5" / "history.csv").stat().st_mtime_ns == before
    assert read_settings(tmp_path / "fold1").test_fold == "1"
    assert both.folds[0] == first.folds[0]
    assert both.pooled.images == sum(fold.images for fold in both.folds) == 16
    right = sum(fold.accuracy.value * fold.images for fold in both.folds)
    assert both.pooled.accuracy.value == pytest.approx(right / 16, abs=1e-3)


def test_a_recipe_begins_where_its_run_began(recipe, tmp_path):
    write_settings(tmp_path / "first", replace(recipe, weights="none"))
    write_settings(tmp_path / "second", replace(recipe, weights=str(tmp_path / "first"), seed=9))
    found = recipe_of(tmp_path / "second")
    assert (found.weights, found.seed) == ("none", 9)
    write_settings(tmp_path / "mean", replace(recipe, averaged=("a", "b")))
    with pytest.raises(RunError, match="no fold can repeat"):
        recipe_of(tmp_path / "mean")
    assert {s.part for s in samples_of(replace(found, test_fold="2"))} == {"train", "val", "test"}
