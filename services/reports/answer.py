"""The first page: whose slice, what it suggests, how sure the model is, and where it looked."""

from __future__ import annotations

from datetime import UTC, date

import cv2
import numpy as np
from PIL import Image

from services.imaging.overlay import ByteImage, legend, overlay
from services.inference.prediction import Prediction, Verdict
from services.palette import LIGHT, rgb
from services.reports import words
from services.reports.background import draw_caveats, draw_looked_at, meaning_height
from services.reports.content import ReportContent, ReviewDetails
from services.reports.document import COLUMN, GAP, LEFT, TINT, WIDTH, Sheet

COLOUR_MAP = "magma"
OPACITY = 0.65
_PIXELS = 900
_NAME_WIDTH = 36.0
_VALUE_WIDTH = 16.0
_BAR = 4.6
_PITCH = 7.4
_LEGEND = 11.6
_SMALLEST = 57.0


def draw_answer(sheet: Sheet, content: ReportContent, missing: tuple[str, ...]) -> None:
    """Draw everything that belongs on the first page; ``missing`` are the sentences about unprintable characters."""
    _people(sheet, content, missing)
    _finding(sheet, content)
    prediction = content.prediction
    if prediction is not None and prediction.verdict is not Verdict.REFUSED:
        _bars(sheet, content, prediction)
    _pictures(sheet, content)


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def _people(sheet: Sheet, content: ReportContent, missing: tuple[str, ...]) -> None:
    patient, study = content.patient, content.study
    sheet.fields(
        (
            ("Patient", patient.name, 74.5),
            ("Patient identifier", patient.identifier, 36.0),
            ("Born", _day(patient.birth_date), 27.5),
            ("Sex", patient.sex, 36.0),
        )
    )
    sheet.fields(
        (
            ("Study", study.identifier, 74.5),
            ("Read by", study.reader, 36.0),
            ("Study date", _day(study.date), 27.5),
            ("Reported (UTC)", f"{study.created.astimezone(UTC):%Y-%m-%d %H:%M}", 36.0),
        )
    )
    if study.description:
        sheet.fields((("Description", study.description, WIDTH),))
    for sentence in missing:
        sheet.paragraph(sentence, size=8, colour=LIGHT.muted, after=0.6)
    sheet.set_y(sheet.get_y() + 0.6)
    sheet.rule(sheet.get_y())
    sheet.set_y(sheet.get_y() + 4.4)


def _mark(sheet: Sheet, content: ReportContent, x: float, y: float, side: float) -> None:
    """The square beside the finding: the class's colour, hatched for uncertain, hollow for refused."""
    prediction = content.prediction
    sheet.set_line_width(0.5)
    sheet.set_draw_color(*rgb(LIGHT.text))
    if prediction is not None and prediction.verdict is Verdict.ANSWERED:
        sheet.set_fill_color(*rgb(content.task.class_info(prediction.label).colour))
        sheet.rect(x, y, side, side, style="F")
        return
    sheet.rect(x, y, side, side, style="D")
    if prediction is not None and prediction.verdict is Verdict.UNCERTAIN:
        sheet.set_line_width(0.3)
        steps = 4
        for step in range(1, 2 * steps):
            a = side * step / steps
            sheet.line(x + max(0.0, a - side), y + min(a, side), x + min(a, side), y + max(0.0, a - side))


def _finding(sheet: Sheet, content: ReportContent) -> None:
    sheet.pen(9, colour=LIGHT.muted)
    sheet.cell(WIDTH, 4.6, content.task.question, new_x="LMARGIN", new_y="NEXT")
    if content.evidence is not None and content.evidence.experimental:
        sheet.paragraph(words.EXPERIMENTAL, size=11, bold=True, after=1.0)
    side = 5.6
    top = sheet.get_y()
    _mark(sheet, content, LEFT, top + 3.0, side)
    sheet.set_y(top + 0.6)
    sentence = words.finding(content.task, content.prediction)
    sheet.pen(24, bold=True)
    with sheet.indented(LEFT + side + 3.4):
        sheet.set_x(LEFT + side + 3.4)
        sheet.multi_cell(WIDTH - side - 3.4, 10.4, sentence, align="L", new_x="LMARGIN", new_y="NEXT")
    sheet.set_y(sheet.get_y() + 1.6)
    prediction = content.prediction
    if prediction is not None and prediction.verdict is not Verdict.REFUSED:
        told = words.confidence(content.task, prediction, overruled=content.overruled)
        sheet.paragraph(told, size=11, after=1.6)
        if prediction.second is not None:
            sheet.paragraph(words.second_opinion(prediction), size=9.5, after=1.6)
    if content.gate_reasons:
        lead = (
            "The check of the image refused it, and the reader overruled the check:"
            if content.overruled
            else "The check of the image refused it:"
        )
        sheet.paragraph(lead, size=9.5, bold=True, after=0.8)
        sheet.bullets(content.gate_reasons)
    if content.review is not None:
        _review(sheet, content, content.review)
    sheet.set_y(sheet.get_y() + 1.6)


def _review(sheet: Sheet, content: ReportContent, review: ReviewDetails) -> None:
    """The doctor's verdict below the model's, with a bar at its side."""
    top = sheet.get_y() + 1.6
    sheet.set_y(top)
    left, width = LEFT + 4.0, WIDTH - 4.0
    sentence = words.reviewed(content.task, review.label, agrees=review.agrees)
    sheet.paragraph(sentence, size=13, bold=True, x=left, width=width, after=0.8)
    if review.reason:
        sheet.paragraph(review.reason, size=9.5, x=left, width=width, after=0.8)
    said = f"Reviewed by {review.reviewer}, {review.created.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
    if review.earlier:
        before = "an earlier review" if review.earlier == 1 else f"{review.earlier} earlier reviews"
        said += f" This replaces {before}."
    sheet.paragraph(said, size=8.5, colour=LIGHT.muted, x=left, width=width)
    sheet.set_fill_color(*rgb(LIGHT.accent))
    if sheet.get_y() > top:
        sheet.rect(LEFT, top, 1.2, sheet.get_y() - top, style="F")
    sheet.set_y(sheet.get_y() + 1.6)


def _bars(sheet: Sheet, content: ReportContent, prediction: Prediction) -> None:
    """One bar a class in the task's order and colours, its value at the right, the threshold as a dashed line."""
    left = LEFT + _NAME_WIDTH
    full = WIDTH - _NAME_WIDTH - _VALUE_WIDTH
    top = sheet.get_y() + 4.2
    height = _PITCH * len(prediction.classes)
    for index, (key, share) in enumerate(zip(prediction.classes, prediction.probabilities, strict=True)):
        info = content.task.class_info(key)
        chosen = key == prediction.label
        y = top + index * _PITCH
        sheet.pen(10, bold=chosen)
        sheet.set_xy(LEFT, y)
        sheet.cell(_NAME_WIDTH, _BAR, info.name)
        sheet.set_fill_color(*rgb(TINT))
        sheet.rect(left, y, full, _BAR, style="F")
        sheet.set_fill_color(*rgb(info.colour))
        if share > 0:
            sheet.rect(left, y, max(full * share, 0.3), _BAR, style="F")
        sheet.set_xy(left + full, y)
        sheet.cell(_VALUE_WIDTH, _BAR, words.percent(share), align="R")
    x = left + full * prediction.threshold
    sheet.set_draw_color(*rgb(LIGHT.text))
    sheet.set_line_width(0.25)
    sheet.set_dash_pattern(dash=0.9, gap=0.7)
    sheet.line(x, top - 1.0, x, top + height - (_PITCH - _BAR) + 1.0)
    sheet.set_dash_pattern()
    note = f"answers from {100 * prediction.threshold:.3g}%"
    sheet.pen(7.5, colour=LIGHT.muted)
    width = sheet.get_string_width(note)
    sheet.text(min(max(x - width / 2, left), left + full - width), top - 2.0, note)
    sheet.set_y(top + height + 1.6)


def _proportion(content: ReportContent) -> float:
    """Height of the slice over its width, in the patient where the pixel spacing is known."""
    rows, columns = content.image.shape
    between_rows, between_columns = content.image.geometry.pixel_spacing or (1.0, 1.0)
    return (rows * between_rows) / (columns * between_columns)


def _print_size(picture: ByteImage) -> ByteImage:
    """The picture with at most _PIXELS on its longer side, and enough of them that no viewer shows steps."""
    rows, columns = picture.shape[:2]
    factor = _PIXELS / max(rows, columns)
    size = (max(1, round(columns * factor)), max(1, round(rows * factor)))
    resized = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    return np.asarray(resized, dtype=np.uint8)


def _pictures(sheet: Sheet, content: ReportContent) -> None:
    """The slice and the overlay side by side, equally large; beside a slice without heat map stands why."""
    proportion = _proportion(content)
    if sheet.bottom - sheet.get_y() - _LEGEND < 55.0:
        sheet.add_page()
    room = sheet.bottom - sheet.get_y() - _LEGEND
    if content.heat is not None and room - meaning_height(sheet, content) > _SMALLEST:
        room -= meaning_height(sheet, content)
    width = COLUMN
    if width * proportion > room:
        width = room / proportion
    height = width * proportion
    top = sheet.get_y()
    grey = np.rint(np.clip(np.nan_to_num(content.image.pixels), 0, 1) * 255).astype(np.uint8)
    _picture(sheet, grey, LEFT, top, width, height, f"The {content.task.subject} as it was uploaded.")
    right = LEFT + COLUMN + GAP
    frame = f", frame {content.image.frame + 1} of {content.image.frames}" if content.image.frames > 1 else ""
    _caption(sheet, f"The slice{frame}", LEFT, top + height)
    _scale(sheet, content, LEFT, top + height, width)
    if content.heat is None:
        sheet.set_y(top)
        if content.prediction is not None:
            draw_looked_at(sheet, content, right)
            sheet.set_y(sheet.get_y() + 4.0)
            draw_caveats(sheet, content, right)
    else:
        covered = overlay(content.image.pixels, content.heat.values, opacity=OPACITY, colour_map=COLOUR_MAP)
        name = content.task.class_info(content.heat.label).name
        _picture(sheet, covered, right, top, width, height, f"The slice with the heat map for {name}.")
        _caption(sheet, f"What spoke for {name}", right, top + height)
        _legend(sheet, right + COLUMN, top + height)
    sheet.set_y(max(sheet.get_y(), top + height + _LEGEND))


def _picture(
    sheet: Sheet, picture: ByteImage, x: float, y: float, width: float, height: float, words_for_it: str
) -> None:
    sheet.image(Image.fromarray(_print_size(picture)), x=x, y=y, w=width, h=height, alt_text=words_for_it)


def _caption(sheet: Sheet, text: str, x: float, y: float) -> None:
    sheet.pen(8, colour=LIGHT.muted)
    sheet.text(x, y + 5.0, text)


def _scale(sheet: Sheet, content: ReportContent, x: float, y: float, width: float) -> None:
    """A bar of 5 cm in the patient, where the file says how large a pixel is."""
    spacing = content.image.geometry.pixel_spacing
    if spacing is None:
        return
    length = width * 50.0 / (content.image.shape[1] * spacing[1])
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


def _legend(sheet: Sheet, right: float, y: float) -> None:
    length = 30.0
    sheet.pen(7.5, colour=LIGHT.muted)
    one = "1 hottest"
    end = right - sheet.get_string_width(one) - 1.4
    sheet.text(end + 1.4, y + 5.0, one)
    strip = Image.fromarray(legend(COLOUR_MAP))
    sheet.image(strip, x=end - length, y=y + 2.6, w=length, h=2.8, alt_text="Colours of the heat map from 0 to 1.")
    sheet.text(end - length - 1.4 - sheet.get_string_width("0"), y + 5.0, "0")
