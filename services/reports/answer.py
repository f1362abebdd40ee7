"""The first page: whose slice, what it suggests, how sure the model is, and where it looked."""

from __future__ import annotations

from datetime import UTC, date

from services.inference.prediction import Prediction, Verdict
from services.palette import LIGHT, rgb
from services.reports import words
from services.reports.background import draw_caveats, draw_looked_at, meaning_height
from services.reports.content import ReportContent, ReviewDetails
from services.reports.document import COLUMN, GAP, LEFT, TINT, WIDTH, Sheet
from services.reports.pictures import LEGEND, draw_mark, draw_pictures, draw_reasons

_NAME_WIDTH = 36.0
_VALUE_WIDTH = 16.0
_BAR = 4.6
_PITCH = 7.4
_SMALLEST = 57.0


def draw_answer(sheet: Sheet, content: ReportContent, missing: tuple[str, ...]) -> None:
    """Draw everything that belongs on the first page; ``missing`` are the sentences about unprintable characters."""
    _people(sheet, content, missing)
    _finding(sheet, content)
    prediction = content.lead.prediction
    if prediction is not None and prediction.verdict is not Verdict.REFUSED:
        _bars(sheet, content, prediction)
    _pictures(sheet, content)


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def _people(sheet: Sheet, content: ReportContent, missing: tuple[str, ...]) -> None:
    patient, study = content.patient, content.study
    sheet.fields(
        (
            ("Patient", patient.name, 77.5),
            ("Patient identifier", patient.identifier, 35.0),
            ("Born", _day(patient.birth_date), 26.5),
            ("Sex", patient.sex, 35.0),
        )
    )
    sheet.fields(
        (
            ("Study", study.identifier, 77.5),
            ("Read by", study.reader, 35.0),
            ("Study date", _day(study.date), 26.5),
            ("Reported (UTC)", f"{study.created.astimezone(UTC):%Y-%m-%d %H:%M}", 35.0),
        )
    )
    if study.description:
        sheet.fields((("Description", study.description, WIDTH),))
    for sentence in missing:
        sheet.paragraph(sentence, size=8, colour=LIGHT.muted, after=0.6)
    sheet.set_y(sheet.get_y() + 0.6)
    sheet.rule(sheet.get_y())
    sheet.set_y(sheet.get_y() + 4.4)


def _finding(sheet: Sheet, content: ReportContent) -> None:
    sheet.pen(9, colour=LIGHT.muted)
    sheet.cell(WIDTH, 4.6, content.task.question, new_x="LMARGIN", new_y="NEXT")
    if content.further:
        sheet.paragraph(words.leads(content.lead.number, len(content.images)), size=9, after=0.6)
    experimental = content.evidence is not None and content.evidence.experimental
    if experimental:
        sheet.paragraph(words.EXPERIMENTAL, size=11, bold=True, after=1.0)
    prediction = content.lead.prediction
    side = 5.6
    top = sheet.get_y()
    draw_mark(sheet, content.task, prediction, LEFT, top + 3.0, side)
    sheet.set_y(top + 0.6)
    sentence = words.finding(content.task, prediction)
    sheet.pen(24, bold=True)
    with sheet.indented(LEFT + side + 3.4):
        sheet.set_x(LEFT + side + 3.4)
        sheet.multi_cell(WIDTH - side - 3.4, 10.4, sentence, align="L", new_x="LMARGIN", new_y="NEXT")
    sheet.set_y(sheet.get_y() + 1.6)
    if prediction is not None and prediction.verdict is not Verdict.REFUSED:
        told = words.confidence(content.task, prediction, overruled=content.lead.overruled, experimental=experimental)
        sheet.paragraph(told, size=11, after=1.6)
        if prediction.second is not None:
            sheet.paragraph(words.second_opinion(prediction), size=9.5, after=1.6)
    draw_reasons(sheet, content.lead)
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


def _pictures(sheet: Sheet, content: ReportContent) -> None:
    """The slice and the overlay side by side, equally large; beside a slice without heat map stands why."""
    lead = content.lead
    if sheet.bottom - sheet.get_y() - LEGEND < 55.0:
        sheet.add_page()
    room = sheet.bottom - sheet.get_y() - LEGEND
    if lead.heat is not None and room - meaning_height(sheet, content) > _SMALLEST:
        room -= meaning_height(sheet, content)
    top = sheet.get_y()
    below = draw_pictures(sheet, content.task, lead, top, room)
    if lead.heat is None:
        sheet.set_y(top)
        if lead.prediction is not None:
            right = LEFT + COLUMN + GAP
            draw_looked_at(sheet, content, right)
            sheet.set_y(sheet.get_y() + 4.0)
            draw_caveats(sheet, content, right)
    sheet.set_y(max(sheet.get_y(), below))
