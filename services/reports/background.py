"""The pages behind the answer: notes, limits, how the model did on its test, and the facts about the image."""

from __future__ import annotations

import re

from services.palette import LIGHT, rgb
from services.reports import words
from services.reports.content import Figure, ModelEvidence, ReportContent
from services.reports.document import COLUMN, GAP, HEADING, LEFT, WIDTH, Sheet
from services.reports.further import draw_further

_CELL = 14.5
_SMALL = 8.5
_NOTES = 9.5
_MOST_LINES = 100
_ROW_NAMES = 26.0


def draw_background(sheet: Sheet, content: ReportContent) -> None:
    """Draw the sections that explain the answer, from the present y on and over as many pages as they need."""
    if content.lead.heat is not None:
        _meaning(sheet, content)
    draw_further(sheet, content)
    if content.study.notes.strip():
        _notes(sheet, content.study.notes)
    if content.evidence is not None:
        _evidence(sheet, content, content.evidence)
    _image(sheet, content)


def _notes(sheet: Sheet, notes: str) -> None:
    """The reader's words without runs of empty lines, two pages of them at most."""
    sheet.section("Notes of the reader")
    sheet.pen(_NOTES)
    lines = sheet.wrapped(re.sub(r"\n\s*\n", "\n\n", notes.strip()), WIDTH)
    sheet.paragraph("\n".join(lines[:_MOST_LINES]), size=_NOTES)
    if len(lines) > _MOST_LINES:
        cut = f"{len(lines) - _MOST_LINES} more lines are not printed; the record of the study holds the whole note."
        sheet.paragraph(cut, size=_SMALL, colour=LIGHT.muted)
    sheet.set_y(sheet.get_y() + 5.0)


def draw_looked_at(sheet: Sheet, content: ReportContent, x: float) -> None:
    """What the heat map says, in a column that begins at ``x`` mm."""
    sheet.section("What the model looked at", x=x, width=COLUMN, need=0.0)
    sheet.paragraph(words.looked_at(content.task, content.lead.heat), size=_SMALL, x=x, width=COLUMN)


def draw_caveats(sheet: Sheet, content: ReportContent, x: float) -> None:
    """The task's caveats, in a column that begins at ``x`` mm."""
    sheet.section("What the answer does not mean", x=x, width=COLUMN, need=0.0)
    sheet.bullets(content.task.caveats, x=x, width=COLUMN, size=_SMALL)


def meaning_height(sheet: Sheet, content: ReportContent) -> float:
    """How many mm the two columns take, heading and the space below included."""
    looked_at = sheet.height(words.looked_at(content.task, content.lead.heat), COLUMN, _SMALL)
    return HEADING + max(looked_at, sheet.bullets_height(content.task.caveats, COLUMN, _SMALL)) + 5.0


def _meaning(sheet: Sheet, content: ReportContent) -> None:
    """Side by side: what the model looked at, and what the answer does not mean."""
    if sheet.get_y() + meaning_height(sheet, content) - 5.0 > sheet.bottom:
        sheet.add_page()
    top = sheet.get_y()
    draw_looked_at(sheet, content, LEFT)
    left_end = sheet.get_y()
    sheet.set_y(top)
    draw_caveats(sheet, content, LEFT + COLUMN + GAP)
    sheet.set_y(max(left_end, sheet.get_y()) + 5.0)


def _interval(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return "–"
    return f"{100 * figure.low:.1f} to {100 * figure.high:.1f}%"


def _evidence(sheet: Sheet, content: ReportContent, evidence: ModelEvidence) -> None:
    size = min(_CELL, (COLUMN - _ROW_NAMES) / max(len(evidence.classes), 1))
    sheet.section("How far the model can be trusted", need=34 + size * len(evidence.classes) + 22)
    source = f"{evidence.title}, version {evidence.model.version} ({evidence.model}). Trained on {evidence.trained_on}"
    sheet.paragraph(source, after=1.0)
    sheet.paragraph(f"Tested on {evidence.tested_on}", after=1.0 if evidence.over_folds else 3.6)
    if evidence.over_folds:
        sheet.paragraph(evidence.over_folds, after=3.6)
    top = sheet.get_y()
    left_end = _figures(sheet, evidence, top)
    right_end = _confusion(sheet, content, evidence, LEFT + COLUMN + GAP, top, size)
    sheet.set_xy(LEFT, max(left_end, right_end) + 6.0)


def _figures(sheet: Sheet, evidence: ModelEvidence, top: float) -> float:
    """The table of test figures with their meaning; returns the y below it."""
    rows = [
        ("Accuracy", "share of all answers that are right", evidence.accuracy),
        ("Precision", "share right when a class is named", evidence.precision),
        ("Recall", "share of a class that is found", evidence.recall),
        ("Macro-F1", "precision and recall in one", evidence.macro_f1),
    ]
    if evidence.calibration_error is not None:
        rows.append(("Calibration error", "stated confidence against truth", evidence.calibration_error))
    value_at, interval_at = LEFT + 47.0, LEFT + COLUMN
    sheet.pen(7.5, colour=LIGHT.muted)
    sheet.set_xy(value_at, top)
    sheet.cell(12.0, 4.0, "test", align="R")
    sheet.set_xy(interval_at - 25.0, top)
    sheet.cell(25.0, 4.0, "95% interval", align="R")
    y = top + 5.0
    for name, meaning, figure in rows:
        sheet.rule(y, width=COLUMN)
        sheet.set_xy(LEFT, y + 1.2)
        sheet.pen(9.5, bold=True)
        sheet.cell(47.0, 4.6, name)
        sheet.set_xy(value_at, y + 1.2)
        sheet.cell(12.0, 4.6, words.percent(figure.value), align="R")
        sheet.pen(8.5)
        sheet.set_xy(interval_at - 25.0, y + 1.2)
        sheet.cell(25.0, 4.6, _interval(figure), align="R")
        sheet.pen(7.5, colour=LIGHT.muted)
        sheet.set_xy(LEFT, y + 5.6)
        sheet.cell(47.0, 3.6, meaning)
        y += 10.4
    sheet.rule(y, width=COLUMN)
    sheet.pen(7.5, colour=LIGHT.muted)
    sheet.set_xy(LEFT, y + 1.4)
    sheet.cell(COLUMN, 3.6, "Precision, recall and F1 are means over the classes.")
    return y + 5.0


def _confusion(
    sheet: Sheet, content: ReportContent, evidence: ModelEvidence, x: float, top: float, size: float
) -> float:
    """The confusion matrix, true classes down and answers across, shaded by row; returns the y below it."""
    count = len(evidence.classes)
    names = [content.task.class_info(key).name for key in evidence.classes]
    grid = x + _ROW_NAMES
    tested = sum(map(sum, evidence.confusion))
    sheet.pen(7.5, colour=LIGHT.muted)
    sheet.set_xy(grid, top)
    sheet.cell(size * count, 4.0, "answer", align="C")
    sheet.set_xy(x, top + 4.6)
    sheet.cell(_ROW_NAMES - 2.0, 7.0, "true class", align="R")
    sheet.pen(7)
    longest = max(sheet.get_string_width(word) for name in names for word in name.split())
    sheet.pen(min(7.0, 7.0 * (size - 1.0) / longest))
    for column, name in enumerate(names):
        lines = sheet.wrapped(name, size - 0.6)
        y = top + 4.6 + (6.6 - 3.0 * len(lines)) / 2
        for line in lines:
            sheet.set_xy(grid + column * size, y)
            sheet.cell(size, 3.0, line, align="C")
            y += 3.0
    y = top + 12.2
    for row, name in enumerate(names):
        total = sum(evidence.confusion[row])
        sheet.pen(7.5)
        sheet.set_xy(x, y)
        sheet.cell(_ROW_NAMES - 2.0, size, name, align="R")
        for column in range(count):
            images = evidence.confusion[row][column]
            share = images / total if total else 0.0
            shade = round(255 - 175 * share)
            sheet.set_fill_color(shade, shade, shade)
            sheet.rect(grid + column * size, y, size, size, style="F")
            sheet.pen(9, bold=row == column, colour="#FFFFFF" if shade < 130 else LIGHT.text)
            sheet.set_xy(grid + column * size, y)
            sheet.cell(size, size, f"{images:,}", align="C")
        y += size
    sheet.set_draw_color(*rgb(LIGHT.line))
    sheet.set_line_width(0.25)
    for step in range(count + 1):
        sheet.line(grid, top + 12.2 + step * size, grid + count * size, top + 12.2 + step * size)
        sheet.line(grid + step * size, top + 12.2, grid + step * size, y)
    sheet.pen(7.5, colour=LIGHT.muted)
    sheet.set_xy(grid, y + 1.4)
    sheet.multi_cell(size * count, 3.6, f"{tested:,} test images; darker is a larger share of its row.", align="L")
    return float(sheet.get_y())


def _image(sheet: Sheet, content: ReportContent) -> None:
    image = content.lead.image
    rows, columns = image.shape
    facts: list[tuple[str, str]] = [
        ("Format", image.format),
        ("Size", f"{columns} × {rows} pixels"),
        ("Frame", f"{image.frame + 1} of {image.frames}"),
    ]
    if image.modality:
        facts.append(("Modality", image.modality))
    geometry = image.geometry
    if geometry.pixel_spacing:
        facts.append(("Pixel spacing", f"{geometry.pixel_spacing[0]:.3g} × {geometry.pixel_spacing[1]:.3g} mm"))
    if geometry.slice_thickness:
        facts.append(("Slice thickness", f"{geometry.slice_thickness:.3g} mm"))
    if geometry.plane:
        facts.append(("Plane", geometry.plane))
    if geometry.laterality:
        facts.append(("Laterality", geometry.laterality))
    known = {label.lower() for label, _ in facts}
    facts.extend((label, value) for label, value in image.facts if label.lower() not in known)
    sheet.section(f"Image {content.lead.number}" if content.further else "The image", need=36)
    width = WIDTH / 4
    for start in range(0, len(facts), 4):
        if sheet.get_y() + 13 > sheet.bottom:
            sheet.add_page()
        sheet.fields([(label, value, width) for label, value in facts[start : start + 4]])
    sheet.fields((("SHA-256 of the uploaded file", image.sha256, WIDTH),))
    for warning in image.warnings:
        sheet.paragraph(warning, size=8.5, colour=LIGHT.muted, after=0.8)
    sheet.set_y(sheet.get_y() + 2.4)
