"""A mammogram as a textbook would sketch it: a breast seen from the side or from above, on film, with a label.

The breast is drawn with its chest wall on the left and mirrored afterwards where it is a right one. Densities of
tissues add up, as they do in projection. The signs of cancer follow the common descriptions: a spiculated mass, and a
cluster of fine calcifications of uneven shape (American College of Radiology, BI-RADS Atlas, 5th edition).
"""

from __future__ import annotations

import cv2
import numpy as np

from services.imaging.phantom_catalogue import FilmInfo, View
from services.imaging.phantom_shapes import SIDE, Field, Point, blurred, depth, disc, grid, noise, region, shifted, step

# Rows and columns of every film; drawn at half of that, since film is soft, with specks, label and grain at the full.
FILM_SHAPE = (2 * SIDE, SIDE * 3 // 2)
_PIXELS = FILM_SHAPE[0] / 100.0
# The dark of film that nothing has exposed.
_BASE = 0.015

# fmt: off
_OUTLINES: dict[View, list[Point]] = {
    "MLO": [(-8, -8), (27, -8), (33, 6), (41, 22), (51, 37), (57.5, 49), (59.5, 58), (57, 68), (49, 78), (36, 86),
        (21, 90), (10, 91.5), (4, 96), (-8, 98)],
    "CC": [(-8, 13), (6, 14), (22, 17.5), (38, 26), (49, 38), (53.5, 50), (50, 63), (39, 75), (23, 83.5), (7, 87),
        (-8, 88)],
}
# fmt: on
_NIPPLES: dict[View, Point] = {"MLO": (59.4, 58.5), "CC": (53.5, 50.0)}
_PECTORAL: list[Point] = [(-8, -8), (22, -8), (20.5, 6), (14.5, 27), (6, 50), (-8, 72)]


def film(rng: np.random.Generator, info: FilmInfo) -> Field:
    """The film of a phantom, 0 black to 1 white, float32 of FILM_SHAPE."""
    nipple = _NIPPLES[info.view]
    breast = np.maximum(region(_OUTLINES[info.view], soft=0.35), disc(nipple, 3.4, 4.6, soft=0.35))
    rising = np.clip(depth(breast) / 19.0, 0, 1)
    thickness = np.asarray(blurred(np.sqrt(rising * (2 - rising)), 0.3), np.float32)
    density = 0.44 * thickness * (1 + 0.03 * noise(rng, 6.0) + 0.015 * noise(rng, 1.5))
    density += 0.04 * breast * (1 - step(depth(breast), 1.0, 1.0))
    density += 0.10 * disc((nipple[0] - 0.6, nipple[1]), 2.6, 3.8, soft=0.7)
    density += _glands(rng, breast, nipple, info.density)
    if info.view == "MLO":
        density += _pectoral(rng)
    if info.lesion == "mass":
        density += _mass(rng, info.place, 3.2) * thickness
    bent = _bent(rng, np.asarray(density, dtype=np.float32))
    left = bent[:, : FILM_SHAPE[1] // 2]
    fine = np.asarray(cv2.resize(left, FILM_SHAPE[::-1], interpolation=cv2.INTER_CUBIC), np.float32)
    if info.lesion == "calcifications":
        fine = fine + _calcifications(rng, info.place)
    grey = _BASE + 0.93 * (1 - np.exp(-1.45 * np.clip(fine, 0, None)))
    if info.side == "right":
        grey = grey[:, ::-1]
    return _grained(rng, np.asarray(np.maximum(grey, _label(info)), dtype=np.float32))


def _towards(rng: np.random.Generator, centre: Point, cell: float, stretch: float) -> Field:
    """Noise of zero mean and unit spread whose features point to ``centre``, ``stretch`` times longer than wide."""
    x, y = grid()
    angle = np.arctan2(y - centre[1], centre[0] + 14 - x) * 28.0
    away = np.hypot(x - centre[0] - 14, y - centre[1])
    pattern = noise(rng, cell, stretch=stretch)
    return shifted(pattern, np.asarray(50 + angle - x, np.float32), np.asarray(away - y, np.float32))


def _glands(rng: np.random.Generator, breast: Field, nipple: Point, share: float) -> Field:
    """Glandular tissue in a cone behind the nipple, about ``share`` of it dense, under a net of fine strands."""
    cone = region([(nipple[0] - 4, nipple[1]), (nipple[0] - 9, nipple[1] - 15), (nipple[0] - 22, nipple[1] - 27),
        (nipple[0] - 41, nipple[1] - 24), (nipple[0] - 49, nipple[1] - 2), (nipple[0] - 40, nipple[1] + 16),
        (nipple[0] - 22, nipple[1] + 21), (nipple[0] - 9, nipple[1] + 14)], soft=3.0)  # fmt: skip
    below = step(depth(breast), 4.5, 4.0)
    patches = 0.75 * noise(rng, 11.0) + 0.5 * _towards(rng, nipple, 5.0, 2.5) + 0.35 * _towards(rng, nipple, 2.2, 3.0)
    dense = blurred(step(np.asarray(patches * 0.75 + 3.2 * (share - 0.5), np.float32), 0.0, 1.9), 0.35)
    texture = 0.20 * _towards(rng, nipple, 1.4, 3.0) + 0.14 * _towards(rng, nipple, 0.7, 4.0)
    cloud = dense * cone * below * (1 + texture)
    # Zero lines of noise run like ducts, ligaments and vessels do: thin, long and forking.
    strands = sum(
        weight * blurred(step(-np.abs(_towards(rng, nipple, cell, stretch)), -0.12, 0.16), 0.1)
        for cell, stretch, weight in ((9.0, 1.6, 0.06), (5.5, 2.0, 0.07), (3.4, 2.2, 0.06), (2.2, 2.6, 0.05))
    )
    uneven = np.clip(0.75 + 0.5 * noise(rng, 12.0), 0.1, 1.6)
    return np.asarray((0.25 + 0.55 * share) * cloud + strands * uneven * below * (0.4 + 0.6 * cone), np.float32)


def _pectoral(rng: np.random.Generator) -> Field:
    """The chest muscle in the upper corner, with fibres along its edge."""
    muscle = region(_PECTORAL, soft=1.3)
    x, y = grid()
    turn = np.asarray(0.93 * x + 0.37 * y, np.float32)
    fibres = shifted(noise(rng, 2.0, stretch=5.0), turn - x, np.asarray(0.93 * y - 0.37 * x, np.float32) - y)
    return np.asarray(muscle * (0.30 - 0.0015 * y + 0.02 * fibres + 0.02 * noise(rng, 7.0)), np.float32)


def _mass(rng: np.random.Generator, centre: Point, radius: float) -> Field:
    """A dense knot of ``radius`` percent without a clear edge, with straight spicules to all sides."""
    x, y = grid()
    away = np.hypot(x - centre[0], y - centre[1])
    angle = np.arctan2(y - centre[1], x - centre[0])
    lobes = sum(rng.uniform(0.04, 0.1) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 5))
    rim = np.asarray(away / radius - lobes + 0.08 * noise(rng, 2.0), np.float32)
    density = 0.62 * (1 - step(rim, 0.9, 1.0)) * (1 + 0.06 * noise(rng, 1.5))
    count = 24
    for at in np.arange(count) * 2 * np.pi / count + rng.normal(0, 0.1, count):
        reach, width = radius * rng.uniform(0.5, 1.8), rng.uniform(0.14, 0.3)
        across = 2 * away * np.abs(np.sin((angle - at) / 2))
        ray = np.exp(-0.5 * (across / width) ** 2 - np.clip(away - radius, 0, None) / reach)
        density += 0.17 * ray * step(away, 0.9 * radius, 0.8 * radius)
    return np.asarray(density, np.float32)


def _calcifications(rng: np.random.Generator, centre: Point) -> Field:
    """A cluster of bright specks of uneven size and shape, drawn at the film's own resolution."""
    shift, image = 4, np.zeros(FILM_SHAPE, np.float32)
    for _ in range(22):
        x, y = (c + rng.normal(0, 1.5) for c in centre)
        across = rng.uniform(0.09, 0.24)
        axes = (across * _PIXELS, across * rng.uniform(0.5, 1.0) * _PIXELS)
        cv2.ellipse(
            image, (round(x * _PIXELS * 2**shift), round(y * _PIXELS * 2**shift)),
            (round(axes[0] * 2**shift), round(axes[1] * 2**shift)), rng.uniform(0, 180), 0, 360,
            rng.uniform(0.35, 0.9), cv2.FILLED, cv2.LINE_8, shift,
        )  # fmt: skip
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 0.9), np.float32)


def _label(info: FilmInfo) -> Field:
    """The marker of side and view and the paper label, in the dark beyond the breast."""
    image = np.zeros(FILM_SHAPE, np.uint8)
    left = 24 if info.side == "right" else FILM_SHAPE[1] - 216
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(image, f"{info.side[0].upper()} {info.view}", (left, 60), font, 1.3, 235, 4, cv2.LINE_AA)
    cv2.rectangle(image, (left, 80), (left + 192, 136), 205, cv2.FILLED)
    for words, bottom in (("SYNTHETIC", 102), ("no patient", 126)):
        cv2.putText(image, words, (left + 10, bottom), font, 0.62, 25, 2, cv2.LINE_AA)
    return np.asarray(image / np.float32(255), np.float32)


def _bent(rng: np.random.Generator, image: Field) -> Field:
    """The picture unevenly bent, since no two breasts have the same outline; the chest wall stays at the edge."""
    x, _ = grid()
    free = np.clip(x / 25.0, 0, 1)
    bends = [np.asarray(free * (1.1 * noise(rng, 34.0) + 0.12 * noise(rng, 8.0)), np.float32) for _ in "xy"]
    return shifted(image, bends[0], bends[1])


def _grained(rng: np.random.Generator, image: Field) -> Field:
    """Film grain and quantum mottle: noise that is stronger where the film is grey than where it is black."""
    grain = cv2.GaussianBlur(rng.standard_normal(FILM_SHAPE, dtype=np.float32), (0, 0), 0.8)
    return np.asarray(image + grain * (0.008 + 0.022 * image * (1 - image)), np.float32)
