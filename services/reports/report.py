"""From what a study says to the PDF that a person takes away."""

from __future__ import annotations

from dataclasses import astuple
from datetime import UTC

from fpdf.errors import FPDFException

from services.errors import ReportError
from services.reports import words
from services.reports.answer import draw_answer
from services.reports.background import draw_background
from services.reports.content import ReportContent
from services.reports.document import Sheet
from services.reports.glyphs import printable_content
from services.settings import VERSION
from services.tasks.task import INDETERMINATE, OTHER

DEMO = "Demonstration mode: not for any real patient."


def build_report(content: ReportContent) -> bytes:
    """The report as a PDF/A-2B file (ISO 19005-2); the same content gives the same bytes.

    Two A4 pages, more where the notes are long, and one more for every two images beside the leading one. Characters
    that no font of the report holds are replaced by a hollow square, and a sentence below the patient says which. The
    document's own title and subject name no patient.

    Raises ReportError where the content contradicts itself or cannot be laid out.
    """
    _check(content)
    clean, missing = printable_content(content)
    study, task = clean.study, clean.task
    written = clean.review.created if clean.review else study.created
    sheet = Sheet(
        title=f"Falx report {study.identifier}",
        subject=f"{task.title}: {task.question}",
        heading=f"{task.title} · {'amended report' if clean.review else 'report'}",
        subject_line=" · ".join(
            filter(None, (clean.patient.name, clean.patient.identifier, f"study {study.identifier}"))
        ),
        banner=DEMO if clean.demo else "",
        created=written,
        text=_all_text(clean),
    )
    try:
        sheet.add_page()
        draw_answer(sheet, clean, missing)
        draw_background(sheet, clean)
        moment = f"{written.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        sheet.foot_pages(words.DISCLAIMER, f"Falx {VERSION} · study {study.identifier} · {moment}")
        return bytes(sheet.output())
    except FPDFException as error:
        raise ReportError("The report could not be laid out. Shorten the notes and try again.") from error


def _all_text(content: ReportContent) -> str:
    parts = [*map(str, astuple(content.patient)), *map(str, astuple(content.study))]
    if content.review is not None:
        parts += [content.review.reviewer, content.review.reason]
    for one in content.images:
        parts += [*one.gate_reasons, *(text for fact in one.image.facts for text in fact), *one.image.warnings]
    return "".join(parts)


def _check(content: ReportContent) -> None:
    """Refuse a content whose parts cannot belong together, before a page is drawn."""
    keys = set(content.task.class_keys)
    evidence = content.evidence
    if content.study.created.tzinfo is None:
        raise ReportError("The time of the study carries no time zone. Save the study again.")
    review = content.review
    if review is not None and review.label not in keys | {OTHER, INDETERMINATE}:
        raise ReportError("The review names a finding that the task does not have. Review the study again.")
    for one in content.images:
        if one.prediction is not None and not set(one.prediction.classes) <= keys:
            raise ReportError("The answer names a class that its task does not have. Analyse the slice again.")
        if one.heat is not None and one.heat.values.shape != one.image.shape:
            raise ReportError("The heat map does not fit the slice. Analyse the slice again.")
    if evidence is not None:
        size = len(evidence.classes)
        if len(evidence.confusion) != size or any(len(row) != size for row in evidence.confusion):
            raise ReportError("The model's confusion matrix does not fit its classes. Register the model again.")
