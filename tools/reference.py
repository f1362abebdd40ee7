"""Write the pages of docs/ that repeat what the code says: ``python -m tools.reference``.

A test compares the pages with what this module would write, so they cannot fall behind.
"""

from __future__ import annotations

import importlib
import re
import subprocess
from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr

from services.records.rights import GIVEN, Action, Scope, scope
from services.records.tables import Role
from services.settings import ROOT, Settings
from tools import experiments, figures
from tools.figures import table

SETTINGS_PAGE = ROOT / "docs" / "settings.md"
COMMANDS_PAGE = ROOT / "docs" / "commands.md"
RIGHTS_PAGE = ROOT / "docs" / "rights.md"
# ``python -m`` name → where its typer application is.
COMMANDS = {
    "services.records": ("services.records.__main__", "commands"),
    "services.batch": ("services.batch", "app"),
    "training": ("training.__main__", "app"),
}


def _default(value: Any) -> str:
    """A default as it would stand in a .env file or on a command line; paths relative to Falx's folder."""
    if value is None or value in ("", (), []):
        return "*(empty)*"
    if isinstance(value, bool):
        return f"`{int(value)}`"
    if isinstance(value, Path):
        return f"`{value.relative_to(ROOT).as_posix()}`" if value.is_relative_to(ROOT) else f"`{value}`"
    if isinstance(value, SecretStr):
        return "*(secret)*"
    return f"`{value}`"


def settings_page() -> str:
    """docs/settings.md as Markdown, a row a field of Settings in its order."""
    rows = [
        f"| `{name.upper()}` | {_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            "Every knob of Falx, read at the start from the environment or from a file `.env` in Falx's folder; the",
            "environment wins. A value that cannot be used ends the start with a sentence that names it. The table is",
            "written by `make docs` from `services/settings.py`.",
            "",
            "| Variable | Default | Meaning |",
            "|---|---|---|",
            *rows,
            "",
            "A path without a leading slash is relative to the folder that Falx is started in, which is its own.",
            "`make app` sets `DEMO=1`; anywhere that real people sign in the command is `DEMO=0 make app`.",
            "",
        ]
    )


def commands_page() -> str:
    """docs/commands.md as Markdown: make's targets and every command of every module that has some."""
    lines = [
        "# Commands",
        "",
        "Written by `make docs` from the Makefile and from the commands themselves. Those that begin with `python` are",
        "run in Falx's folder with the interpreter of `.venv`, which `make app` fills.",
        "",
        "## make",
        "",
        "| Command | What it does |",
        "|---|---|",
        *(f"| `make {target}` | {meaning} |" for target, meaning in make_targets().items()),
        "",
    ]
    for name, (module, attribute) in COMMANDS.items():
        group = typer.main.get_command(getattr(importlib.import_module(module), attribute))
        commands: dict[str, Any] = dict(getattr(group, "commands", {})) or {"": group}
        lines += [f"## python -m {name}", "", _sentence(group.help), ""]
        for key, command in commands.items():
            lines += _command(f"python -m {name} {key}".strip(), command, repeat=bool(key))
    return "\n".join(lines)


def rights_page() -> str:
    """docs/rights.md as Markdown: what each role may do, and to what."""
    return "\n".join(
        [
            "# Rights",
            "",
            "Written by `make docs` from the one table in `services/records/rights.py`. What it does not name is",
            "forbidden.",
            "",
            *table(
                ("Action", *(role.value for role in Role)),
                [(f"`{action}`", *(_scope(role, action) for role in Role)) for action in Action],
            ),
            "An administrator may be given the right to see images by another one, for eight hours and noted in the",
            f"trail. While it lasts {', '.join(f'`{action}`' for action in GIVEN)} cover any study for that account.",
            "",
            "What is outside a role's scope is answered as if it did not exist. Every service function takes the",
            "acting person and asks this table; lists are filtered in SQL made from the same rule.",
            "",
        ]
    )


def _scope(role: Role, action: Action) -> str:
    found = scope(role, action)
    return "–" if found is Scope.NONE else found.value


def make_targets() -> dict[str, str]:
    """Targets of the Makefile that ``make help`` shows, with their line."""
    text = subprocess.run(["make", "-s", "-C", str(ROOT), "help"], capture_output=True, text=True, check=True).stdout
    return dict(re.findall(r"^ *make ([a-z-]+) +(\S.*)$", text, re.MULTILINE))


def _sentence(text: str | None) -> str:
    """The first paragraph of a help text, on one line, with Markdown's code marks."""
    first = re.split(r"\n\s*\n|\f", (text or "").strip())[0]
    return " ".join(first.replace("``", "`").split())


def _command(called: str, command: Any, *, repeat: bool) -> list[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    names = "".join(f" {_argument(p)}" for p in arguments)
    lines = [f"### `{called}{names}`", ""]
    if repeat:
        lines += [_sentence(command.help), ""]
    if options or arguments:
        lines += ["| Argument or option | Default | Meaning |", "|---|---|---|"]
        for parameter in [*arguments, *options]:
            default = parameter.default
            if isinstance(default, bool):
                default = "on" if default else "off"
            shown = "*(needed)*" if parameter.required else _default(default)
            name = _argument(parameter) if parameter in arguments else parameter.opts[0]
            lines.append(f"| `{name}` | {shown} | {_sentence(getattr(parameter, 'help', ''))} |")
        lines.append("")
    return lines


def _argument(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def main() -> None:
    """Write the pages."""
    written = {
        SETTINGS_PAGE: settings_page(),
        COMMANDS_PAGE: commands_page(),
        RIGHTS_PAGE: rights_page(),
        figures.README: figures.readme(),
        figures.MODELS_PAGE: figures.models_page(),
        experiments.PAGE: experiments.page(),
    }
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
