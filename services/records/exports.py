"""The studies found, to take away: reports in one ZIP, or a table as CSV or JSON; the trail names each study."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum

from sqlmodel import Session

from services.errors import InvalidRecord
from services.records import audit
from services.records.database import write
from services.records.filters import StudyFilters
from services.records.history import LARGEST_PAGE, Sort, StudySummary, studies_to_export
from services.records.rights import Action, Actor, confirm
from services.records.spreadsheet import table
from services.records.store import Store
from services.records.studies import read_file
from services.records.views import REPORT

MOST_EXPORTED = LARGEST_PAGE
Row = dict[str, str | float | None]


class Export(StrEnum):
    """What is taken away."""

    REPORTS = "reports"
    CSV = "csv"
    JSON = "json"


def export_studies(
    store: Store, actor: Actor, kind: Export, filters: StudyFilters | None = None, sort: Sort = Sort.NEWEST
) -> bytes:
    """All studies that fit the filters, 200 at most: a ZIP of PDFs, or UTF-8 text.

    Raises NotAllowed; InvalidRecord where none or too many fit; Unavailable where a report is missing or damaged.
    """
    page = studies_to_export(store, actor, filters, MOST_EXPORTED, sort=sort)
    if not page.studies:
        raise InvalidRecord("No study fits these filters, so there is nothing to take away. Take a filter away.")
    if page.after is not None:
        raise InvalidRecord(f"More than {MOST_EXPORTED} studies fit. Narrow the filters, for example by date.")
    if kind is Export.REPORTS:
        content = _zipped(page.studies, lambda study: read_file(store, actor, study.public_id, REPORT))
    else:
        content = _WRITERS[kind](page.studies)

    def note(session: Session) -> None:
        confirm(session, actor)
        for study in page.studies:
            audit.record(session, actor, Action.STUDY_EXPORT, f"study {study.public_id} {kind}")

    write(store.engine, note)
    return content


def report_name(study: StudySummary) -> str:
    """The report's file name, without a person's."""
    return f"falx-{study.study_date:%Y%m%d}-{str(study.public_id)[:8]}.pdf"


def _row(study: StudySummary) -> Row:
    return {
        "study": str(study.public_id),
        "saved": study.created.isoformat(),
        "study_date": study.study_date.isoformat(),
        "patient": study.patient_name,
        "identifier": study.patient_identifier,
        "birth_date": study.patient_birth_date.isoformat() if study.patient_birth_date else None,
        "sex": study.patient_sex.value,
        "description": study.description,
        "task": study.task,
        "verdict": study.verdict.value,
        "label": study.label,
        "confidence": study.confidence,
        "model": study.model,
        "reader": study.reader,
        "state": study.state.value,
        "review": study.decision.value if study.decision else None,
        "reviewed_label": study.reviewed,
        "images": len(study.images),
        "leading_image": study.leading,
    }


def _csv(studies: Sequence[StudySummary]) -> bytes:
    rows = [_row(study) for study in studies]
    return b"".join(table(list(rows[0]), [[list(row.values()) for row in rows]]))


def _json(studies: Sequence[StudySummary]) -> bytes:
    # A table has a row a study; here each image stands with its own answer.
    whole = [_row(study) | {"images": [asdict(image) for image in study.images]} for study in studies]
    return json.dumps(whole, ensure_ascii=False, indent=1).encode()


def _zipped(studies: Sequence[StudySummary], report: Callable[[StudySummary], bytes]) -> bytes:
    whole = io.BytesIO()
    # A PDF is compressed already.
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        for study in studies:
            archive.writestr(report_name(study), report(study))
    return whole.getvalue()


_WRITERS: Mapping[Export, Callable[[Sequence[StudySummary]], bytes]] = {Export.CSV: _csv, Export.JSON: _json}
