"""What was found, taken away: whole, safe for a spreadsheet, and noted."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import date

import pytest
from sqlmodel import select

from services.errors import InvalidRecord
from services.records import exports
from services.records.database import reading
from services.records.exports import Export, export_studies
from services.records.filters import StudyFilters
from services.records.history import Sort
from services.records.reviews import NewReview, save_review
from services.records.studies import save_study
from services.records.tables import AuditEvent, ReviewCreate
from tests.services.records.test_reviews import override, pdf


@pytest.fixture
def found(store, doctor, actors, make_study):
    """Two studies of the doctor, the second reviewed, and a colleague's."""
    formula = '=HYPERLINK("http://x";"Ada")'
    first = save_study(store, doctor, make_study(name=formula, identifier="-1", study_date=date(2024, 1, 2)))
    second = save_study(store, doctor, make_study(name='Ελένη, "Z"', refused=True, study_date=date(2024, 1, 3)))
    save_review(store, doctor, second.public_id, NewReview(override("other")), pdf("reviewed"))
    save_study(store, actors["colleague"], make_study(name="Not Mine"))
    return first, second


def test_the_table_is_whole_and_no_cell_is_a_formula(store, doctor, found):
    text = export_studies(store, doctor, Export.CSV, sort=Sort.OLDEST).decode("utf-8-sig")
    first, second = csv.DictReader(io.StringIO(text))
    assert first["patient"].startswith("'=HYPERLINK")
    assert (first["identifier"], first["label"], first["confidence"]) == ("'-1", "glioma", "0.9700000000000001")
    assert (second["patient"], second["verdict"], second["label"]) == ('Ελένη, "Z"', "refused", "")
    assert (second["state"], second["review"], second["reviewed_label"]) == ("reviewed", "override", "other")
    assert "Not Mine" not in text


def test_json_keeps_what_was_typed(store, doctor, found):
    rows = json.loads(export_studies(store, doctor, Export.JSON, StudyFilters(first=date(2024, 1, 3))))
    assert [(row["patient"], row["confidence"], row["study"]) for row in rows] == [
        ('Ελένη, "Z"', None, str(found[1].public_id))
    ]


def test_the_reports_are_those_in_force(store, doctor, found):
    with zipfile.ZipFile(io.BytesIO(export_studies(store, doctor, Export.REPORTS))) as archive:
        assert archive.testzip() is None
        contents = {name: archive.read(name) for name in archive.namelist()}
    first, second = found
    assert set(contents) == {f"falx-2024010{n}-{str(v.public_id)[:8]}.pdf" for n, v in ((2, first), (3, second))}
    assert contents[f"falx-20240103-{str(second.public_id)[:8]}.pdf"] == pdf("reviewed")[0]


def test_each_study_that_was_taken_away_is_named_in_the_trail(store, doctor, found):
    export_studies(store, doctor, Export.CSV)
    with reading(store.engine) as session:
        events = session.exec(select(AuditEvent).where(AuditEvent.action == "study.export")).all()
    named = {f"study {view.public_id} csv" for view in found}
    assert {event.object for event in events} == {"2 studies", *named}


def test_too_many_or_none_is_a_sentence(store, doctor, found, monkeypatch):
    with pytest.raises(InvalidRecord, match="nothing to take away"):
        export_studies(store, doctor, Export.CSV, StudyFilters(patient="nobody"))
    monkeypatch.setattr(exports, "MOST_EXPORTED", 1)
    with pytest.raises(InvalidRecord, match="More than 1 studies fit"):
        export_studies(store, doctor, Export.JSON)


def test_an_unreviewed_study_says_so(store, doctor, make_study):
    view = save_study(store, doctor, make_study())
    (row,) = json.loads(export_studies(store, doctor, Export.JSON))
    assert (row["state"], row["review"], row["reviewed_label"]) == ("awaiting", None, None)
    save_review(store, doctor, view.public_id, NewReview(ReviewCreate(decision="agree")), pdf())
    (row,) = json.loads(export_studies(store, doctor, Export.JSON))
    assert (row["state"], row["review"], row["reviewed_label"]) == ("reviewed", "agree", "glioma")
