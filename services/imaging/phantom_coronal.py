"""A coronal slice of a head as a textbook would sketch it, drawn from outlines of our own; no image was traced."""

from __future__ import annotations

import numpy as np

from services.imaging.phantom_canvas import Canvas
from services.imaging.phantom_shapes import Field, depth, disc, grid, noise, region, step, stroke, symmetric

# Outlines are listed as points; one to a line would bury the drawing.
# fmt: off


def coronal(canvas: Canvas) -> Field:
    """Paint a slice through the third ventricle and the sella; returns the mask of the brain, 0..1."""
    head = region(symmetric([(50, 4), (62, 5.5), (73, 13), (80, 26), (81.5, 41), (80, 55), (77.5, 66), (75.5, 80),
        (72, 94), (68, 108), (50, 112)]))
    cavity = region(symmetric([(50, 10.5), (61, 12), (70, 19), (75.2, 30), (76.4, 42), (74.6, 53), (70, 60.2),
        (63, 62.6), (57.8, 60.4), (55.6, 56.0), (54.0, 53.2), (50, 52.6)]))
    canvas.vault(head, cavity)
    _face(canvas, head)
    brain = _brain(canvas, cavity)
    _sella(canvas)
    return brain


def _brain(canvas: Canvas, cavity: Field) -> Field:
    x, _ = grid()
    surface = 1.2 + 0.3 * noise(canvas.rng, 6.0)
    whole = cavity * step(depth(cavity) - np.maximum(surface, 0.6), 0.0, 0.5)
    bend = 50.0 + 0.35 * noise(canvas.rng, 20.0)
    gap = 0.42 + 0.12 * noise(canvas.rng, 6.0)
    left = np.asarray(whole * (1.0 - step(x - bend + gap, 0.0, 0.3)), dtype=np.float32)
    right = np.asarray(whole * step(x - bend - gap, 0.0, 0.3), dtype=np.float32)
    canvas.cortex(left, (38.0, 37.0), deepest=13.0)
    canvas.cortex(right, (62.0, 37.0), deepest=13.0)
    centre = [(50, 26.5), (57, 26.0), (63, 31), (65.5, 38), (64.5, 45), (58.5, 48.5), (50, 48.8)]
    canvas.paint(region(symmetric(centre), soft=0.8), "white", grain=0.02)
    for side in (1.0, -1.0):
        fissure = [(50 + side * dx, y) for dx, y in ((26.3, 43.2), (22.5, 44.2), (18.8, 45.0), (15.6, 48.0),
            (10.5, 50.2), (6.5, 50.4))]
        upper = [fissure[2], (50 + side * 17.3, 41.2), (50 + side * 17.6, 36.8)]
        insula = [(50 + side * dx, y) for dx, y in ((16.2, 36.6), (15.8, 41.0), (16.4, 45.2))]
        canvas.paint(stroke(insula, 1.5, soft=0.25), "grey")
        canvas.paint(stroke(fissure, 1.0, soft=0.25), "fluid", share=0.9)
        canvas.paint(stroke(upper, 0.9, soft=0.22), "fluid", share=0.9)
        for at, width in ((fissure[2], 0.95), (upper[1], 0.7), (fissure[3], 0.8), (fissure[1], 0.6)):
            canvas.paint(disc(at, width, soft=0.1), "vessel", share=0.9)
        canvas.paint(stroke([fissure[3], fissure[4], fissure[5]], 0.55, soft=0.1), "vessel", share=0.7)
        temporal_horn = [(50 + side * dx, y) for dx, y in ((13.5, 53.6), (15.4, 53.0), (16.9, 54.4))]
        canvas.paint(stroke(temporal_horn, 0.7, soft=0.15), "fluid")
        canvas.paint(disc((50 + side * 13.0, 55.6), 5.0, 2.6, turn=side * 12, soft=0.4), "grey")
    canvas.both_discs((61.0, 40.6), 5.4, 8.6, "grey", turn=8, soft=0.5)
    canvas.both_discs((58.9, 41.8), 3.0, 5.0, "pallidum", turn=14, soft=0.5)
    canvas.both_discs((57.9, 32.6), 3.0, 5.0, "grey", turn=-24, soft=0.4)
    canvas.both_discs((53.9, 40.4), 5.6, 7.2, "grey", soft=0.6)
    canvas.paint(stroke([(40, 27.6), (45, 28.6), (50, 28.8), (55, 28.6), (60, 27.6)], 2.0, soft=0.35), "white")
    canvas.both([(50.5, 35.6), (50.6, 30.8), (54.0, 30.2), (57.6, 29.4), (56.6, 31.8), (53.4, 34.2)], "fluid")
    canvas.paint(stroke([(50, 29.6), (50, 36.0)], 0.5), "white")
    canvas.both_discs((51.1, 36.4), 1.6, 1.6, "white", soft=0.15)
    canvas.paint(stroke([(50, 38.2), (50.1, 42.5), (50, 47.4)], 0.9, soft=0.15), "fluid")
    cistern = [(50, 48.2), (56.5, 48.6), (59.5, 50.8), (55.0, 53.0), (50, 53.4)]
    canvas.paint(region(symmetric(cistern), soft=0.35), "fluid")
    canvas.paint(stroke([(50, 9.8), (50.1, 18), (50, 25.5)], 0.5, soft=0.1), "falx")
    canvas.paint(region([(47.8, 9.9), (52.2, 9.9), (50, 13.4)], soft=0.2), "vessel")
    return np.asarray(np.maximum(left, right), dtype=np.float32)


def _sella(canvas: Canvas) -> None:
    """Chiasm, stalk and gland, the cavernous sinuses with the carotids' flow voids, the air of the sphenoid sinus."""
    canvas.paint(stroke([(45.2, 50.0), (50, 49.6), (54.8, 50.0)], 1.1, soft=0.15), "white")
    canvas.paint(stroke([(50, 50.2), (50, 53.6)], 0.7, soft=0.1), "gland")
    canvas.paint(region(symmetric([(50, 60), (55.5, 59.6), (58.0, 62.5), (56.5, 67.0),
        (50, 68.0)]), soft=0.25), "mucosa")
    canvas.both([(50.4, 60.9), (54.9, 60.6), (57.0, 62.8), (55.6, 66.2), (50.5, 67.0)], "air", soft=0.2)
    canvas.both_discs((55.8, 56.4), 4.6, 6.6, "gland", turn=8, soft=0.35, grain=0.12, share=0.75)
    for at in ((55.0, 54.6), (56.2, 57.6)):
        canvas.both_discs(at, 2.0, 2.0, "air", soft=0.2)
    canvas.paint(disc((50, 55.4), 8.0, 3.4, soft=0.3), "gland", grain=0.05)
    canvas.paint(stroke([(46.2, 58.2), (50, 58.9), (53.8, 58.2)], 0.8, soft=0.15), "bone")


def _face(canvas: Canvas, head: Field) -> None:
    """What lies below the skull: jaw muscles in fat, the rami of the mandible, nasal airway, tongue."""
    _, y = grid()
    border = y - 64.5 - 1.2 * noise(canvas.rng, 9.0)
    below = np.asarray(head * step(border, 0.0, 2.5) * step(depth(head), 3.0, 1.0), dtype=np.float32)
    canvas.paint(below, "muscle", grain=0.22)
    canvas.both([(78.9, 39), (80.0, 48), (78.3, 58), (75.6, 63), (75.4, 57),
        (77.0, 48)], "muscle", soft=0.3, grain=0.10)
    streaks = step(noise(canvas.rng, 2.4, stretch=2.2), 0.75, 0.6)
    canvas.paint(np.asarray(below * streaks, dtype=np.float32), "fat", share=0.65, grain=0.12)
    canvas.both([(66, 66), (71, 67.5), (70.5, 78), (69, 90), (66, 90), (66.5, 78)], "muscle", soft=0.3, grain=0.12)
    canvas.both([(63.2, 68), (65.6, 67), (66.6, 78), (65.8, 93), (63.4, 93), (63.6, 80)], "bone", soft=0.25)
    canvas.both([(64.0, 70), (65.2, 70), (65.8, 79), (65.0, 91), (64.2, 91), (64.4, 80)], "marrow", soft=0.3)
    canvas.both([(55.5, 69), (61.5, 66.5), (62.3, 74), (58.5, 82), (55.5, 79)], "muscle", soft=0.3, grain=0.14)
    canvas.both([(53.2, 69), (54.4, 69), (54.2, 79), (53.0, 80)], "bone", soft=0.3)
    canvas.paint(region(symmetric([(50, 69), (52.6, 69.6), (53.4, 75), (52.4, 81),
        (50, 82.4)]), soft=0.3), "mucosa", grain=0.15)
    canvas.paint(region(symmetric([(50, 70.6), (51.5, 71.2), (52.1, 76), (51.2, 80.2), (50, 80.8)]), soft=0.25), "air")
    canvas.paint(region(symmetric([(50, 84), (56, 85.2), (59.5, 91), (59, 102),
        (50, 106)]), soft=0.5), "muscle", grain=0.10)
    canvas.paint(stroke([(43.5, 84.6), (50, 83.3), (56.5, 84.6)], 0.9, soft=0.2), "air", share=0.9)
    canvas.paint(stroke([(50, 86.5), (50, 101)], 0.5, soft=0.25), "fat", share=0.6)
    for side in (1.0, -1.0):
        temporal = [(50 + side * dx, dy) for dx, dy in ((22.0, 64.2), (18.0, 65.8), (13.0, 65.0), (9.0, 62.8))]
        canvas.paint(stroke(temporal, 2.0, soft=0.3), "bone")
