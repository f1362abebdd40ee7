"""The other images of a study: a section each, with the answer, the slice and what spoke for the answer."""

from __future__ import annotations

from services.inference.prediction import Prediction
from services.palette import LIGHT
from services.reports import words
from services.reports.content import ImageDetails, ReportContent
from services.reports.document import LEFT, WIDTH, Sheet
from services.reports.pictures import LEGEND, draw_mark, draw_pictures, draw_reasons

# Two sections fit a page.
_ROOM = 62.0
_TEXT = 34.0
_MARK = 3.6


def draw_further(sheet: Sheet, content: ReportContent) -> None:
    """A section for each image that does not lead, in the order of their numbers."""
    for one in content.further:
        _section(sheet, content, one)


def _section(sheet: Sheet, content: ReportContent, one: ImageDetails) -> None:
    task = content.task
    sheet.section(f"Image {one.number}", need=_TEXT + _ROOM + LEGEND)
    top = sheet.get_y()
    draw_mark(sheet, task, one.prediction, LEFT, top + 1.2, _MARK)
    indent = _MARK + 2.4
    sheet.paragraph(
        words.finding(task, one.prediction), size=13, bold=True, x=LEFT + indent, width=WIDTH - indent, after=0.8
    )
    if one.prediction is not None:
        _answer(sheet, content, one, one.prediction)
    draw_reasons(sheet, one)
    rows, columns = one.image.shape
    sheet.paragraph(
        f"{one.image.format}, {columns} × {rows} pixels, SHA-256 of the uploaded file {one.image.sha256}",
        size=7.5, colour=LIGHT.muted, after=1.6,
    )  # fmt: skip
    if sheet.get_y() + _ROOM + LEGEND > sheet.bottom:
        sheet.add_page()
    sheet.set_y(draw_pictures(sheet, task, one, sheet.get_y(), _ROOM) + 2.0)


def _answer(sheet: Sheet, content: ReportContent, one: ImageDetails, prediction: Prediction) -> None:
    """The confidence in words, and the share of each class on a line, since bars stand for the leading image only."""
    task, experimental = content.task, content.evidence is not None and content.evidence.experimental
    told = words.confidence(task, prediction, overruled=one.overruled, experimental=experimental)
    sheet.paragraph(told, after=0.6)
    if prediction.second is not None:
        sheet.paragraph(words.second_opinion(prediction), size=8.5, after=0.6)
    shares = zip(prediction.classes, prediction.probabilities, strict=True)
    line = " · ".join(f"{task.class_info(key).name} {words.percent(share)}" for key, share in shares)
    sheet.paragraph(f"{line}. Answered by {prediction.model}.", size=8.5, colour=LIGHT.muted, after=0.8)
