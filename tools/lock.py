"""Write constraints.txt: the exact version of every package, indirect ones too, that make installs.

``python -m tools.lock`` (make lock) reads what is installed for the test level, which contains the others. Packages
that somebody added to .venv by hand are left out, because only what the requirements lead to is followed.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.environment import CONSTRAINTS, FILES, ROOT, requirement_lines

# They come with the interpreter's venv, in the version that fits it.
BUNDLED = {"pip", "setuptools", "wheel"}


def closure(lines: list[str]) -> dict[str, str]:
    """Name and installed version of each requirement and of all that it asks for on this platform."""
    found: dict[str, str] = {}
    waiting = [Requirement(line) for line in lines]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            installed = distribution(wanted.name)
        except PackageNotFoundError:
            continue  # an extra for another platform
        found[key[0]] = installed.version
        for text in installed.requires or []:
            needed = Requirement(text)
            extras = wanted.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
    return found


def main() -> None:
    """Write the file, sorted by name."""
    versions = closure(requirement_lines(ROOT / FILES["test"]))
    lines = [f"{name}=={version}" for name, version in sorted(versions.items()) if name not in BUNDLED]
    header = "# Written by `make lock`: every package, indirect ones too. requirements*.txt choose the direct ones.\n"
    CONSTRAINTS.write_text(header + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {CONSTRAINTS.name}: {len(lines)} packages")


if __name__ == "__main__":
    main()
