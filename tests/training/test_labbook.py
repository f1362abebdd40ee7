"""The lab book keeps what a run was told and how far it came."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from training.labbook import note, read_book
from training.run import HISTORY, SETTINGS, RunError, RunSettings


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "resnet7"
    folder.mkdir()
    settings = RunSettings("brain_tumor_type", "resnet50", ("data",), "runs/resnet6", passes=4, teachers=("runs/best",))
    (folder / SETTINGS).write_text(json.dumps(asdict(settings)), encoding="utf-8")
    return folder


def test_the_lowest_pass_is_found_by_the_newest_measure(run, tmp_path):
    (run / HISTORY).write_text("epoch,val_loss,val_calibrated\n0,0.1,0.4\n1,0.2,0.31234\n2,0.3,0.5\n", encoding="utf-8")
    entry = note(run, tmp_path / "book.json")
    assert (entry.lowest, entry.best, entry.progress) == (0.3123, 2, "3 of 4")
    assert entry.model_copy(update={"passes": 0}).progress == "the last layer alone"
    assert (entry.measure, entry.started_from, entry.teachers) == ("val_calibrated", ("resnet6",), ("best",))


def test_noting_again_replaces_and_keeps_the_order(run, tmp_path):
    book, other = tmp_path / "book.json", tmp_path / "other"
    other.mkdir()
    (other / SETTINGS).write_text((run / SETTINGS).read_text(encoding="utf-8"), encoding="utf-8")
    note(run, book)
    note(other, book)
    (run / HISTORY).write_text("epoch,val_loss\n0,0.25\n", encoding="utf-8")
    note(run, book)
    assert [(entry.run, entry.lowest) for entry in read_book(book)] == [("resnet7", 0.25), ("other", None)]


def test_what_is_no_run_is_refused(run, tmp_path):
    with pytest.raises(RunError):
        note(tmp_path / "nothing", tmp_path / "book.json")
    (run / HISTORY).write_text("epoch,loss\n0,1\n", encoding="utf-8")
    with pytest.raises(RunError, match="train the run again"):
        note(run, tmp_path / "book.json")
    assert read_book(tmp_path / "book.json") == ()
