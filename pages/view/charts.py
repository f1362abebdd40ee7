"""The charts: one colour a class in one order, direct labels, intervals drawn, and words for who cannot see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from pages.view import theme
from services.inference.figures import Estimate, PartFigures
from services.inference.prediction import Prediction, Verdict
from services.palette import FONT, rgb
from services.reports.words import percent
from services.tasks.task import Task

STILL = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False, "showAxisDragHandles": False}
ROW, SQUARE, LABEL = 38, 520, 30
# What tells models apart that are drawn over each other, since colours belong to classes.
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "diamond-open", "square-open", "triangle-up-open", "x-thin-open", "star-open")
LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"}
# Name, colour (hatched where there is none), and one count a period.
Series = tuple[str, str | None, Sequence[int]]


# The one button of the mode bar: the chart as a PNG of twice the pixels.
SAVED = {
    **STILL, "displayModeBar": True, "displaylogo": False, "modeBarButtons": [["toImage"]],
    "toImageButtonOptions": {"format": "png", "scale": 2},
}  # fmt: skip


def show(figure: go.Figure, alt: str, *, height: int, key: str, top: int = 8, saved: bool = False) -> None:
    """Draw a figure in the theme's type and colours; ``alt`` says in words what it shows.

    ``saved`` adds a button that downloads it as PNG, on the theme's ground.
    """
    colours = theme.palette()
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": top, "b": 8},
        paper_bgcolor=colours.ground if saved else "rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": colours.muted, "activecolor": colours.text},
        font={"family": f"{FONT}, sans-serif", "size": 13, "color": colours.text},
        hoverlabel={"font": {"family": f"{FONT}, sans-serif", "size": 13}},
        dragmode=False,
    )
    figure.update_xaxes(
        gridcolor=colours.line, zerolinecolor=colours.line, automargin=True, fixedrange=True, title_font_size=13
    )
    figure.update_yaxes(
        gridcolor=colours.line, zerolinecolor=colours.line, automargin=True, fixedrange=True, title_font_size=13
    )
    named = {**SAVED["toImageButtonOptions"], "filename": f"falx {key}"}
    config = {**SAVED, "toImageButtonOptions": named} if saved else STILL
    st.plotly_chart(figure, theme=None, config=config, alt=alt, key=key)


def accent() -> str:
    """The one colour of what has no class."""
    return theme.palette().accent


def muted() -> str:
    """The colour of what stands behind."""
    return theme.palette().muted


def confidence_bars(task: Task, prediction: Prediction, *, key: str) -> None:
    """A bar a class in the task's order; hatched where the answer is uncertain, with the line from which it is not."""
    colours = theme.palette()
    shares = dict(zip(prediction.classes, prediction.probabilities, strict=True))
    classes = list(reversed(task.classes))
    uncertain = prediction.verdict is Verdict.UNCERTAIN
    names, written = [c.name for c in classes], [percent(shares[c.key]) for c in classes]
    figure = go.Figure(
        go.Bar(
            x=[shares[c.key] for c in classes],
            y=names,
            orientation="h",
            text=written,
            textposition="none",
            marker={
                "color": [c.colour for c in classes],
                "line": {"width": 0},
                "pattern": {"shape": "/" if uncertain else "", "fgcolor": colours.ground, "size": 6, "solidity": 0.35},
            },
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    )
    # The figures stand in a column of their own, which neither a bar nor the line reaches.
    figure.add_scatter(
        x=[1.0] * len(classes), y=names, text=written, mode="text", textposition="middle right", cliponaxis=False,
        hoverinfo="skip",
    )  # fmt: skip
    threshold = prediction.threshold
    figure.add_vline(x=threshold, line={"color": colours.muted, "width": 1, "dash": "dot"}, layer="below")
    figure.add_annotation(
        x=threshold, y=1.0, yref="paper", yanchor="bottom", xanchor="right" if threshold > 0.5 else "left",
        showarrow=False, text=f"answers from {100 * threshold:.3g}% on", font={"size": 13, "color": colours.muted},
    )  # fmt: skip
    figure.update_layout(showlegend=False)
    figure.update_xaxes(range=[0, 1.22], visible=False)
    figure.update_yaxes(showgrid=False, ticks="", ticksuffix="  ")
    figure.update_layout(bargap=0.42, showlegend=False)
    said = ", ".join(f"{c.name} {percent(shares[c.key])}" for c in task.classes)
    show(
        figure,
        f"Bar chart of the calibrated confidence of each class: {said}.",
        height=ROW * len(classes) + 36,
        key=key,
        top=26,
    )


def estimates(rows: Sequence[tuple[str, Estimate, int]], *, colours: Sequence[str], title: str, key: str) -> None:
    """A dot with its 95% interval a row; ``rows`` are (name, share in 0..1, images)."""
    ordered = list(reversed(list(zip(rows, colours, strict=True))))
    figure = go.Figure(
        go.Scatter(
            x=[estimate.value for (_, estimate, _), _ in ordered],
            y=["<br>".join(wrap(name, LABEL)) for (name, _, _), _ in ordered],
            mode="markers+text",
            text=[f"{100 * estimate.value:.1f}%" for (_, estimate, _), _ in ordered],
            textposition="top center",
            cliponaxis=False,
            marker={"size": 11, "color": [colour for _, colour in ordered]},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [estimate.high - estimate.value for (_, estimate, _), _ in ordered],
                "arrayminus": [estimate.value - estimate.low for (_, estimate, _), _ in ordered],
                "thickness": 1.5,
                "color": theme.palette().muted,
            },
            customdata=[(100 * e.low, 100 * e.high, images) for (_, e, images), _ in ordered],
            hovertemplate="%{y}: %{text}, 95%% interval %{customdata[0]:.1f} to %{customdata[1]:.1f}%%, "
            "%{customdata[2]} images<extra></extra>".replace("%%", "%"),
        )
    )
    lowest = min((estimate.low for _, estimate, _ in rows), default=0.0)
    figure.update_xaxes(range=[max(0.0, lowest - 0.05), 1.02], tickformat=".0%", title=title)
    figure.update_yaxes(ticksuffix="  ")
    said = "; ".join(f"{n} {100 * e.value:.1f}% ({100 * e.low:.1f} to {100 * e.high:.1f})" for n, e, _ in rows)
    show(figure, f"{title}, with 95% intervals: {said}.", height=56 * len(rows) + 80, key=key, top=24, saved=True)


def confusion(task: Task, part: PartFigures, *, rates: bool, key: str) -> None:
    """Answers by true class: counts, or shares of the true class's images."""
    names = [task.class_info(c).name for c in part.classes]
    counts = [list(row) for row in part.confusion]
    shares = [[n / max(1, sum(row)) for n in row] for row in counts]
    written = (
        [[f"{100 * s:.0f}%" for s in row] for row in shares] if rates else [[str(n) for n in row] for row in counts]
    )
    colours = theme.palette()
    figure = go.Figure(
        go.Heatmap(
            z=shares, x=names, y=names, text=written, texttemplate="%{text}", customdata=counts, zmin=0, zmax=1,
            colorscale=[[0, colours.surface], [1, colours.accent]], showscale=False, xgap=3, ygap=3,
            textfont={"size": 18},
            hovertemplate="True %{y}, answered %{x}: %{customdata} images<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", title="True class", showgrid=False)
    figure.update_xaxes(title="Answered class", side="bottom", showgrid=False)
    said = "; ".join(
        f"of {sum(row)} {name}: " + ", ".join(f"{n} as {other}" for n, other in zip(row, names, strict=True))
        for name, row in zip(names, counts, strict=True)
    )
    show(figure, f"Confusion matrix of {part.images} test images. {said}.", height=SQUARE, key=key, top=28, saved=True)


def reliability(models: Sequence[tuple[str, Sequence[Mapping[str, float]]]], *, key: str) -> None:
    """How often answers of a confidence are right; on the diagonal the confidence means what it says.

    ``models`` are names with points that hold "confidence", "right" (shares in 0..1) and "images"; the 95% intervals
    are Wilson's (1927). Several are told apart by their marks.
    """
    colours, several = theme.palette(), len(models) > 1
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": colours.muted, "dash": "dot", "width": 1}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip
    for index, (name, points) in enumerate(models):
        bounds = [_wilson(p["right"], p["images"]) for p in points]
        colour = colours.accent if index == 0 else colours.text
        figure.add_scatter(
            x=[p["confidence"] for p in points],
            y=[p["right"] for p in points],
            name=name,
            mode="lines+markers" if several else "markers",
            line={"color": colour, "width": 1.5, "dash": DASHES[index % len(DASHES)]},
            marker={
                "size": [6 + min(22.0, p["images"] ** 0.5) for p in points],
                "color": colour,
                "symbol": SYMBOLS[index % len(SYMBOLS)],
            },
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [high - p["right"] for p, (_, high) in zip(points, bounds, strict=True)],
                "arrayminus": [p["right"] - low for p, (low, _) in zip(points, bounds, strict=True)],
                "color": colours.muted,
                "thickness": 1.5,
            },
            customdata=[p["images"] for p in points],
            hovertemplate=f"{name}, confidence %{{x:.1%}}: %{{y:.1%}} right, %{{customdata:.0f}} images<extra></extra>",
        )
    figure.update_layout(legend=LEGEND, showlegend=several)
    figure.update_xaxes(range=[0, 1.03], tickformat=".0%", title="Mean confidence of the answers in a bin")
    figure.update_yaxes(range=[0, 1.03], tickformat=".0%", title="Share of them that are right")
    said = ". ".join(
        f"{name}: "
        + "; ".join(
            f"{p['confidence']:.0%} confident, {p['right']:.0%} right ({p['images']:.0f} images)" for p in points
        )
        for name, points in models
    )
    top = 56 if several else 28
    show(figure, f"Reliability diagram on the test images. {said}.", height=SQUARE, key=key, top=top, saved=True)


def _wilson(share: float, images: float) -> tuple[float, float]:
    """The 95% interval of a share counted on ``images`` (E. B. Wilson, 1927)."""
    z = 1.96
    centre = (share + z * z / (2 * images)) / (1 + z * z / images)
    reach = z * ((share * (1 - share) + z * z / (4 * images)) / images) ** 0.5 / (1 + z * z / images)
    return min(share, centre - reach), max(share, centre + reach)


def shades(number: int) -> list[str]:
    """The accent, then ever closer to the ground, for what has an order and no class."""
    colours = theme.palette()
    ends = rgb(colours.accent), rgb(colours.line)
    steps = [n / max(1, number - 1) for n in range(number)]
    return ["#" + "".join(f"{round(a + (b - a) * step):02X}" for a, b in zip(*ends, strict=True)) for step in steps]


def counts_by(
    periods: Sequence[str],
    series: Sequence[Series],
    *,
    what: str,
    key: str,
    shares: Sequence[float | None] = (),
    share: str = "",
) -> None:
    """Stacked counts over time; ``series`` are (name, colour, one count a period), hatched where there is no colour.

    ``shares`` in 0..1, one a period with a gap where it is None, are drawn below the counts on the same periods;
    ``share`` names them.
    """
    muted = theme.palette().muted
    figure = make_subplots(2 if shares else 1, 1, shared_xaxes=True, vertical_spacing=0.08)
    for name, colour, numbers in series:
        hatched = {"shape": "/", "fillmode": "replace", "fgcolor": muted, "size": 7, "solidity": 0.25}
        figure.add_bar(
            x=list(periods),
            y=list(numbers),
            name=name,
            marker={
                "color": colour or muted,
                "line": {"width": 0 if colour else 1, "color": muted},
                "pattern": {} if colour else hatched,
            },
            hovertemplate=f"{name}: %{{y}}<extra>%{{x}}</extra>",
            row=1,
            col=1,
        )
    legend = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal", "itemclick": False}
    figure.update_layout(barmode="stack", bargap=0.35, showlegend=True, legend=legend)
    figure.update_yaxes(title=what, rangemode="tozero", dtick=_step(series), row=1, col=1)
    said = f"{what} by period: " + "; ".join(f"{name} {sum(numbers)}" for name, _, numbers in series)
    if shares:
        said += f". {_share_below(figure, periods, shares, share)}"
    figure.update_xaxes(type="category", showgrid=False, tickangle=0)
    show(figure, f"{said}.", height=570 if shares else 330, key=key, top=56)


def _share_below(figure: go.Figure, periods: Sequence[str], shares: Sequence[float | None], share: str) -> str:
    figure.add_scatter(
        x=list(periods), y=list(shares), mode="lines+markers", line={"color": accent(), "width": 2}, showlegend=False,
        marker={"size": 9, "color": accent()}, hovertemplate="%{x}: %{y:.1%}<extra></extra>", row=2, col=1,
    )  # fmt: skip
    figure.update_yaxes(title=share, range=[-0.03, 1.05], tickformat=".0%", row=2, col=1)
    named = zip(periods, shares, strict=True)
    told = "; ".join(f"{p.replace('<br>', ' ')} {'none' if s is None else f'{100 * s:.0f}%'}" for p, s in named)
    return f"{share} by period: {told}"


def _step(series: Sequence[Series]) -> int:
    highest = max((sum(column) for column in zip(*(numbers for _, _, numbers in series), strict=True)), default=0)
    return max(1, -(-highest // 5))
