"""Charts that lay several models over each other: told apart by dash and by name, since colours belong to classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

import plotly.graph_objects as go

from pages.view import charts, theme
from pages.view.charts import DASHES, LEGEND, SYMBOLS
from services.inference.figures import Estimate

# Pixels for the axis with its title, and for all below the rows of dots.
AXIS, BELOW = 54, 150
PATTERNS = ("", "/", ".", "x", "-")


@dataclass(frozen=True)
class Line:
    """One model's curve: shares in 0..1, with a colour where it is that of a class.

    ``dash`` is the place in DASHES where several lines are of one model; else each line has its own.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str | None = None
    dash: int | None = None


def overlay(
    lines: Sequence[Line], *, x: str, y: str, alt: str, key: str, diagonal: bool = False, mark: float | None = None
) -> None:
    """Curves over 0..1 by 0..1; ``mark`` draws an upright line there."""
    colours = theme.palette()
    figure = go.Figure()
    if diagonal:
        figure.add_scatter(
            x=[0, 1], y=[0, 1], mode="lines", line={"color": colours.muted, "dash": "dot", "width": 1},
            hoverinfo="skip", showlegend=False,
        )  # fmt: skip
    for index, line in enumerate(lines):
        dash = DASHES[(index if line.dash is None else line.dash) % len(DASHES)]
        figure.add_scatter(
            x=list(line.x), y=list(line.y), mode="lines", name=line.name,
            line={"color": line.colour or colours.accent, "width": 2, "dash": dash},
            hovertemplate=f"{line.name}: %{{y:.1%}} at %{{x:.1%}}<extra></extra>",
        )  # fmt: skip
    if mark is not None:
        figure.add_vline(x=mark, line={"color": colours.muted, "width": 1, "dash": "dot"})
    figure.update_layout(legend=LEGEND, showlegend=len(lines) > 1)
    figure.update_xaxes(range=[0, 1.01], tickformat=".0%", title=x)
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%", title=y)
    charts.show(figure, alt, height=charts.SQUARE, key=key, top=48 if len(lines) > 1 else 28, saved=True)


@dataclass(frozen=True)
class Series:
    """One model's estimates at several steps of something that is not a share."""

    name: str
    steps: Sequence[str]
    values: Sequence[Estimate]


def steps(series: Sequence[Series], *, x: str, y: str, alt: str, key: str) -> None:
    """Dots with 95% intervals over named steps, a line a model."""
    colours = theme.palette()
    figure = go.Figure()
    for index, one in enumerate(series):
        figure.add_scatter(
            x=list(one.steps), y=[e.value for e in one.values], mode="lines+markers", name=one.name,
            line={"color": colours.accent, "width": 2, "dash": DASHES[index % len(DASHES)]},
            marker={"size": 9, "symbol": index},
            error_y={
                "type": "data", "symmetric": False, "thickness": 1.2, "color": colours.muted,
                "array": [e.high - e.value for e in one.values],
                "arrayminus": [e.value - e.low for e in one.values],
            },
            customdata=[(100 * e.low, 100 * e.high) for e in one.values],
            hovertemplate=f"{one.name}, %{{x}}: %{{y:.1%}}, 95% interval %{{customdata[0]:.1f}} to "
            "%{customdata[1]:.1f}%<extra></extra>",
        )  # fmt: skip
    lowest = min((e.low for one in series for e in one.values), default=0.0)
    figure.update_layout(legend=LEGEND, showlegend=len(series) > 1)
    figure.update_xaxes(type="category", title=x, showgrid=False)
    figure.update_yaxes(range=[max(0.0, lowest - 0.05), 1.02], tickformat=".0%", title=y)
    charts.show(figure, alt, height=360, key=key, top=48 if len(series) > 1 else 28, saved=True)


def grouped_bars(
    groups: Sequence[str], bars: Sequence[tuple[str, Sequence[Estimate | None]]], *, y: str, alt: str, key: str
) -> None:
    """Bars side by side in each group, with their 95% intervals; the first full, the others hatched."""
    colours = theme.palette()
    figure = go.Figure()
    for index, (name, values) in enumerate(bars):
        known = [(group, value) for group, value in zip(groups, values, strict=True) if value]
        figure.add_bar(
            x=[group for group, _ in known], y=[e.value for _, e in known], name=name,
            marker={
                "color": colours.accent if index == 0 else colours.muted,
                "line": {"width": 0 if index == 0 else 1, "color": colours.muted},
                "pattern": {} if index == 0 else {
                    "shape": PATTERNS[index % len(PATTERNS)], "fillmode": "replace", "fgcolor": colours.muted,
                    "size": 7, "solidity": 0.3,
                },
            },
            error_y={
                "type": "data", "symmetric": False, "thickness": 1.5, "color": colours.text,
                "array": [e.high - e.value for _, e in known], "arrayminus": [e.value - e.low for _, e in known],
            },
            text=[f"{100 * e.value:.1f}%" for _, e in known], textposition="none",
            hovertemplate=f"{name}, %{{x}}: %{{text}}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="group", bargap=0.3, legend=LEGEND, showlegend=len(bars) > 1)
    figure.update_xaxes(showgrid=False)
    figure.update_yaxes(range=[0, 1.01], tickformat=".0%", title=y)
    charts.show(figure, alt, height=400, key=key, top=48, saved=True)


def dots(
    names: Sequence[str], series: Sequence[tuple[str, Sequence[Estimate | None]]], *, title: str, key: str
) -> None:
    """For each name a dot with its 95% interval a model, one below the other; a model may lack some."""
    if not names:
        return
    colours = theme.palette()
    figure = go.Figure()
    for index, (model, values) in enumerate(series):
        known = [(name, value) for name, value in zip(names, values, strict=True) if value]
        figure.add_scatter(
            x=[e.value for _, e in known], y=["<br>".join(wrap(name, charts.LABEL)) for name, _ in known],
            mode="markers", orientation="h", name=model, offsetgroup=str(index), cliponaxis=False,
            marker={
                "size": 10, "symbol": SYMBOLS[index % len(SYMBOLS)],
                "color": colours.accent if index == 0 else colours.text,
            },
            error_x={
                "type": "data", "symmetric": False, "thickness": 1.5, "color": colours.muted,
                "array": [e.high - e.value for _, e in known], "arrayminus": [e.value - e.low for _, e in known],
            },
            customdata=[(100 * e.low, 100 * e.high) for _, e in known],
            hovertemplate=f"{model}, %{{y}}: %{{x:.1%}}, 95% interval %{{customdata[0]:.1f}} to "
            "%{customdata[1]:.1f}%<extra></extra>",
        )  # fmt: skip
    every = [value for _, values in series for value in values if value]
    lowest = min((e.low for e in every), default=0.0)
    height = (24 * len(series) + 26) * len(names) + BELOW
    # Below the axis and its title: above the plot, names of several models would reach the button on a phone.
    below = {"y": -(AXIS / (height - BELOW)), "yanchor": "top"}
    figure.update_layout(scattermode="group", scattergap=0.35, legend=LEGEND | below, showlegend=True)
    figure.update_xaxes(range=[max(0.0, lowest - 0.05), 1.02], tickformat=".0%", title=title, tickangle=0, nticks=6)
    figure.update_yaxes(ticksuffix="  ", autorange="reversed", type="category")
    said = "; ".join(
        f"{name}: " + ", ".join(f"{model} {100 * v[at].value:.1f}%" for model, v in series if v[at])
        for at, name in enumerate(names)
    )
    charts.show(figure, f"{title}, with 95% intervals. {said}.", height=height, key=key, top=28, saved=True)
