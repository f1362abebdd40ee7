"""A run's history as a page of curves that any browser shows."""

from __future__ import annotations

import csv
from pathlib import Path

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from training.run import HISTORY

CURVES = "curves.html"


def draw_curves(run: Path) -> Path:
    """Write every column of the run's history over its passes into one page; returns its file."""
    with (run / HISTORY).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = [name for name in rows[0] if name != "epoch"]
    figure = make_subplots(rows=len(names), cols=1, shared_xaxes=True, subplot_titles=names)
    passes = [int(row["epoch"]) + 1 for row in rows]
    for place, name in enumerate(names, start=1):
        values = [float(row[name]) for row in rows]
        figure.add_trace(go.Scatter(x=passes, y=values, mode="lines+markers", name=name), row=place, col=1)
    figure.update_layout(title=run.name, height=240 * len(names), showlegend=False)
    figure.update_xaxes(title_text="pass", row=len(names), col=1)
    figure.write_html(run / CURVES, include_plotlyjs="directory")
    return run / CURVES
