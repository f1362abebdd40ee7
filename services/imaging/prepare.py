"""The one way from a slice to a model's input, used by training and serving alike, as a task's settings say.

Each kind of settings has a module of its own: head.py crops to the head, contour.py at the largest contour, breast.py
to the breast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.imaging import breast, contour, head
from services.imaging.limits import enough_memory
from services.imaging.placement import Placement, Stage
from services.imaging.slice import FloatImage
from services.tasks.task import BreastSettings, ContourSettings, Preparation


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model's input.

    ``pixels`` is float32 of shape (size, size) in 0..1, in steps of 1/255 so that an 8-bit cache of it loses nothing.
    ``stages`` holds (name, float32 image in 0..1) of each step where they were asked for.
    """

    pixels: FloatImage
    placement: Placement
    version: str
    stages: tuple[Stage, ...] = ()


@enough_memory()
def prepare(pixels: FloatImage, settings: Preparation, *, keep_stages: bool = False, whole: bool = False) -> Prepared:
    """Prepare ``pixels``, float32 (rows, columns) in 0..1, as ``settings`` say.

    ``whole`` takes a picture in which nothing is found to crop to as it is, where it would be refused otherwise: in
    training, and where a doctor has overruled the check.

    Raises
    ------
    NotPreparable
        The image is blank, so there is nothing to crop to or to normalise, or nothing is found to crop to.
    TooLarge
        There is not enough memory for it now.
    """
    if isinstance(settings, ContourSettings):
        placement, stages = contour.crop_to_contour(pixels, settings, whole=whole)
    elif isinstance(settings, BreastSettings):
        placement, stages = breast.crop_to_breast(pixels, settings, whole=whole)
    else:
        placement, stages = head.crop_to_head(pixels, settings)
    square = np.round(stages[-1][1] * 255).astype(np.float32) / np.float32(255)
    kept = (("grey", pixels), *stages[:-1], (stages[-1][0], square)) if keep_stages else ()
    return Prepared(square, placement, settings.version, kept)


def stage_names(settings: Preparation) -> tuple[str, ...]:
    """What ``prepare`` calls the steps behind the grey image, in their order."""
    if isinstance(settings, ContourSettings):
        return contour.STAGES
    return breast.STAGES if isinstance(settings, BreastSettings) else head.stage_names(settings)
