"""Cells that a spreadsheet reads as text."""

from __future__ import annotations

# What makes a spreadsheet take a cell for a formula (OWASP, CSV Injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(text: str) -> str:
    """The text, after an apostrophe where a spreadsheet would otherwise work it out as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
