"""Is this image of the kind a task knows, and good enough to look at? Asked before any class is shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.imaging.slice import FloatImage, Slice
from services.tasks.task import Task

MODALITY_NAMES = {
    "CR": "a radiograph",
    "CT": "computed tomography",
    "DX": "a radiograph",
    "MG": "mammography",
    "NM": "nuclear medicine",
    "OT": "an unspecified kind",
    "PT": "positron emission tomography",
    "SC": "a screen capture",
    "US": "ultrasound",
    "XA": "angiography",
}


@dataclass(frozen=True)
class GateDecision:
    """``accepted`` or not, and one sentence a ``reason`` against; a doctor may overrule a refusal."""

    accepted: bool
    reasons: tuple[str, ...] = ()


def check(image: Slice, task: Task) -> GateDecision:
    """Compare the slice with what the task expects of its images."""
    gate, reasons = task.gate, []
    rows, columns = image.shape
    if image.colourfulness > gate.maximum_colourfulness:
        reasons.append(f"This is a colour picture; a {task.subject} is grey. Upload the original image.")
    if image.modality and image.modality not in gate.modalities:
        kind = MODALITY_NAMES.get(image.modality, f"the modality {image.modality}")
        reasons.append(
            f"The file says it is {kind}; the models know {' and '.join(gate.modalities)} only. "
            "Upload an image of that kind."
        )
    if min(rows, columns) < gate.minimum_side:
        reasons.append(
            f"The image has {columns} x {rows} pixels; at least {gate.minimum_side} on each side are needed. "
            "Upload the original image, not a preview of it."
        )
    elif max(rows, columns) > gate.maximum_aspect * min(rows, columns):
        reasons.append(
            f"The image is {columns} x {rows} pixels, far too long and narrow for a {task.subject}. "
            "Upload one image, not a strip of several."
        )
    low, high = np.percentile(image.pixels[:: max(1, rows // 128), :: max(1, columns // 128)], (1, 99))
    if high - low < gate.minimum_contrast:
        reasons.append(
            "The image is nearly blank: there is too little contrast to judge anything. Choose another image."
        )
    elif _bright_rim(image.pixels) > gate.maximum_rim:
        reasons.append(
            f"The rim of the image is bright; a {task.subject} has {gate.surround}. "
            "Upload the original image, not a photograph, a page with it or its negative."
        )
    return GateDecision(not reasons, tuple(reasons))


def _bright_rim(pixels: FloatImage) -> float:
    """Median brightness of the outermost pixels of the four corners (a sixteenth of each side), in 0..1."""
    height, width = max(1, pixels.shape[0] // 16), max(1, pixels.shape[1] // 16)
    corners = [pixels[:height, :width], pixels[:height, -width:], pixels[-height:, :width], pixels[-height:, -width:]]
    return float(np.median([np.median(corner) for corner in corners]))
