"""How the answers hold when the picture gets worse: one change at a time, each at several strengths.

The change is made to the decoded slice, before it is prepared, as a worse scanner or export would have made it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from services.imaging.decode import decode
from services.imaging.prepare import prepare
from services.imaging.slice import FloatImage
from services.inference.calibration import probabilities
from services.inference.figures import RobustnessFigures
from services.tasks.task import Task
from training.corpus import Sample, allowed_classes
from training.evaluation.figures import part_figures
from training.evaluation.logits import Answering, logits_of

SLICES, SEED = 240, 7
Change = Callable[[FloatImage, float], FloatImage]


def noise(image: FloatImage, deviation: float) -> FloatImage:
    """Gaussian noise of that standard deviation, as a share of the range."""
    drawn = np.random.default_rng(SEED).standard_normal(image.shape, np.float32)
    return _clipped(image + np.float32(deviation) * drawn)


def blur(image: FloatImage, sigma: float) -> FloatImage:
    """Gaussian, sigma in pixels of the slice."""
    return _clipped(cv2.GaussianBlur(image, (0, 0), sigma))


def contrast(image: FloatImage, slope: float) -> FloatImage:
    """Steeper (above 1, clipped) or flatter around the middle grey."""
    return _clipped((image - np.float32(0.5)) * np.float32(slope) + np.float32(0.5))


def brightness(image: FloatImage, shift: float) -> FloatImage:
    """Every pixel brighter or darker by that share of the range, clipped."""
    return _clipped(image + np.float32(shift))


def rotation(image: FloatImage, degrees: float) -> FloatImage:
    """About the centre, counter-clockwise, black where nothing was."""
    rows, columns = image.shape
    turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), degrees, 1.0)
    return _clipped(cv2.warpAffine(image, turn, (columns, rows), flags=cv2.INTER_LINEAR))


def jpeg(image: FloatImage, quality: float) -> FloatImage:
    """Stored once more as a JPEG of that quality."""
    _, data = cv2.imencode(".jpg", np.round(image * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    return _clipped(np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32) / np.float32(255))


def fewer_pixels(image: FloatImage, factor: float) -> FloatImage:
    """Down-sampled: so many times fewer rows and columns."""
    size = max(1, round(image.shape[1] / factor)), max(1, round(image.shape[0] / factor))
    return _clipped(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _clipped(image: NDArray[np.generic]) -> FloatImage:
    return np.asarray(np.clip(image, 0, 1), np.float32)


CHANGES: dict[str, tuple[Change, str, tuple[float, ...]]] = {
    "noise": (noise, "standard deviation, share of the range", (0.02, 0.05, 0.1)),
    "blur": (blur, "sigma in pixels", (1, 2, 3)),
    "contrast": (contrast, "slope", (0.5, 0.75, 1.5)),
    "brightness": (brightness, "shift, share of the range", (-0.2, 0.1, 0.2)),
    "rotation": (rotation, "degrees", (5, 15, 30)),
    "JPEG": (jpeg, "quality", (50, 25, 10)),
    "down-sampling": (fewer_pixels, "times fewer rows and columns", (2, 3, 4)),
}


def robustness(
    model: Answering, samples: Sequence[Sample], task: Task, temperature: float, *, flips: bool
) -> tuple[RobustnessFigures, ...]:
    """The figures of the unchanged slices first, then of each change at each strength.

    The same slices every time: at most 240 spread evenly over the test samples of the corpora that name a class.
    """
    vague = {s.corpus for s in samples if len(task.labels[s.label]) > 1}
    named = [s for s in samples if s.part == "test" and s.corpus not in vague]
    chosen = [named[i] for i in np.unique(np.linspace(0, len(named) - 1, SLICES).astype(int)).tolist()]
    truth = allowed_classes(chosen, task).argmax(axis=1)
    pixels = [decode(sample.path.read_bytes()).pixels for sample in chosen]
    groups = [sample.group for sample in chosen]
    steps: list[tuple[str, str, float, Change | None]] = [("none", "", 0.0, None)]
    steps += [(name, unit, amount, change) for name, (change, unit, amounts) in CHANGES.items() for amount in amounts]
    found = []
    for name, unit, amount, change in tqdm(steps, desc="worse pictures", unit="step"):
        changed = [change(image, amount) if change else image for image in pixels]
        ready = [prepare(image, task.preparation, whole=True) for image in changed]
        squares = [np.round(each.pixels * 255).astype(np.uint8) for each in ready]
        shares = probabilities(logits_of(model, np.stack(squares), flips=flips), temperature)
        figures = part_figures(name, truth, shares, groups, task.class_keys)
        found.append(
            RobustnessFigures(
                change=name,
                unit=unit,
                amount=amount,
                images=figures.images,
                accuracy=figures.accuracy,
                macro_f1=figures.macro_f1,
                confidence=round(float(shares.max(axis=1).mean()), 4),
            )
        )
    return tuple(found)
