"""An axial slice of a head as a textbook would sketch it, drawn from outlines of our own; no image was traced."""

from __future__ import annotations

import numpy as np

from services.imaging.phantom_canvas import Canvas
from services.imaging.phantom_shapes import Field, depth, disc, grid, noise, region, step, stroke, symmetric

# Outlines are listed as points; one to a line would bury the drawing.
# fmt: off


def axial(canvas: Canvas) -> Field:
    """Through the frontal horns, the basal ganglia and the atria of the lateral ventricles."""
    head = region(symmetric([(50, 8), (61.5, 9.5), (72.5, 17), (80, 31), (82.5, 48), (80.5, 64), (73.5, 78.5),
        (62, 88), (50, 90.5)]))
    cavity = region(symmetric([(50, 15), (60.5, 16), (69.5, 23), (75, 35), (76.8, 49), (75.2, 62), (69.2, 74),
        (60.5, 82.5), (50, 84.5)]))
    canvas.vault(head, cavity)
    canvas.both([(79.6, 30), (81.2, 38), (80.9, 47), (79.3, 47), (79.2, 38)], "muscle", soft=0.3, grain=0.08)
    x, _ = grid()
    surface = 1.3 + 0.35 * noise(canvas.rng, 6.0)
    brain = cavity * step(depth(cavity) - np.maximum(surface, 0.6), 0.0, 0.5)
    bend = 50.0 + 0.35 * noise(canvas.rng, 20.0)
    gap = 0.42 + 0.12 * noise(canvas.rng, 6.0)
    left = np.asarray(brain * (1.0 - step(x - bend + gap, 0.0, 0.3)), dtype=np.float32)
    right = np.asarray(brain * step(x - bend - gap, 0.0, 0.3), dtype=np.float32)
    canvas.cortex(left, (37.5, 50.0))
    canvas.cortex(right, (62.5, 50.0))
    canvas.paint(region(symmetric([(50, 33.5), (57, 32.5), (65, 38), (67.5, 48), (66, 58), (60, 66),
        (50, 65)]), soft=0.9), "white", grain=0.02)
    canvas.both([(65.6, 40), (67.7, 44), (68.4, 50), (67.2, 57), (66.2, 57), (67.0, 50), (66.5, 44)], "grey")
    for side in (1.0, -1.0):
        fissure = [(50 + side * dx, y) for dx, y in ((26.6, 41.2), (22.8, 42.4), (19.6, 44.0), (18.7, 48.0),
            (18.9, 53.0), (18.0, 57.0))]
        canvas.paint(stroke(fissure, 0.9, soft=0.22), "fluid", share=0.9)
        for at, width in ((fissure[2], 0.9), (fissure[3], 0.7), (fissure[1], 0.6)):
            canvas.paint(disc(at, width, soft=0.1), "vessel", share=0.9)
    canvas.both_discs((62.4, 47.0), 5.6, 13.0, "grey", turn=-8, soft=0.5)
    canvas.both_discs((60.9, 47.6), 3.4, 8.0, "pallidum", turn=-8, soft=0.5)
    canvas.both_discs((56.3, 40.0), 4.2, 8.4, "grey", turn=18, soft=0.4)
    canvas.both_discs((54.4, 53.2), 7.2, 11.0, "grey", turn=-22, soft=0.6)
    canvas.paint(stroke([(43, 33.6), (47, 35.2), (50, 35.6), (53, 35.2), (57, 33.6)], 2.2, soft=0.4), "white")
    canvas.paint(stroke([(42.5, 65.5), (46.5, 62.6), (50, 61.8), (53.5, 62.6), (57.5, 65.5)], 2.4, soft=0.4), "white")
    canvas.both([(50.5, 46.0), (50.6, 39.0), (52.3, 36.6), (55.4, 34.6), (56.2, 35.6), (54.3, 39.4),
        (52.6, 44.0)], "fluid")
    canvas.paint(stroke([(50, 36.5), (50, 46.5)], 0.5), "white")
    canvas.paint(stroke([(50, 48.0), (50.1, 51.5), (50, 56.0)], 0.9, soft=0.15), "fluid")
    horns = [(55.2, 59.6), (58.0, 59.4), (61.4, 62.6), (63.0, 67.6), (61.9, 72.6), (60.5, 72.2), (60.4, 67.8),
        (57.6, 63.0)]
    canvas.both(horns, "fluid")
    canvas.both_discs((58.4, 61.6), 1.9, 3.6, "vessel", turn=-40, soft=0.15, grain=0.2, share=0.8)
    for x_at in (49.1, 50.9):
        canvas.paint(disc((x_at, 58.4), 0.8, 1.1, soft=0.1), "vessel")
    canvas.paint(stroke([(50, 14.5), (50.1, 24), (50, 32)], 0.5, soft=0.1), "falx")
    canvas.paint(stroke([(50, 65.5), (49.9, 75), (50, 85.5)], 0.55, soft=0.1), "falx")
    canvas.paint(region([(47.6, 85.6), (52.4, 85.6), (50, 81.6)], soft=0.2), "vessel")
    canvas.paint(region([(48.7, 14.7), (51.3, 14.7), (50, 17.0)], soft=0.2), "vessel", share=0.9)
    return np.asarray(np.maximum(left, right), dtype=np.float32)
