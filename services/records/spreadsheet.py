"""Tables as CSV that every spreadsheet program opens as what it is: text and numbers, never a formula.

References: RFC 4180 for quotes and line ends; OWASP, CSV Injection, and OWASP ASVS 5.0, 1.2.10, for cells that a
spreadsheet would run.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

Cell = str | int | float | date | None
# Excel takes a file for UTF-8 only where it begins with this mark.
MARK = "\ufeff"
# What begins a formula, also behind blanks that a program may skip, and in the wide letters that some take for the
# same; and the blanks that some cut off before they look.
RUNS = re.compile(r"[\t\r\n\0]|[\s\0]*[=+\-@\uff1d\uff0b\uff0d\uff20]")


def table(heads: Sequence[str], pages: Iterable[Iterable[Sequence[Cell]]]) -> Iterator[bytes]:
    """The table as UTF-8, its heads first, then as many bytes at a time as a page of its rows takes."""
    yield f"{MARK}{_lines([heads])}".encode()
    for page in pages:
        yield _lines(page).encode(errors="replace")


def safe(cell: Cell) -> str:
    """A cell's text; one that a spreadsheet might run gets an apostrophe in front, which makes it text.

    Finite numbers stay as they are, times and days are written as ISO 8601 has them, None is empty.
    """
    if isinstance(cell, int | float) and math.isfinite(cell):
        return str(cell)
    text = "" if cell is None else cell.isoformat() if isinstance(cell, date) else str(cell)
    return f"'{text}" if RUNS.match(text) else text


def _lines(rows: Iterable[Sequence[Cell]]) -> str:
    text = io.StringIO(newline="")
    # Every cell in quotes: where a semicolon parts the cells, a comma's text is not cut into new ones.
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([safe(cell) for cell in row] for row in rows)
    return text.getvalue()
