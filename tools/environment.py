"""Fill .venv with the pinned packages of one level, and do nothing at all when it already holds them.

Run by make with the system's Python, so it uses the standard library only:
``python3 tools/environment.py app|training|test [--gpu]``.

A level is a requirements file and those it starts with (-r). A stamp inside .venv holds the hash of what was asked for;
it is written after pip has finished, so an interrupted installation is taken up again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / ".falx.json"
FILES = {"app": "requirements.txt", "training": "requirements-training.txt", "test": "requirements-test.txt"}
CONSTRAINTS = ROOT / "constraints.txt"
CPU_TENSORFLOW = "tensorflow-cpu"
OLDEST, NEWEST = (3, 11), (3, 13)


def fail(sentence: str) -> None:
    """End with one sentence instead of a trace."""
    sys.exit(f"falx: {sentence}")


def requirement_lines(path: Path) -> list[str]:
    """The requirements of a file and of those it includes, comments dropped."""
    lines: list[str] = []
    for raw in path.read_text(encoding="utf-8").splitlines():
        line = raw.split("#", 1)[0].strip()
        if line.startswith("-r "):
            lines += requirement_lines(path.parent / line[3:].strip())
        elif line:
            lines.append(line)
    return lines


def wanted(level: str, gpu: bool) -> list[str]:
    """What pip has to install for a level; the GPU file takes the place of the CPU build of TensorFlow."""
    lines = requirement_lines(ROOT / FILES[level])
    if gpu:
        lines = [line for line in lines if not line.startswith(CPU_TENSORFLOW)]
        lines += requirement_lines(ROOT / "requirements-gpu.txt")
    return lines


def digest(lines: list[str]) -> str:
    """Changes whenever a pin or the Python version does."""
    constraints = CONSTRAINTS.read_text(encoding="utf-8") if CONSTRAINTS.exists() else ""
    text = "\n".join([*sorted(lines), constraints, ".".join(map(str, sys.version_info[:2]))])
    return hashlib.sha256(text.encode()).hexdigest()


def venv_python() -> Path:
    """The interpreter inside .venv."""
    return VENV / "bin" / "python"


def works(python: Path) -> bool:
    """Whether the interpreter starts and has pip."""
    return python.exists() and subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0


def make_venv() -> None:
    """Create .venv where there is none that works."""
    if works(venv_python()):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    print("falx: making the virtual environment .venv", flush=True)
    command = [sys.executable, "-m", "venv", str(VENV)]
    if subprocess.run(command, capture_output=True).returncode == 0 and works(venv_python()):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    if shutil.which("apt-get") and os.geteuid() == 0:
        print(f"falx: installing {package}", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
            subprocess.run(["apt-get", *step], env=environment, stdout=subprocess.DEVNULL, check=False)
        if subprocess.run(command, capture_output=True).returncode == 0 and works(venv_python()):
            return
    fail(f"this Python cannot make virtual environments. Install {package} (apt install {package}) and run make again.")


def install(lines: list[str]) -> None:
    """Let pip install the lines, in one resolution."""
    command = [str(venv_python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Most modules of the large packages are never imported; the others are compiled when they are.
    command.append("--no-compile")
    if CONSTRAINTS.exists():
        command += ["--constraint", str(CONSTRAINTS)]
    list_file = VENV / ".falx-requirements.txt"
    list_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for attempt in range(3):
        if attempt:
            print("falx: pip did not finish, trying again", flush=True)
            time.sleep(5 * attempt)
        if subprocess.run([*command, "--requirement", str(list_file)], check=False).returncode == 0:
            return
    fail("pip could not install the packages; its lines above say why. Check the network and run make again.")


def main() -> None:
    """Bring .venv to the asked level."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("level", choices=list(FILES))
    parser.add_argument("--gpu", action="store_true", help="TensorFlow with CUDA in place of the CPU build")
    arguments = parser.parse_args()
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        fail(
            f"Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]} is needed and this one is "
            f"{sys.version.split()[0]}. Install python3.11, or name another one: make app PYTHON=/path/to/python3.11"
        )
    state: dict[str, str] = json.loads(STAMP.read_text(encoding="utf-8")) if STAMP.exists() else {}
    gpu = arguments.gpu or state.get("gpu") == "yes"
    target = digest(wanted(arguments.level, gpu))
    if state.get(arguments.level) == target and (state.get("gpu") == "yes") == gpu and venv_python().exists():
        return
    make_venv()
    if gpu and state.get("gpu") != "yes":
        subprocess.run([venv_python(), "-m", "pip", "uninstall", "-q", "-y", CPU_TENSORFLOW], check=False)
    print(f"falx: installing the packages of {FILES[arguments.level]} (a few minutes the first time)", flush=True)
    install(wanted(arguments.level, gpu))
    # A level contains those before it, so they need no installation of their own.
    levels = list(FILES)[: list(FILES).index(arguments.level) + 1]
    state = {level: digest(wanted(level, gpu)) for level in levels} | {"gpu": "yes" if gpu else "no"}
    STAMP.write_text(json.dumps(state, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
