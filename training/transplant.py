"""Tumours laid into healthy slices, so that what tells a tumour is the tumour and not whose scanner took the picture.

Sources: Yang et al., "TumorCP: A Simple but Effective Object-Level Data Augmentation for Tumor Segmentation" (MICCAI
2021); Ghiasi et al., "Simple Copy-Paste is a Strong Data Augmentation Method for Instance Segmentation" (CVPR 2021).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
# Pixels of a lesion's side worth moving, grey level from which on a pixel shows tissue, grey levels that can be seen.
SMALLEST, HEAD, VISIBLE = 12, 24, 15


def transplant(healthy: Grey, donor: Grey, outline: Grey, rng: np.random.Generator) -> tuple[Grey, Grey] | None:
    """``donor``'s tumour inside ``outline`` (255 inside), turned, scaled and laid somewhere into the ``healthy`` head.

    All are uint8 (side, side). Returns the picture and the lesion's outline in it, or None where the tumour could not
    be seen there or the head is too small for it. Grey levels follow the tissue around the new place.
    """
    side = healthy.shape[0]
    top, left, height, width = _box(outline)
    if min(height, width) < SMALLEST:
        return None
    matrix = cv2.getRotationMatrix2D((left + width / 2, top + height / 2), rng.uniform(0, 360), rng.uniform(0.6, 1.3))
    radius = int(max(height, width) / 2)
    places = np.argwhere(cv2.erode((healthy > HEAD).astype(np.uint8), np.ones((radius, radius), np.uint8)))
    if not len(places):
        return None
    row, column = places[rng.integers(len(places))]
    matrix[:, 2] += (column - left - width / 2, row - top - height / 2)
    lesion, inside = (cv2.warpAffine(picture, matrix, (side, side)) for picture in (donor, outline))
    inside = np.where(healthy > HEAD, inside, 0).astype(np.uint8)
    rim = cv2.dilate(inside, np.ones((13, 13), np.uint8)) - inside
    around, before = healthy[rim > 127], lesion[(rim > 127) & (lesion > 0)]
    if not len(around) or not len(before) or inside.max() < 128:
        return None
    gain = np.clip((around.mean() + 1) / (before.mean() + 1), 0.5, 2.0)
    share = cv2.GaussianBlur(inside.astype(np.float32) / 255, (0, 0), rng.uniform(1.0, 2.5))
    mixed = healthy + share * (lesion * np.float32(gain) - healthy)
    if np.abs(mixed - healthy)[inside > 127].mean() < VISIBLE:
        return None
    return np.asarray(np.clip(mixed + 0.5, 0, 255), np.uint8), np.asarray(inside, np.uint8)


def _box(outline: Grey) -> tuple[int, int, int, int]:
    """Top, left, height and width of what is inside."""
    left, top, width, height = cv2.boundingRect((outline > 127).astype(np.uint8))
    return top, left, height, width
