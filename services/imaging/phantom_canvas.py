"""The canvas that phantoms are painted on: tissues, the scalp and skull, the folded cortex, and a scanner's flaws."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from services.imaging.phantom_shapes import (
    SIDE,
    UNIT,
    Field,
    Point,
    away,
    depth,
    disc,
    grid,
    mirrored,
    noise,
    region,
    step,
)


class Canvas:
    """A picture that tissues are painted on, one over the other."""

    def __init__(self, rng: np.random.Generator, tissues: dict[str, float]) -> None:
        self.rng = rng
        self.tissues = tissues
        self.image: Field = np.full((SIDE, SIDE), tissues["air"], dtype=np.float32)

    def paint(self, mask: Field, tissue: str, *, share: float = 1.0, grain: float = 0.0) -> None:
        """Lay a tissue over the picture where the mask is, ``share`` of it, its brightness varied by ``grain``."""
        value: Field | float = self.tissues[tissue]
        if grain > 0.0:
            value = np.asarray(value * (1.0 + grain * noise(self.rng, 1.6)), dtype=np.float32)
        self.image = np.asarray(self.image + (value - self.image) * mask * np.float32(share), dtype=np.float32)

    def both(self, points: Sequence[Point], tissue: str, *, soft: float = 0.15, grain: float = 0.0) -> None:
        """Paint the inside of an outline and of its mirror image."""
        for side in (points, mirrored(points)):
            self.paint(region(side, soft=soft), tissue, grain=grain)

    def both_discs(
        self,
        centre: Point,
        width: float,
        height: float,
        tissue: str,
        *,
        turn: float = 0.0,
        soft: float = 0.2,
        grain: float = 0.0,
        share: float = 1.0,
    ) -> None:
        """Paint an ellipse and its mirror image."""
        for at, tilt in ((centre, turn), ((100.0 - centre[0], centre[1]), -turn)):
            self.paint(disc(at, width, height, turn=tilt, soft=soft), tissue, grain=grain, share=share)

    def vault(self, head: Field, cavity: Field, *, thickness: float = 3.4) -> None:
        """Paint skin, fat, the three layers of the skull around the cavity, the enhancing dura and the fluid inside."""
        self.paint(head, "skin")
        self.paint(np.asarray(head * step(depth(head), 0.75, 0.35), dtype=np.float32), "fat", grain=0.10)
        outward = away(cavity)
        uneven = thickness * (1.0 + 0.09 * noise(self.rng, 14.0))
        skull = 1.0 - step(outward - uneven, 0.0, 0.3)
        self.paint(np.asarray(np.minimum(skull, head), dtype=np.float32), "bone")
        patchy = np.clip(0.75 + 0.35 * noise(self.rng, 9.0), 0.0, 1.0)
        diploe = (1.0 - step(np.abs(outward - 0.55 * uneven), 0.19 * thickness, 0.4)) * patchy
        self.paint(np.asarray(np.minimum(diploe, head), dtype=np.float32), "marrow", grain=0.12)
        self.paint(cavity, "dura")
        self.paint(step(depth(cavity), 0.45, 0.25), "fluid")

    def cortex(
        self,
        brain: Field,
        centre: Point,
        *,
        spacing: float = 7.0,
        deepest: float = 15.0,
        ribbon: float = 1.5,
        open_sulci: float = 0.42,
    ) -> None:
        """Fill a mask with white matter under a folded grey ribbon.

        Sulci are the zero lines of noise drawn in polar coordinates about ``centre``, narrow along the surface
        (``spacing`` percent apart) and long across it, so that they enter from the surface and bend on their way down
        to at most ``deepest``. Grey matter lies ``ribbon`` percent thick along the surface and along each sulcus;
        ``open_sulci`` is half the width of the fluid in them.
        """
        x, y = grid()
        below = depth(brain)
        inside = brain > 0.5
        wide, tall = max(float(x[inside].std()), 1.0), max(float(y[inside].std()), 1.0)
        angle = np.arctan2((y - centre[1]) / tall, (x - centre[0]) / wide).astype(np.float32)
        around = angle / (2 * np.pi) + 0.5 + 0.014 * noise(self.rng, 10.0) + 0.0075 * noise(self.rng, 3.5)
        count = 2 * max(3, round(2 * np.pi * np.sqrt(2 * (wide**2 + tall**2)) / spacing / 2))
        # Neighbouring cells differ in sign, so that between any two of them a sulcus runs inward.
        cells = 0.62 * self.rng.standard_normal((5, count)) + np.where(np.arange(count) % 2 == 0, 1.0, -1.0)
        tiled = np.hstack([cells[:, -2:], cells, cells[:, :2]]).astype(np.float32)
        texture = cv2.resize(tiled, (tiled.shape[1] * 24, 5 * 24), interpolation=cv2.INTER_CUBIC)
        map_x = (around % 1.0) * count * 24 + 2 * 24
        map_y = np.clip((below + 0.8 * noise(self.rng, 6.0)) / 20.0 * 4 * 24 + 12, 0, 5 * 24 - 1)
        waves = cv2.remap(texture, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR)
        sign = waves > 0
        lines = np.zeros((SIDE, SIDE), bool)
        lines[:, 1:] |= sign[:, 1:] != sign[:, :-1]
        lines[1:, :] |= sign[1:, :] != sign[:-1, :]
        reach = np.clip(deepest * (0.6 + 0.28 * noise(self.rng, 6.0)), 0.2 * deepest, deepest)
        lines &= (below < reach) & inside
        away = np.asarray(cv2.distanceTransform((~lines).astype(np.uint8), cv2.DIST_L2, 5) / UNIT, dtype=np.float32)
        thick = ribbon * (1.0 + 0.12 * noise(self.rng, 5.0))
        grey = np.maximum(1.0 - step(away - thick, 0.0, 0.7), 1.0 - step(below - thick, 0.0, 0.7))
        fluid_width = open_sulci * np.clip(1.1 - 0.9 * below / reach, 0.2, 1.1) + 0.5 * np.clip(1.0 - below / 1.6, 0, 1)
        fluid = 1.0 - step(away - fluid_width, 0.0, 0.45)
        self.paint(brain, "white", grain=0.02)
        self.paint(np.asarray(brain * grey, dtype=np.float32), "grey", grain=0.03)
        self.paint(np.asarray(brain * fluid, dtype=np.float32), "fluid", share=0.85)
        veins = fluid * step(noise(self.rng, 3.0), 1.05, 0.5) * step(below, 0.4, 0.6) * (1.0 - step(below, 9.0, 4.0))
        self.paint(np.asarray(brain * veins, dtype=np.float32), "vessel", share=0.8)


def scanned(
    rng: np.random.Generator, image: Field, *, noise_level: float = 0.012, matrix: int = 320, bias: float = 0.10
) -> Field:
    """The picture as a scanner would give it: coil shading, limited k-space, Rician noise.

    ``bias`` is the spread of the multiplicative shading, ``matrix`` how many of SIDE frequencies are kept (the rest is
    zero-filled, which rounds edges and rings faintly), ``noise_level`` the noise in each of the two receiver channels
    (Gudbjartsson & Patz 1995, https://doi.org/10.1002/mrm.1910340618). Returns float32, not clipped.
    """
    pad = SIDE // 16
    shading = np.exp(bias * noise(rng, 70.0)).astype(np.float32)
    # Padded, because what the Fourier transform takes for the neighbour of one edge is the opposite one.
    real = cv2.copyMakeBorder(image * shading, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    real = real + noise_level * rng.standard_normal(real.shape, dtype=np.float32)
    imaginary = noise_level * rng.standard_normal(real.shape, dtype=np.float32)
    spectrum = np.fft.fftshift(np.fft.fft2(real + 1j * imaginary))
    frequency = np.abs(np.arange(len(real)) - len(real) // 2) / (matrix / 2) * SIDE / len(real)
    taper = np.clip((1.08 - frequency) / 0.35, 0.0, 1.0)
    taper = taper * taper * (3 - 2 * taper)
    spectrum *= taper[:, None] * taper[None, :]
    magnitude = np.abs(np.fft.ifft2(np.fft.ifftshift(spectrum)))
    return np.asarray(magnitude[pad:-pad, pad:-pad], dtype=np.float32)
