"""The floors of the house: who may import whom, how long a file may get, what lies at the top."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {
    # the card's
    "app.py", "pages", "services", "training", "saved_models", ".streamlit", "requirements.txt", "tests", "README.md",
    # what surrounds it
    "requirements-training.txt", "requirements-test.txt", "requirements-gpu.txt", "constraints.txt", "pyproject.toml",
    "Makefile", "LICENSE", ".gitignore", ".gitattributes", ".ci", "benchmarks", "docs", "static", "tools",
}  # fmt: skip


def tracked() -> list[Path]:
    """Files in version control, relative to the root; the test is skipped where there is no git."""
    try:
        answer = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this copy is not under version control")
    return [Path(line) for line in answer.stdout.splitlines()]


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level packages that a file imports anywhere, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def test_import_linter_contracts_hold():
    program = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout[-4000:] + answer.stderr[-2000:]


def test_services_know_no_screen():
    guilty = [str(p.relative_to(ROOT)) for p in python_files("services") if "streamlit" in imported(p)]
    assert not guilty


def test_tensorflow_is_imported_lazily_and_in_inference_only():
    """Drawing the sign-in page must not cost TensorFlow's start."""
    outside = [
        str(p.relative_to(ROOT))
        for p in python_files("services", "pages")
        if imported(p) & {"tensorflow", "keras"} and "inference" not in p.parts
    ]
    assert not outside


@pytest.mark.parametrize(("folder", "limit"), [("pages", 300), ("services", 320), ("training", 320), ("tests", 300)])
def test_files_stay_short(folder: str, limit: int):
    lengths = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in python_files(folder)}
    assert lengths, f"{folder}/ has no Python file"
    assert not {name: lines for name, lines in lengths.items() if lines > limit}


def test_the_app_is_a_router_and_nothing_else():
    text = (ROOT / "app.py").read_text(encoding="utf-8")
    assert "st.navigation" in text
    assert len(text.splitlines()) <= 150
    assert not imported(ROOT / "app.py") & {"training", "tools", "benchmarks", "sqlmodel", "sqlalchemy", "tensorflow"}


def test_the_top_level_is_the_cards():
    found = {path.parts[0] for path in tracked()}
    assert found <= TOP_LEVEL, f"not on the plan: {sorted(found - TOP_LEVEL)}"
    assert {"app.py", "pages", "services", "training", "saved_models", ".streamlit", "README.md"} <= found


def test_tests_mirror_the_services():
    """Every package of services/ has a folder or a file of tests of its name."""
    packages = {p.name for p in (ROOT / "services").iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    mirrored = {p.stem.removeprefix("test_") for p in (ROOT / "tests" / "services").iterdir()}
    assert packages <= mirrored, f"without tests: {sorted(packages - mirrored)}"
