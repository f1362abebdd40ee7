"""Text burned into the dark surround of a picture: found by the shape of letters in a line, and never read.

Strokes are what a morphological opening takes away (white top-hat; R. C. Gonzalez and R. E. Woods, Digital Image
Processing, 4th ed., 9.8). Outside the head, and near the picture's corners also on it, connected strokes of one height
on one line are text where there are enough of them, they are not all as narrow as the ticks of a ruler, and wide ones
hold as many strokes as joined letters would. How often that is right stands in docs/burned-in-text.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from services.imaging.slice import FloatImage, Slice

SAID = "There seems to be text in the picture. See that it names nobody before you save it."
# Every length below is in pixels of a picture whose longer side is this.
SIDE = 640
# Heights of letters, and what is wider than every stroke.
_LOWEST, _HIGHEST, _OPENING = 7, 60, 15
# How far strokes stand out from what is behind them, of 255: in the surround, and in the corners.
_STANDS_OUT, _STANDS_OUT_IN_CORNER = 41, 89
_CORNER_HEIGHT, _CORNER_WIDTH = 48, 0.35
_FEWEST_LETTERS, _FEWEST_STROKES = 4, 5
# The head is looked for at a quarter of the size; the next lengths are in pixels there.
_COARSE = 4
_HEAD_HEIGHT, _SKULL_SIDE, _CLOSING, _ATTACHED = 24, 32, 7, 11
_HEAD_LEVEL = 0.8

GreyImage = NDArray[np.uint8]


@dataclass(frozen=True)
class Mark:
    """Connected strokes outside the head: their box in pixels of the working size, and how many a row meets."""

    left: int
    top: int
    width: int
    height: int
    strokes: int

    @property
    def right(self) -> int:
        """The first column behind the box."""
        return self.left + self.width


def with_text_noted(image: Slice) -> Slice:
    """The slice, ``annotated`` with a sentence where its header says nothing of text and its picture shows some."""
    return replace(image, annotated=SAID) if not image.annotated and shows_text(image.pixels) else image


def shows_text(pixels: FloatImage) -> bool:
    """Whether a line of letters or digits stands beside the head, or in a corner, of (rows, columns) in 0..1."""
    return bool(lines_of_text(pixels))


def lines_of_text(pixels: FloatImage) -> list[list[Mark]]:
    """The lines of text in ``pixels``, float32 of any (rows, columns) in 0..1, each from left to right."""
    scale = SIDE / max(pixels.shape)
    size = max(_COARSE, round(pixels.shape[1] * scale)), max(_COARSE, round(pixels.shape[0] * scale))
    sized = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return [line for line in _lines(_marks(_grey(np.asarray(sized, np.float32)))) if _reads_like_text(line)]


def _grey(values: FloatImage) -> GreyImage:
    return np.asarray(np.clip(values, 0, 1) * 255, np.uint8)


def _marks(grey: GreyImage) -> list[Mark]:
    without_strokes = np.asarray(cv2.morphologyEx(grey, cv2.MORPH_OPEN, _square(_OPENING)), np.uint8)
    strokes = np.asarray(cv2.subtract(grey, without_strokes))
    outside = (strokes > _STANDS_OUT) & ~_head(grey, without_strokes)
    bright = (outside | ((strokes > _STANDS_OUT_IN_CORNER) & _corners(grey.shape))).astype(np.uint8)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    found = []
    for left, top, width, height, _area in boxes[1:].tolist():
        if not _LOWEST <= height <= _HIGHEST:
            continue
        part = bright[top : top + height, left : left + width]
        mark = Mark(left, top, width, height, _strokes_met(part))
        arc = width > 1.5 * height and mark.strokes < 1.1 * width / height
        ruler = width > 6 * height and float(part.mean(axis=1).max()) > 0.9
        if not arc and not ruler:
            found.append(mark)
    return found


def _strokes_met(part: GreyImage) -> int:
    """How many strokes the fuller rows of a mark cross, its upper and lower edge aside."""
    rows = part[len(part) // 5 : len(part) - len(part) // 5].astype(np.int8)
    begins = np.diff(rows, axis=1, prepend=np.int8(0)) == 1
    return int(np.percentile(begins.sum(axis=1), 75))


def _head(grey: GreyImage, without_strokes: GreyImage) -> NDArray[np.bool_]:
    """True on the head: what is large and brighter than the rim, closed and filled, without thin things attached."""
    whole, coarse = _coarse_root(grey), _coarse_root(without_strokes)
    rim = float(np.median(np.concatenate([coarse[0], coarse[-1], coarse[:, 0], coarse[:, -1]])))
    level, _ = cv2.threshold(_grey(coarse - rim), 0, 255, cv2.THRESH_OTSU)
    solid, skull = ((_grey(one - rim) > _HEAD_LEVEL * level).astype(np.uint8) for one in (coarse, whole))
    # The scalp is as thin as a stroke, and the opening has taken it away; as a ring it is larger than any letter.
    head = _larger_than(solid, 0, _HEAD_HEIGHT) | _larger_than(skull, _SKULL_SIDE, _SKULL_SIDE)
    head = np.asarray(cv2.morphologyEx(head, cv2.MORPH_CLOSE, _disc(_CLOSING)), np.uint8)
    outlines, _ = cv2.findContours(head, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(head, outlines, -1, 1, cv2.FILLED)
    head = np.asarray(cv2.morphologyEx(head, cv2.MORPH_OPEN, _disc(_ATTACHED)), np.uint8)
    rows, columns = grey.shape
    return np.asarray(cv2.resize(head, (columns, rows), interpolation=cv2.INTER_NEAREST) == 1)


def _coarse_root(grey: GreyImage) -> FloatImage:
    """Square roots of brightness in 0..1, because bright fat would otherwise lift the threshold above the brain."""
    rows, columns = grey.shape
    small = cv2.resize(grey, (columns // _COARSE, rows // _COARSE), interpolation=cv2.INTER_AREA)
    return np.sqrt(np.asarray(small, np.float32) / 255)


def _larger_than(mask: GreyImage, width: int, height: int) -> GreyImage:
    """The connected parts of a mask whose boxes are wider and taller."""
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(mask)
    kept = (boxes[:, cv2.CC_STAT_WIDTH] > width) & (boxes[:, cv2.CC_STAT_HEIGHT] > height)
    kept[0] = False
    return np.asarray(kept[labels], np.uint8)


def _corners(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    found = np.zeros(shape, np.bool_)
    reach = int(shape[1] * _CORNER_WIDTH)
    for rows in (slice(0, _CORNER_HEIGHT), slice(-_CORNER_HEIGHT, None)):
        found[rows, :reach] = found[rows, -reach:] = True
    return found


def _lines(marks: list[Mark]) -> list[list[Mark]]:
    """Marks that stand beside one another at about one height, each line from left to right."""
    lines: list[list[Mark]] = []
    for mark in sorted(marks, key=lambda one: one.left):
        line = next((line for line in lines if _follows(mark, line[-1])), None)
        if line is None:
            lines.append([mark])
        else:
            line.append(mark)
    return lines


def _follows(mark: Mark, last: Mark) -> bool:
    low, high = sorted((mark.height, last.height))
    shared = min(mark.top + mark.height, last.top + last.height) - max(mark.top, last.top)
    return high <= 1.7 * low and shared >= 0.6 * low and -0.3 * high <= mark.left - last.right <= 1.4 * high


def _reads_like_text(line: list[Mark]) -> bool:
    height = float(np.median([mark.height for mark in line]))
    # Letters that touch are one mark; its strokes and its width tell how many.
    letters = sum(max(1.0, mark.strokes / 2, mark.width / (0.75 * height)) for mark in line)
    wide = sum(mark.width > 0.35 * height for mark in line)
    enough = letters >= _FEWEST_LETTERS and sum(mark.strokes for mark in line) >= _FEWEST_STROKES
    return enough and line[-1].right - line[0].left >= 2 * height and (wide >= 3 or letters >= 6)


def _square(side: int) -> GreyImage:
    return np.ones((side, side), np.uint8)


def _disc(diameter: int) -> GreyImage:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter)), np.uint8)
