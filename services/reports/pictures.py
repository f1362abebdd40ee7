"""An image in the report: the slice beside its heat map, the mark of its answer, and why it was refused."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from services.imaging.overlay import ByteImage, legend, overlay
from services.inference.prediction import Prediction, Verdict
from services.palette import LIGHT, rgb
from services.reports.content import ImageDetails
from services.reports.document import COLUMN, GAP, LEFT, Sheet
from services.tasks.task import Task

COLOUR_MAP = "magma"
OPACITY = 0.65
# The caption and the legend below a picture, in mm.
LEGEND = 11.6
_PIXELS = 900


def draw_pictures(sheet: Sheet, task: Task, one: ImageDetails, top: float, room: float) -> float:
    """The slice at the left and its overlay, if there is one, at the right, equally large.

    Both are at most a column wide and ``room`` mm high, from ``top`` mm on; returns the y below their captions.
    """
    proportion = _proportion(one)
    width = min(COLUMN, room / proportion)
    height = width * proportion
    grey = np.rint(np.clip(np.nan_to_num(one.image.pixels), 0, 1) * 255).astype(np.uint8)
    _picture(sheet, grey, LEFT, top, width, height, f"The {task.subject} as it was uploaded.")
    frame = f", frame {one.image.frame + 1} of {one.image.frames}" if one.image.frames > 1 else ""
    _caption(sheet, f"The {task.image}{frame}", LEFT, top + height)
    _scale(sheet, one, LEFT, top + height, width)
    if one.heat is not None:
        right = LEFT + COLUMN + GAP
        covered = overlay(one.image.pixels, one.heat.values, opacity=OPACITY, colour_map=COLOUR_MAP)
        name = task.class_info(one.heat.label).name
        _picture(sheet, covered, right, top, width, height, f"The {task.image} with the heat map for {name}.")
        end = _caption(sheet, f"What spoke for {name}", right, top + height)
        _legend(sheet, end + GAP / 2, right + COLUMN, top + height)
    return top + height + LEGEND


def draw_mark(sheet: Sheet, task: Task, prediction: Prediction | None, x: float, y: float, side: float) -> None:
    """The square beside the finding: the class's colour, hatched for uncertain, hollow for refused."""
    sheet.set_line_width(0.5)
    sheet.set_draw_color(*rgb(LIGHT.text))
    if prediction is not None and prediction.verdict is Verdict.ANSWERED:
        sheet.set_fill_color(*rgb(task.class_info(prediction.label).colour))
        sheet.rect(x, y, side, side, style="F")
        return
    sheet.rect(x, y, side, side, style="D")
    if prediction is not None and prediction.verdict is Verdict.UNCERTAIN:
        sheet.set_line_width(0.3)
        steps = 4
        for step in range(1, 2 * steps):
            a = side * step / steps
            sheet.line(x + max(0.0, a - side), y + min(a, side), x + min(a, side), y + max(0.0, a - side))


def draw_reasons(sheet: Sheet, one: ImageDetails) -> None:
    """Why the check refused the image, where it did."""
    if one.gate_reasons:
        lead = (
            "The check of the image refused it, and the reader overruled the check:"
            if one.overruled
            else "The check of the image refused it:"
        )
        sheet.paragraph(lead, size=9.5, bold=True, after=0.8)
        sheet.bullets(one.gate_reasons)


def _proportion(one: ImageDetails) -> float:
    """Height of the slice over its width, in the patient where the pixel spacing is known."""
    rows, columns = one.image.shape
    between_rows, between_columns = one.image.geometry.pixel_spacing or (1.0, 1.0)
    return (rows * between_rows) / (columns * between_columns)


def _print_size(picture: ByteImage) -> ByteImage:
    """The picture with at most _PIXELS on its longer side, and enough of them that no viewer shows steps."""
    rows, columns = picture.shape[:2]
    factor = _PIXELS / max(rows, columns)
    size = (max(1, round(columns * factor)), max(1, round(rows * factor)))
    resized = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    return np.asarray(resized, dtype=np.uint8)


def _picture(
    sheet: Sheet, picture: ByteImage, x: float, y: float, width: float, height: float, words_for_it: str
) -> None:
    sheet.image(Image.fromarray(_print_size(picture)), x=x, y=y, w=width, h=height, alt_text=words_for_it)


def _caption(sheet: Sheet, text: str, x: float, y: float) -> float:
    """Write it from ``x`` on, and say where it ends."""
    sheet.pen(8, colour=LIGHT.muted)
    sheet.text(x, y + 5.0, text)
    return x + float(sheet.get_string_width(text))


def _scale(sheet: Sheet, one: ImageDetails, x: float, y: float, width: float) -> None:
    """A bar of 5 cm in the patient, where the file says how large a pixel is."""
    spacing = one.image.geometry.pixel_spacing
    if spacing is None:
        return
    length = width * 50.0 / (one.image.shape[1] * spacing[1])
    if length > 0.6 * width:
        return
    end = x + width
    sheet.pen(7.5, colour=LIGHT.muted)
    note = "50 mm"
    sheet.text(end - length - 1.6 - sheet.get_string_width(note), y + 5.0, note)
    sheet.set_draw_color(*rgb(LIGHT.muted))
    sheet.set_line_width(0.4)
    sheet.line(end - length, y + 4.0, end, y + 4.0)
    for tick in (end - length, end):
        sheet.line(tick, y + 3.0, tick, y + 5.0)


def _legend(sheet: Sheet, left: float, right: float, y: float) -> None:
    """The colours from 0 to 1 at the right, as long as the caption leaves room for."""
    sheet.pen(7.5, colour=LIGHT.muted)
    one = "1 hottest"
    end = right - sheet.get_string_width(one) - 1.4
    length = min(30.0, end - left - 1.4 - sheet.get_string_width("0"))
    sheet.text(end + 1.4, y + 5.0, one)
    strip = Image.fromarray(legend(COLOUR_MAP))
    sheet.image(strip, x=end - length, y=y + 2.6, w=length, h=2.8, alt_text="Colours of the heat map from 0 to 1.")
    sheet.text(end - length - 1.4 - sheet.get_string_width("0"), y + 5.0, "0")
