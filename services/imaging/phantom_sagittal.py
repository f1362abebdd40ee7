"""A midline sagittal slice as a textbook would sketch it, drawn from outlines of our own; no image was traced."""

from __future__ import annotations

import numpy as np

from services.imaging.phantom_canvas import Canvas
from services.imaging.phantom_shapes import Field, away, depth, disc, grid, noise, region, step, stroke

# Outlines are listed as points; one to a line would bury the drawing.
# fmt: off

_HEAD = ((16.5, 44), (14.6, 38), (15.6, 29), (21, 18), (31, 9.5), (44, 5), (58, 4.8), (72, 9), (83, 18.5), (89.5, 32),
    (90, 46), (86.5, 58), (83, 67), (83, 78), (86.5, 92), (89, 110), (32, 110), (29, 98), (23, 95.5), (17.5, 94),
    (16, 89), (17.4, 85.5), (13.8, 83), (15, 80), (12.8, 77), (14.4, 73.6), (14.2, 70.2), (9.4, 69), (7.2, 66.4),
    (10.4, 60), (14.2, 52), (16.4, 48))
_CAVITY = ((22.5, 41.5), (21.6, 34), (24.5, 24), (33, 15), (45, 10.6), (58, 10.4), (71, 15), (80.6, 24.5),
    (84.2, 36.5), (82.6, 49), (77, 59), (70.5, 66.5), (65, 70.5), (62.5, 74), (56.5, 74), (53, 65.5), (48.5, 56.5),
    (46.3, 52.0), (43.5, 53.0), (41.0, 50.0), (34, 46.8), (26.5, 46.0))
_CEREBRUM = ((23.6, 40.5), (22.9, 34), (25.8, 25), (34, 16.6), (45.5, 12.2), (58, 12.0), (70.2, 16.5), (79.2, 25.5),
    (82.5, 37), (81.0, 47.0), (75.5, 49.8), (69, 47.5), (61, 45.5), (53, 44.5), (46, 45.8), (40, 47.2), (33.5, 45.0),
    (27, 44.4))


def sagittal(canvas: Canvas) -> Field:
    """Paint the midline slice, face to the left; returns the mask of cerebrum, cerebellum and brainstem, 0..1."""
    head, cavity = region(_HEAD), region(_CAVITY)
    canvas.vault(head, cavity)
    _face(canvas, head, cavity)
    _neck(canvas)
    brain = _brain(canvas)
    _sella(canvas)
    return brain


def _brain(canvas: Canvas) -> Field:
    cerebrum = region(_CEREBRUM)
    canvas.cortex(cerebrum, (53.0, 34.0), spacing=7.5, deepest=12.5, ribbon=1.4)
    inner = [(36.6, 39.5), (36.2, 33.2), (40.0, 28.0), (47, 25.0), (54.5, 24.9), (61.5, 27.6), (67.4, 32.8)]
    cingulate = [(33.5, 40), (33.0, 32), (37.5, 25.5), (46, 21.8), (55, 21.6), (63.5, 24.6), (69.0, 29.0)]
    canvas.paint(stroke(cingulate, 2.6, soft=0.4), "grey", share=0.8)
    canvas.paint(stroke(cingulate, 0.7, soft=0.2), "fluid", share=0.85)
    canvas.paint(stroke([(68, 38.5), (72.5, 33), (77.0, 27.5)], 0.8, soft=0.2), "fluid", share=0.85)
    canvas.paint(stroke([(68, 39.5), (74.0, 42.5), (80.5, 44.0)], 0.8, soft=0.2), "fluid", share=0.85)
    canvas.paint(region([(37, 38.5), (36.5, 32), (41, 27), (50, 24.6), (59, 26.2), (66, 31.5), (67, 37.5), (60, 45),
        (48, 46.0), (41, 45.0)], soft=0.6), "white", grain=0.02)
    canvas.paint(region([(40.2, 37.2), (40.6, 33.2), (44, 30.4), (51, 29.0), (58, 30.4), (62.2, 34.2), (57, 34.4),
        (51.5, 34.6), (46.2, 37.4), (42.5, 40.0)], soft=0.3), "fluid")
    canvas.paint(stroke(inner, 2.4, soft=0.5), "grey", share=0.8)
    callosum = [(41.2, 39.6), (38.9, 36.8), (39.6, 32.4), (43.6, 29.0), (51, 27.2), (58, 28.4), (63.0, 32.2),
        (64.6, 34.6)]
    canvas.paint(stroke(callosum, 2.3, soft=0.2), "tract")
    canvas.paint(disc((64.0, 34.6), 3.4, 3.8, soft=0.25), "tract")
    canvas.paint(disc((40.0, 35.4), 3.2, 5.0, soft=0.25), "tract")
    canvas.paint(stroke([(62.0, 35.4), (56.0, 33.6), (50.5, 34.4), (46.6, 38.2), (45.6, 42.0)], 1.2, soft=0.2), "white")
    canvas.paint(region([(46.6, 42.8), (48.0, 38.0), (53, 35.4), (59, 36.4), (60.2, 39.8), (56, 43.6),
        (50, 45.0)], soft=0.3), "fluid")
    canvas.paint(disc((53.6, 39.4), 9.6, 6.2, turn=8, soft=0.35), "grey", grain=0.03)
    cistern = [(44.6, 46.4), (50, 45.2), (51.0, 48.6), (49.0, 52.0), (49.0, 57.5), (53.6, 63.5), (57.0, 72),
        (53.5, 66.5), (48.2, 57), (46.3, 52.2)]
    canvas.paint(region(cistern, soft=0.3), "fluid")
    stem = [(51.0, 44.0), (56, 42.4), (60.0, 43.6), (61.6, 46.4), (60.4, 49.6), (60.2, 54), (60.6, 60), (62.0, 68),
        (63.4, 79), (64.6, 110), (60.4, 110), (59.4, 79), (57.2, 68.5), (55.0, 62.4), (51.8, 59.6), (49.7, 55.2),
        (50.0, 51.2), (52.6, 48.2)]
    brainstem = region(stem, soft=0.15)
    canvas.paint(brainstem, "white", grain=0.03)
    canvas.paint(disc((54.0, 54.6), 6.6, 9.0, turn=-14, soft=0.8), "pallidum", share=0.7)
    canvas.paint(stroke([(58.0, 44.6), (59.0, 48.4), (60.6, 51.6)], 0.5, soft=0.12), "fluid")
    cerebellum = _cerebellum(canvas)
    canvas.paint(region([(60.4, 50.6), (64.6, 55.4), (61.4, 60.4), (60.6, 55.6)], soft=0.2), "fluid")
    canvas.paint(stroke([(65.8, 36.6), (68.6, 42.0), (74.0, 47.4), (82.6, 52.4)], 0.6, soft=0.15), "vessel", share=0.8)
    canvas.paint(stroke([(48, 10.9), (58, 10.6), (71, 15.2), (80.4, 24.6), (83.9, 36.5), (83.0, 49.0),
        (82.4, 52.2)], 0.8, soft=0.2), "vessel", share=0.5)
    canvas.paint(stroke([(65.4, 37.0), (61.4, 35.9), (56, 34.9)], 0.5, soft=0.1), "vessel", share=0.7)
    canvas.paint(stroke([(44.2, 45.6), (38.4, 43.0), (36.4, 36.0), (37.6, 30.4),
        (42.0, 26.6)], 0.4, soft=0.12), "vessel", share=0.3)
    return np.asarray(np.maximum(np.maximum(cerebrum, cerebellum), brainstem), dtype=np.float32)


def _cerebellum(canvas: Canvas) -> Field:
    """Folia: narrow fissures that run towards the roof of the fourth ventricle, under a branching white core."""
    outline = [(61.6, 48.6), (66.0, 46.9), (72.0, 49.6), (78.2, 54.0), (78.8, 58.6), (74.8, 63.6), (69.2, 67.6),
        (64.4, 68.0), (62.6, 64.2), (64.0, 58.6), (64.2, 54.6), (61.8, 51.6)]
    mask = region(outline)
    hub = (64.2, 56.2)
    x, y = grid()
    angle = np.arctan2(y - hub[1], x - hub[0]) + 0.05 * noise(canvas.rng, 4.0)
    radius = np.hypot(x - hub[0], y - hub[1])
    below = depth(mask)
    canvas.paint(mask, "grey", grain=0.03)
    branches = step(np.asarray(np.cos(angle * 7.0 + 0.25 * noise(canvas.rng, 5.0)), dtype=np.float32), 0.80, 0.3)
    core = np.maximum(branches * (1.0 - step(radius, 10.0, 3.0)), 1.0 - step(radius, 3.4, 1.5))
    canvas.paint(np.asarray(mask * core, dtype=np.float32), "white", share=0.9)
    fissures = step(np.asarray(np.cos(angle * 28.0 + 1.2 * noise(canvas.rng, 6.0)), dtype=np.float32), 0.84, 0.35)
    reach = 1.0 - step(below, 3.2, 2.5)
    canvas.paint(np.asarray(mask * fissures * reach, dtype=np.float32), "fluid", share=0.4)
    deep = step(np.asarray(np.cos(angle * 7.0 + np.pi + 0.25), dtype=np.float32), 0.975, 0.03) * (1.0 - step(below,
        6.0, 2.0))
    canvas.paint(np.asarray(mask * deep, dtype=np.float32), "fluid", share=0.6)
    return mask


def _sella(canvas: Canvas) -> None:
    """Gland and stalk, the air of the sphenoid sinus in front and the marrow of the clivus behind."""
    canvas.paint(region([(47.4, 53.2), (49.6, 57.4), (53.2, 65.2), (56.2, 72.4), (53.6, 74), (48.4, 66.5),
        (44.6, 60.4), (45.2, 55.6)], soft=0.3), "bone")
    canvas.paint(region([(47.2, 55.2), (49.0, 59.0), (52.4, 66.2), (54.4, 71.6), (53.2, 72.2), (48.8, 65.6),
        (45.8, 60.2), (46.2, 56.6)], soft=0.35), "clivus", grain=0.10)
    canvas.paint(region([(34.0, 52.6), (40.2, 52.8), (44.4, 56.4), (44.2, 61.6), (38.4, 62.4),
        (34.6, 60.4)], soft=0.25), "mucosa")
    canvas.paint(region([(34.8, 53.4), (39.8, 53.6), (43.5, 57.0), (43.4, 60.8), (38.4, 61.5),
        (35.2, 59.8)], soft=0.2), "air")
    canvas.paint(disc((43.8, 54.0), 5.4, 3.6, turn=12, soft=0.25), "gland", grain=0.04)
    canvas.paint(stroke([(46.0, 47.6), (44.9, 50.2), (44.2, 52.6)], 0.7, soft=0.12), "gland")
    canvas.paint(stroke([(40.6, 47.8), (45.0, 47.2), (48.0, 45.6)], 0.9, soft=0.15), "white")


def _face(canvas: Canvas, head: Field, cavity: Field) -> None:
    """Air cells, turbinates, palate, tongue and the airway behind them."""
    x, y = grid()
    front = np.asarray(head * step(away(cavity), 2.2, 0.8) * step(y, 46.0, 2.0) * (1.0 - step(x, 47.0,
        2.0)) * step(depth(head), 2.2, 1.0), dtype=np.float32)
    canvas.paint(front, "muscle", grain=0.25)
    canvas.paint(np.asarray(front * step(noise(canvas.rng, 2.2), 0.7, 0.7), dtype=np.float32), "fat", share=0.6,
        grain=0.15)
    canvas.paint(region([(18.2, 43.6), (19.6, 37.6), (21.4, 39.4), (21.6, 43.6), (20.6, 46.4)], soft=0.2), "air")
    cells = region([(21.5, 48.6), (34.0, 49.2), (34.0, 57.0), (21.0, 57.0)], soft=0.3)
    walls = step(np.abs(noise(canvas.rng, 2.6)), 0.32, 0.2)
    canvas.paint(cells, "mucosa", grain=0.2)
    canvas.paint(np.asarray(cells * walls, dtype=np.float32), "air", share=0.92)
    canvas.paint(region([(13.0, 62), (20, 57.5), (34, 58.4), (42.5, 63.0), (42.6, 70.5), (34, 70.8), (16, 70.0),
        (11.5, 67)], soft=0.25), "air", share=0.85)
    for centre, width, height, turn in (((24.5, 60.6), 17.0, 2.8, 4.0), ((26.0, 65.9), 21.0, 4.0, 2.0)):
        canvas.paint(disc(centre, width, height, turn=turn, soft=0.25), "mucosa", grain=0.15)
    canvas.paint(stroke([(15.5, 71.6), (24, 71.2), (34.5, 71.6)], 1.8, soft=0.25), "bone")
    canvas.paint(stroke([(16.5, 71.6), (24, 71.3), (33.0, 71.6)], 0.7, soft=0.2), "marrow")
    canvas.paint(stroke([(35, 71.4), (40, 72.6), (43.0, 77.0)], 2.4, soft=0.3), "mucosa", share=0.8)
    tongue = region([(18.4, 79), (24, 74.6), (33, 74.2), (40, 78.6), (42.2, 87), (38.5, 94), (28, 94),
        (21, 89)], soft=0.3)
    canvas.paint(tongue, "muscle", grain=0.10)
    fan = step(np.asarray(np.cos(np.arctan2(y - 97.0, x - 25.0) * 34.0 + noise(canvas.rng, 5.0)), dtype=np.float32),
        0.55, 0.5)
    canvas.paint(np.asarray(tongue * fan, dtype=np.float32), "fat", share=0.12)
    canvas.paint(stroke([(17.4, 77.0), (25, 73.2), (33, 72.9), (39.5, 76.0)], 0.7, soft=0.2), "air", share=0.9)
    canvas.paint(region([(17.2, 73.0), (19.2, 73.2), (18.9, 77.6), (17.2, 77.4)], soft=0.25), "bone")
    canvas.paint(region([(18.6, 82.0), (21.2, 84.5), (22.4, 92.6), (19.4, 92.8), (18.0, 88)], soft=0.25), "bone")
    canvas.paint(region([(19.3, 84.6), (20.5, 86), (21.3, 91.4), (19.9, 91.4), (19.1, 88)], soft=0.3), "marrow")
    canvas.paint(stroke([(43.2, 64.0), (45.6, 71.0), (46.2, 79), (46.0, 88), (47.5, 97),
        (48, 108)], 2.4, soft=0.25), "air")


def _neck(canvas: Canvas) -> None:
    """Vertebrae, the spinal canal, and the muscles behind it."""
    canvas.paint(stroke([(48.9, 66.0), (49.2, 76), (50.0, 88), (51.5, 108)], 1.8, soft=0.3), "muscle", share=0.9)
    canvas.paint(stroke([(60.2, 70), (61.4, 78), (62.2, 90), (62.8, 110)], 7.0, soft=0.25), "fluid")
    canvas.paint(region([(51.2, 75.0), (54.4, 73.6), (56.6, 79.0), (57.8, 85.6), (52.6, 86.0),
        (52.0, 80)], soft=0.25), "bone")
    canvas.paint(region([(52.2, 76.2), (54.0, 75.2), (55.8, 79.4), (56.9, 84.8), (53.4, 85.1),
        (52.9, 80)], soft=0.3), "clivus", grain=0.08)
    canvas.paint(disc((50.6, 76.2), 1.9, 3.6, soft=0.25), "clivus")
    for top in (86.6, 94.6, 102.6):
        dx = (top - 86.6) * 0.10
        body = [(53.0 + dx, top), (58.0 + dx, top - 0.3), (58.6 + dx, top + 6.6), (53.6 + dx, top + 6.9)]
        canvas.paint(region(body, soft=0.3), "clivus", grain=0.08)
    back = region([(66.5, 73), (73, 67.5), (79.5, 66), (81, 76), (84, 92), (85, 110), (66.2, 110),
        (65.2, 84)], soft=0.5)
    canvas.paint(back, "muscle", grain=0.14)
    canvas.paint(np.asarray(back * step(noise(canvas.rng, 2.6, stretch=2.0), 0.8, 0.6), dtype=np.float32), "fat",
        share=0.55)
    for centre, width, height, turn in (((68.6, 78.2), 5.2, 3.0, 20.0), ((70.0, 86.6), 8.0, 3.0, 24.0),
        ((70.5, 96), 8.0, 3.0, 24.0)):
        canvas.paint(disc(centre, width, height, turn=turn, soft=0.3), "clivus", grain=0.1)
