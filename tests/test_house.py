"""The two commands and what they stand on: pins, targets, settings, and that the documents say the same."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from services.errors import SettingsError
from services.settings import LARGEST_UPLOAD_MB, Settings, get_settings
from tests.conftest import LONGEST, TOGETHER, piece_of
from tools import environment, experiments, figures, reference
from tools.screens import FOLDER, SHOTS, SIZES

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = sorted(ROOT.glob("requirements*.txt"))


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda p: p.name)
def test_every_requirement_is_pinned_and_named_once(path: Path):
    text = path.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", "-r"))]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z-]+\])?==[0-9][\w.+]*", line)] == []
    names = [line.split("==")[0].lower() for line in lines]
    assert names == sorted(set(names))


def test_the_levels_build_on_each_other_and_repeat_nothing():
    app, training, test = (environment.requirement_lines(ROOT / name) for name in environment.FILES.values())
    assert set(app) < set(training) < set(test)
    assert len(test) == len({line.split("==")[0].lower() for line in test})


def test_the_lock_agrees_with_the_pins():
    locked = dict(
        line.split("==")
        for line in environment.CONSTRAINTS.read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    )
    wanted = dict(line.split("==") for line in environment.requirement_lines(ROOT / "requirements-test.txt"))
    normal = {re.sub(r"[-_.]+", "-", name.split("[")[0]).lower(): version for name, version in wanted.items()}
    assert normal == {name: locked.get(name) for name in normal}, "run make lock"


def test_installed_packages_fit_together():
    answer = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout


def test_the_gpu_level_swaps_tensorflow_and_nothing_else():
    plain, gpu = environment.wanted("app", gpu=False), environment.wanted("app", gpu=True)
    assert {line.split("==")[0] for line in set(plain) - set(gpu)} == {"tensorflow-cpu"}
    (swapped,) = set(gpu) - set(plain)
    assert swapped.split("==")[0] == "tensorflow[and-cuda]"
    assert swapped.split("==")[1] == next(line for line in plain if "tensorflow-cpu" in line).split("==")[1]


def test_a_changed_pin_asks_for_a_new_installation():
    lines = environment.wanted("app", gpu=False)
    changed = [line.replace("streamlit==", "streamlit==9") for line in lines]
    assert environment.digest(lines) == environment.digest(list(reversed(lines)))
    assert environment.digest(lines) != environment.digest(changed)


def test_a_second_start_installs_nothing(tmp_path: Path):
    """With the stamp in place the script ends without starting pip; without it, it would have to."""
    clone = tmp_path / "falx"
    (clone / "tools").mkdir(parents=True)
    for source in [ROOT / "tools" / "environment.py", *REQUIREMENTS, environment.CONSTRAINTS]:
        target = clone / source.relative_to(ROOT)
        target.write_bytes(source.read_bytes())
    python = clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho pip was started >&2\nexit 1\n", encoding="utf-8")
    python.chmod(0o755)
    stamp = {"app": environment.digest(environment.wanted("app", gpu=False)), "gpu": "no"}
    (clone / ".venv" / ".falx.json").write_text(json.dumps(stamp), encoding="utf-8")
    command = [sys.executable, "tools/environment.py", "app"]
    answer = subprocess.run(command, cwd=clone, capture_output=True, text=True)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_continuous_integration_runs_make_test():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text(encoding="utf-8")
    assert "set -euo pipefail" in text
    assert text.rstrip().endswith("make test")


def test_what_several_processes_share_out_is_there():
    """A file of tests that moved would lose its place in the order unnoticed."""
    assert [name for name in (*TOGETHER, *LONGEST) if not (ROOT / name).exists()] == []
    assert piece_of("tests/pages/test_study.py::test_x[a::b]") == "tests/pages/"
    assert piece_of("tests/test_house.py::test_x[a::b]") == "tests/test_house.py"


def test_every_target_is_in_the_help():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.search(r"^\.PHONY: (help .*)$", makefile, re.M)[1].split())
    public = {name for name in phony if not name.startswith("venv-")}
    answer = subprocess.run(["make", "-C", str(ROOT), "help"], capture_output=True, text=True, check=True)
    assert public <= set(re.findall(r"make ([a-z-]+)", answer.stdout))


def test_every_module_that_make_calls_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    modules = set(re.findall(r"python -m ([a-z_.]+)", makefile))
    assert {"services.records", "benchmarks", "training"} <= modules
    assert [name for name in sorted(modules) if importlib.util.find_spec(name) is None] == []


def test_the_settings_page_is_current():
    assert reference.SETTINGS_PAGE.read_text(encoding="utf-8") == reference.settings_page(), "run make docs"


def test_the_figures_are_those_of_the_cards():
    assert figures.README.read_text(encoding="utf-8") == figures.readme(), "run make docs"
    assert figures.MODELS_PAGE.read_text(encoding="utf-8") == figures.models_page(), "run make docs"
    assert experiments.PAGE.read_text(encoding="utf-8") == experiments.page(), "run make docs"


def test_the_commands_page_is_current():
    assert reference.COMMANDS_PAGE.read_text(encoding="utf-8") == reference.commands_page(), "run make docs"


def test_the_rights_page_is_current():
    page = reference.RIGHTS_PAGE.read_text(encoding="utf-8")
    assert page == reference.rights_page(), "run make docs"
    assert "| `study.save` | – | own | – | – |" in page


def test_every_runnable_module_is_on_the_commands_page():
    """What is run with python -m and reads a command line is a command that somebody may look for."""
    runnable = set()
    for path in (path for folder in ("services", "training") for path in (ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if 'if __name__ == "__main__":' in text and "import typer" in text:
            runnable.add(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__"))
    assert runnable == set(reference.COMMANDS)
    page = reference.commands_page()
    assert all(f"## python -m {name}" in page for name in runnable)


def test_every_setting_is_explained():
    page = reference.settings_page()
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert f"`{name.upper()}`" in page
    assert str(ROOT) not in page


@pytest.mark.parametrize("key", ["short", "change-me", "a" * 64])
def test_a_default_secret_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch, key: str):
    monkeypatch.setenv("COOKIE_KEY", key)
    get_settings.cache_clear()
    with pytest.raises(SettingsError, match="COOKIE_KEY must be at least 32 varied characters"):
        get_settings()
    get_settings.cache_clear()


def test_no_upload_is_promised_that_the_server_refuses(monkeypatch: pytest.MonkeyPatch):
    server = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["server"]
    assert server["maxUploadSize"] == LARGEST_UPLOAD_MB
    assert Settings(max_upload_mb=LARGEST_UPLOAD_MB).max_upload_mb == LARGEST_UPLOAD_MB
    monkeypatch.setenv("MAX_UPLOAD_MB", str(LARGEST_UPLOAD_MB + 1))
    get_settings.cache_clear()
    words = f"settings. MAX_UPLOAD_MB may be {LARGEST_UPLOAD_MB} at most, because the server"
    with pytest.raises(SettingsError, match=words):
        get_settings()
    get_settings.cache_clear()


@pytest.mark.parametrize("name", sorted(reference.COMMANDS))
def test_no_command_prints_its_variables_in_a_trace(name: str):
    """A trace made pretty shows every variable on the way, a database's password among them."""
    module, attribute = reference.COMMANDS[name]
    assert getattr(importlib.import_module(module), attribute).pretty_exceptions_enable is False


@pytest.mark.parametrize(("given", "demo"), [({}, "1"), ({"DEMO": "1"}, "1"), ({"DEMO": "0"}, "0")])
def test_make_app_is_the_demo_unless_told_otherwise(tmp_path: Path, given: dict[str, str], demo: str):
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "environment.py").write_text("", encoding="utf-8")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "started $DEMO $2"\n', encoding="utf-8")
    python.chmod(0o755)
    clean = {key: value for key, value in os.environ.items() if key != "DEMO" and not key.startswith("MAKE")}
    command = ["make", "-s", "app", f"PYTHON={sys.executable}"]
    answer = subprocess.run(command, cwd=tmp_path, env=clean | given, capture_output=True, text=True, check=True)
    started = re.findall(r"^started (.*)$", answer.stdout, re.M)
    fills = [f"{demo} tools.demo_data"] if demo == "1" else []
    assert started == [f"{demo} services.records", *fills, f"{demo} streamlit"]
    assert ("demo" in answer.stdout) == (demo == "1")


def test_the_readme_names_the_two_commands_and_every_page_of_docs():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    words = ("make app", "make test", "http://localhost:8501", "not a medical device", "figures:start")
    outside = ("services.records migrate", "services.records create-admin", "DEMO=0 make app")
    for needed in (*words, *outside):
        assert needed in readme, needed
    missing = [p.name for p in sorted((ROOT / "docs").glob("*.md")) if f"docs/{p.name}" not in readme]
    assert missing == []


def test_links_in_the_documents_lead_somewhere():
    broken = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []


def test_no_text_names_this_machine():
    """Paths of one machine would be wrong on every other."""
    pattern = "|".join(("/" + "work/", "/" + "root/", "/tmp/" + "falx"))
    answer = subprocess.run(["git", "grep", "-nIE", pattern], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode in (1, 128), answer.stdout


def test_every_page_is_photographed_at_both_widths():
    shown = {shot.name for shot in SHOTS}
    named_otherwise = {"admin": "administration", "compare": "model-metrics"}
    pages = {path.stem for path in (ROOT / "pages").glob("*.py")} - {"__init__"}
    assert {named_otherwise.get(page, page.replace("_", "-")) for page in pages} <= shown
    there = {path.name for path in FOLDER.glob("*.png")}
    assert there == {f"{name}-{width}.png" for name in shown for width, _ in SIZES}
