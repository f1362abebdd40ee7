"""Write the pages of docs/ that repeat what the code says: ``python -m tools.reference``.

A test compares the pages with what this module would write, so they cannot fall behind.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from services.settings import ROOT, Settings

SETTINGS_PAGE = ROOT / "docs" / "settings.md"


def _default(value: Any) -> str:
    """A default as it would stand in a .env file; paths relative to Falx's folder."""
    if value is None or value == "":
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
            "`make app` sets `DEMO=1`; leave it out anywhere that real people sign in.",
            "",
        ]
    )


def main() -> None:
    """Write the pages."""
    SETTINGS_PAGE.write_text(settings_page(), encoding="utf-8")
    print(f"wrote {SETTINGS_PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
