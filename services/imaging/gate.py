"""Is this image of the kind a task knows, and good enough to look at? Asked before any class is shown."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.imaging.slice import FloatImage, Slice
from services.tasks.task import Task

# Detail is judged on an image of this many pixels on its longer side, beside one of a quarter of them.
SIDE, COARSE = 224, 4
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
    elif _detail(image.pixels) < gate.minimum_detail:
        reasons.append(
            f"The image is blurred, or enlarged from a small one: it shows hardly more than {SIDE // COARSE} pixels on "
            "its longer side would. Upload the original image."
        )
    return GateDecision(not reasons, tuple(reasons))


def _detail(pixels: FloatImage) -> float:
    """The share of its contrast that an image of SIDE pixels loses if it is reduced to 1/COARSE and enlarged again."""
    height, width = (max(COARSE, round(SIDE * side / max(pixels.shape))) for side in pixels.shape)
    seen = _resized(pixels, height, width)
    lost = seen - _resized(_resized(seen, height // COARSE, width // COARSE), height, width)
    return float(np.sqrt(np.mean(lost**2)) / max(float(seen.std()), 1e-6))


def _resized(pixels: FloatImage, height: int, width: int) -> FloatImage:
    method = cv2.INTER_AREA if height < pixels.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=method), np.float32)


def _bright_rim(pixels: FloatImage) -> float:
    """Median brightness of the outermost pixels of the four corners (a sixteenth of each side), in 0..1."""
    height, width = max(1, pixels.shape[0] // 16), max(1, pixels.shape[1] // 16)
    corners = [pixels[:height, :width], pixels[:height, -width:], pixels[-height:, :width], pixels[-height:, -width:]]
    return float(np.median([np.median(corner) for corner in corners]))
