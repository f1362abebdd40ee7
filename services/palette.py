"""The colours and the typeface that pages, charts and the report share; class colours stand in the tasks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """One theme; every value is ``#RRGGBB``."""

    ground: str
    surface: str
    line: str
    text: str
    muted: str
    accent: str


DARK = Palette(ground="#0F1318", surface="#171D24", line="#2A333D", text="#E8EDF2", muted="#9AA7B4", accent="#5CC8D7")
LIGHT = Palette(ground="#FAFBFC", surface="#FFFFFF", line="#DDE3E9", text="#17202A", muted="#5B6875", accent="#0B7285")
FONT = "Inter"


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue in 0..255 of a ``#RRGGBB`` colour."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
