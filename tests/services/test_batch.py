"""The batch command as it is typed, over good files, bad ones, and files of many frames."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
import typer
from typer.testing import CliRunner

from services.batch import columns, files_below, main
from services.imaging.phantom import as_dicom, as_png
from services.inference.repository import ModelRepository
from services.settings import ROOT, get_settings
from services.tasks import get_task
from tests.services.inference.detecting import detecting_version

TASK = get_task("brain_tumor_type")
# How Python holds a file name whose byte FF is no text in UTF-8.
NO_TEXT = "x\udcff.png"


def many_frames(count: int) -> bytes:
    """A phantom as a multi-frame DICOM; the last frame is blank."""
    dataset = pydicom.dcmread(io.BytesIO(as_dicom("axial_t1c_meningioma")))
    first = dataset.pixel_array
    frames = np.stack([first] * (count - 1) + [np.zeros_like(first)])
    dataset.NumberOfFrames = count
    dataset.PixelData = frames.tobytes()
    target = io.BytesIO()
    dataset.save_as(target)
    return target.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("batch")
    (home / "a" / "deep").mkdir(parents=True)
    (home / "a" / "slice.png").write_bytes(as_png("axial_t1c_glioma"))
    (home / "a" / "deep" / "frames").write_bytes(many_frames(3))
    (home / "a" / "note.png").write_text("this is no picture")
    (home / "a" / "cut.png").write_bytes(as_png("axial_t1c_glioma")[:4000])
    (home / "a" / "empty.dcm").write_bytes(b"")
    (home / "a" / ".hidden").write_text("left out")
    (home / "a" / NO_TEXT).write_bytes(b"")
    os.mkfifo(home / "pipe")
    return home / "a"


@pytest.fixture(scope="module")
def rows(folder: Path) -> list[dict[str, str]]:
    out = folder.parent / "results.csv"
    named = [str(folder), str(folder.parent / "missing.png"), str(folder.parent / "pipe")]
    result = run(*named, "--task", TASK.key, "--jobs", "3", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert not list(folder.parent.glob("*.partial"))
    with out.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        assert reader.fieldnames == columns(TASK)
        written = list(reader)
    # Which of the three good slices the model is certain of is the model's affair.
    kinds = Counter(row["verdict"] for row in written)
    assert (kinds["answered"] + kinds["uncertain"], kinds["refused"], kinds["failed"]) == (3, 1, 6)
    said = f": 10 rows, {kinds['answered']} answered, {kinds['uncertain']} uncertain, 1 refused, 6 failed.\n"
    assert result.stdout.endswith(said), result.output
    return written


def run(*arguments: str):
    app = typer.Typer()
    app.command()(main)
    return CliRunner().invoke(app, arguments)


def of(rows: list[dict[str, str]], name: str) -> list[dict[str, str]]:
    return [row for row in rows if Path(row["file"]).name == name]


def test_files_come_sorted_and_hidden_ones_stay_out(folder):
    names = [path.name for path in files_below([folder])]
    assert names == ["cut.png", "frames", "empty.dcm", "note.png", "slice.png", NO_TEXT]


def test_a_good_slice_is_a_row_with_every_share(rows):
    (row,) = of(rows, "slice.png")
    live = ModelRepository(ROOT / "saved_models").live_ref(TASK.key)
    assert (row["task"], row["model"], row["version"]) == (TASK.key, live.network, live.version)
    shares = {key: float(row[f"p_{key}"]) for key in TASK.class_keys}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert row["label"] == max(shares, key=lambda key: shares[key])
    assert float(row["confidence"]) == pytest.approx(max(shares.values()), abs=1e-4)
    assert (row["accepted"], row["frame"]) == ("yes", "0")
    assert (row["verdict"] == "uncertain") == bool(row["reason"])
    assert float(row["milliseconds"]) > 0


def test_a_file_of_many_frames_is_a_row_a_frame_and_a_bad_frame_ends_nothing(rows):
    found = of(rows, "frames")
    assert [row["frame"] for row in found] == ["0", "1", "2"]
    assert [row["accepted"] for row in found] == ["yes", "yes", "no"]
    models = ModelRepository(ROOT / "saved_models")
    threshold = models.card(models.live_ref(TASK.key)).threshold
    certain = ["answered" if float(row["confidence"]) >= threshold else "uncertain" for row in found[:2]]
    assert [row["verdict"] for row in found] == [*certain, "refused"]
    assert found[0]["label"] == found[1]["label"] != ""
    assert found[2]["label"] == ""
    assert found[2]["reason"]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("note.png", "text"),
        ("cut.png", "cut"),
        ("empty.dcm", "empty"),
        ("missing.png", "cannot be read"),
        ("pipe", "is no file"),
        (r"x\udcff.png", "empty"),
    ],
)
def test_a_bad_file_is_a_row_with_its_reason(rows, name, word):
    (row,) = of(rows, name)
    assert (row["accepted"], row["verdict"]) == ("no", "failed")
    assert row["label"] == ""
    assert word in row["reason"]


def test_a_file_that_cannot_be_written_is_told_in_a_sentence(folder, tmp_path):
    result = run(str(folder), "--task", TASK.key, "--out", str(tmp_path / "missing" / "x.csv"))
    assert result.exit_code == 2
    assert "cannot be written: No such file or directory. Name another file with --out." in result.output


def test_an_unknown_task_or_model_ends_with_a_sentence_and_writes_nothing(folder, tmp_path):
    for arguments, word in ((["--task", "knee"], "knee"), (["--task", TASK.key, "--model", "alexnet"], "alexnet")):
        result = run(str(folder), *arguments, "--out", str(tmp_path / "x.csv"))
        assert result.exit_code == 2
        assert word in result.output
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("key", "good", "other"),
    [
        ("brain_tumor_presence", "axial_t1c_glioma", "film_left_cc_scattered"),
        ("breast_cancer", "film_left_cc_scattered", "axial_t1c_glioma"),
    ],
)
def test_a_task_that_detects_is_asked_of_its_own_pictures_only(key, good, other, tmp_path, monkeypatch):
    task, repository = get_task(key), ModelRepository(tmp_path / "models")
    ref = detecting_version(repository, task)
    monkeypatch.setenv("MODELS_DIR", str(repository.root))
    get_settings.cache_clear()
    (tmp_path / "files").mkdir()
    for name in (good, other):
        (tmp_path / "files" / f"{name}.dcm").write_bytes(as_dicom(name))
    try:
        result = run(str(tmp_path / "files"), "--task", key, "--out", str(tmp_path / "out.csv"))
    finally:
        get_settings.cache_clear()
    assert result.exit_code == 0, result.output
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as lines:
        rows = {Path(row["file"]).stem: row for row in csv.DictReader(lines)}
    said = rows[good]
    assert (said["verdict"], said["model"], said["version"]) == ("answered", ref.network, ref.version)
    shares = [float(said[f"p_{name}"]) for name in task.class_keys]
    assert sum(shares) == pytest.approx(1, abs=1e-3)
    assert said["label"] == task.class_keys[shares[1] >= task.detection_threshold]
    assert rows[other]["verdict"] == "refused"
    assert "the models know" in rows[other]["reason"]
