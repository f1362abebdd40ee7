"""Lesions as they typically look, painted into a finished slice, and the push that they give to what is around them.

The forms follow the common descriptions: a glioma of high grade has an irregular enhancing rim, a dark core and oedema
along the white matter; a meningioma sits on the dura with a broad base and enhances evenly, with a tail along the dura;
a pituitary tumour widens the sella and bulges upward with a waist (Osborn, Diagnostic Imaging: Brain).
"""

from __future__ import annotations

import numpy as np

from services.imaging.phantom_canvas import Canvas
from services.imaging.phantom_shapes import Field, Point, away, blurred, depth, disc, grid, noise, region, shifted, step


def _irregular(canvas: Canvas, centre: Point, width: float, height: float, roughness: float) -> Field:
    """A blob whose rim wanders by about ``roughness`` of its radius; 1 inside, 0 outside."""
    x, y = grid()
    angle = np.arctan2(y - centre[1], x - centre[0])
    phases = canvas.rng.uniform(0, 2 * np.pi, 5)
    weights = canvas.rng.uniform(0.5, 1.0, 5) / np.arange(1, 6)
    wave = sum(w * np.cos((k + 2) * angle + p) for k, (w, p) in enumerate(zip(weights, phases, strict=True)))
    radius = np.hypot((x - centre[0]) / (width / 2), (y - centre[1]) / (height / 2))
    rim = 1.0 + roughness * (np.asarray(wave, dtype=np.float32) / 1.2 + 0.35 * noise(canvas.rng, 3.0))
    return step(np.asarray(rim - radius, dtype=np.float32), 0.0, 0.06)


def push(canvas: Canvas, centre: Point, radius: float, strength: float) -> None:
    """Move the picture away from ``centre``: by ``strength`` percent at ``radius``, fading out beyond twice that."""
    x, y = grid()
    dx, dy = x - centre[0], y - centre[1]
    distance = np.maximum(np.hypot(dx, dy), 0.5)
    amount = (
        strength * np.clip(distance / radius, 0.0, 1.0) * np.exp(-(np.clip(distance / radius - 1.0, 0.0, None) ** 2))
    )
    canvas.image = shifted(
        canvas.image,
        np.asarray(-dx / distance * amount, dtype=np.float32),
        np.asarray(-dy / distance * amount, dtype=np.float32),
    )


def glioma(canvas: Canvas, brain: Field, centre: Point, width: float, height: float) -> None:
    """A ring-enhancing mass with a dark core in the white matter, inside oedema that spreads like fingers."""
    push(canvas, centre, 0.75 * (width + height) / 2, 1.8)
    inner = blurred(step(depth(brain), 1.2, 0.8), 0.2)
    swollen = _irregular(canvas, (centre[0], centre[1] + 1.0), 1.95 * width, 1.9 * height, 0.16)
    fingers = np.clip(0.80 + 0.35 * noise(canvas.rng, 4.0), 0.25, 1.0)
    canvas.paint(blurred(np.asarray(swollen * inner * fingers, dtype=np.float32), 0.5), "oedema", share=0.85)
    mass = _irregular(canvas, centre, width, height, 0.12)
    thickness = 1.5 * np.clip(1.0 + 0.40 * noise(canvas.rng, 5.0), 0.45, 2.0)
    core = step(np.asarray(depth(mass) - thickness, dtype=np.float32), 0.0, 0.6)
    bright = np.clip(0.88 + 0.16 * noise(canvas.rng, 3.0), 0.4, 1.0)
    canvas.paint(blurred(np.asarray(mass * inner, dtype=np.float32), 0.12), "rim", grain=0.10)
    canvas.paint(np.asarray(mass * (1.0 - bright) * inner, dtype=np.float32), "grey")
    canvas.paint(blurred(core, 0.15), "necrosis", grain=0.18)
    septa = core * step(-np.abs(noise(canvas.rng, 5.0)), -0.16, 0.16)
    canvas.paint(np.asarray(septa, dtype=np.float32), "rim", share=0.35)


def meningioma(canvas: Canvas, cavity: Field, centre: Point, width: float, height: float) -> None:
    """A smooth, evenly bright mass on the inner rim of ``cavity``, with a cleft of fluid around it and a dural tail."""
    push(canvas, centre, 0.62 * (width + height) / 2, 1.6)
    mass = np.asarray(np.minimum(_irregular(canvas, centre, width, height, 0.035), cavity), dtype=np.float32)
    cleft = np.asarray((1.0 - step(away(mass), 0.7, 0.5)) * cavity, dtype=np.float32)
    canvas.paint(blurred(cleft, 0.1), "fluid", share=0.7)
    halo = np.asarray((1.0 - step(away(mass), 2.4, 2.0)) * step(depth(cavity), 1.6, 0.8), dtype=np.float32)
    canvas.paint(blurred(halo, 0.4), "oedema", share=0.3)
    tail_length = 1.0 - step(away(mass), 6.0, 4.0)
    tail = np.asarray(tail_length * (1.0 - step(np.abs(depth(cavity) - 0.55), 0.45, 0.3)) * cavity, dtype=np.float32)
    canvas.paint(tail, "enhanced", share=0.9)
    canvas.paint(blurred(mass, 0.12), "enhanced", grain=0.05)
    canvas.paint(np.asarray(mass * step(noise(canvas.rng, 2.6), 1.5, 0.6), dtype=np.float32), "grey", share=0.25)


def pituitary_coronal(canvas: Canvas) -> None:
    """A mass that fills the sella between the carotids and bulges up through the diaphragm with a waist."""
    push(canvas, (50.0, 47.0), 7.0, 1.5)
    lower = [(50, 60.2), (54.0, 59.0), (55.4, 55.6), (54.2, 52.6), (55.6, 48.6), (54.2, 44.4), (50.4, 42.8)]
    upper = [(46.4, 44.2), (44.6, 48.4), (45.9, 52.4), (44.6, 55.8), (46.0, 59.0)]
    _gland(canvas, region([*lower, *upper], soft=0.12))


def pituitary_sagittal(canvas: Canvas) -> None:
    """The same mass from the side, in front of the brainstem and above the sphenoid sinus."""
    push(canvas, (44.5, 48.5), 6.5, 1.4)
    lower = [(44.2, 58.8), (47.4, 57.6), (48.7, 54.2), (47.6, 51.4), (49.4, 47.6), (48.0, 43.6), (44.2, 42.2)]
    upper = [(40.4, 43.8), (39.4, 47.6), (41.2, 51.2), (39.9, 54.6), (41.2, 57.8)]
    _gland(canvas, region([*lower, *upper], soft=0.12))


def _gland(canvas: Canvas, mass: Field) -> None:
    rim = np.asarray((1.0 - step(away(mass), 0.5, 0.4)) * (1.0 - mass), dtype=np.float32)
    canvas.paint(rim, "fluid", share=0.6)
    canvas.paint(mass, "enhanced", share=0.92, grain=0.06)
    patch = disc((49.0, 47.0), 5.0, 4.0, soft=1.0) * step(noise(canvas.rng, 3.0), 0.6, 0.8)
    canvas.paint(np.asarray(mass * patch, dtype=np.float32), "grey", share=0.35)
