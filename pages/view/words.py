"""How values are written on the pages: times, shares, classes and verdicts."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from services.inference.figures import Estimate
from services.inference.prediction import Verdict
from services.records.tables import State
from services.tasks import TASKS

# The class colours of the tasks under the names that Streamlit's Markdown gives the theme's colours.
_COLOUR_NAMES = {"#E69F00": "orange", "#56B4E9": "blue", "#CC79A7": "violet", "#7FBF7B": "green"}
VERDICTS = {Verdict.ANSWERED: "answered", Verdict.UNCERTAIN: "uncertain: refer", Verdict.REFUSED: "refused"}
STATES = {State.AWAITING: "awaiting review", State.REVIEWED: "reviewed", State.RELEASED: "released"}
DASH = "–"
# A dash at which no line breaks.
_TO = "\u2060–\u2060"


def plain(text: str) -> str:
    """Text of a person's or a file's making, with everything that Markdown would act on escaped."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!|<>~:$=" else c for c in text)


def spoken(text: str) -> str:
    """The same for a label that is only read aloud, where an escaped sign would be read as two."""
    return " ".join("".join(" " if c in "\\`*_{}[]()#+!|<>~:$=" else c for c in text).split())


def zone() -> ZoneInfo:
    """The time zone of this browser's clock."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def moment(when: datetime) -> str:
    """A time as this browser's clock shows it, to the minute."""
    return f"{when.astimezone(zone()):%d %b %Y, %H:%M}"


def day(when: date | None) -> str:
    """A date with the month in letters, which no country reads wrongly."""
    return f"{when:%d %b %Y}" if when else DASH


def percent(share: float) -> str:
    """A share in 0..1 with one decimal."""
    return f"{100 * share:.1f}%"


def size(count: int) -> str:
    """A number of bytes in the unit that leaves one to three digits before the point."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def interval(figure: Estimate | None, *, share: bool = True) -> str:
    """A figure with its 95% interval."""
    if figure is None:
        return DASH
    if share:
        return f"{percent(figure.value)} ({100 * figure.low:.1f}{_TO}{100 * figure.high:.1f})"
    return f"{figure.value:.3f} ({figure.low:.3f}{_TO}{figure.high:.3f})"


def class_name(task: str, label: str) -> str:
    """A class, or what a doctor found beside the classes, as a noun."""
    return TASKS[task].finding_name(label) if task in TASKS else label


def dot(task: str, label: str | None) -> str:
    """A dot in the class's colour, as Markdown; an open one where there is no answer."""
    if label is None or task not in TASKS:
        return ":gray[○]"
    name = _COLOUR_NAMES.get(TASKS[task].class_info(label).colour)
    return f":{name}[●]" if name else "●"
