"""What a researcher takes away names nobody."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest
from sqlmodel import select

from services.errors import NotAllowed
from services.records.database import reading
from services.records.research import HEADS, export_deidentified
from services.records.reviews import NewReview, save_review
from services.records.spreadsheet import MARK
from services.records.studies import save_study
from services.records.tables import AuditEvent, ReviewCreate, Role

PDF = (b"%PDF-", "application/pdf", "falx.pdf")
TASK = "brain_tumor_type"


def lines(store, actor, task=TASK) -> list[dict[str, str]]:
    text = b"".join(export_deidentified(store, actor, task)).decode()
    found = csv.DictReader(io.StringIO(text.removeprefix(MARK)))
    assert tuple(found.fieldnames) == HEADS
    return list(found)


def test_answers_and_reviews_come_without_a_person(store, actors, make_study):
    doctor, researcher = actors["doctor"], actors["researcher"]
    notes = {"description": "Headache in Tübingen", "notes": "Call 07071 12345"}
    first = save_study(store, doctor, make_study(identifier="H-77", study=notes))
    save_study(store, doctor, make_study(identifier="H-77", study_date=date(2023, 12, 31)))
    save_study(store, doctor, make_study(name="Old One", birth_date=date(1930, 1, 1), refused=True))
    save_study(store, actors["colleague"], make_study(name="No Date", birth_date=None))
    save_review(store, doctor, first.public_id, NewReview(ReviewCreate(decision="agree")), PDF)
    found = lines(store, researcher)
    assert sorted(row["age"] for row in found) == ["", "50 to 59", "50 to 59", "90 or more"]
    assert sorted(row["year"] for row in found) == ["2023", "2024", "2024", "2024"]
    assert len({row["person"] for row in found}) == 3
    twice = [row for row in found if row["age"] == "50 to 59"]
    assert twice[0]["person"] == twice[1]["person"]
    assert sorted(row["review"] for row in found) == ["", "", "", "agree"]
    assert [row["verdict"] for row in found if row["age"] == "90 or more"] == ["refused"]
    told = b"".join(export_deidentified(store, researcher, TASK)).decode()
    secret = ("Zoë", "Müller", "H-77", "1970", "1930", "Tübingen", "12345", "Ångström", "2024-", str(first.public_id))
    assert not [word for word in secret if word in told]
    assert lines(store, researcher, "breast_cancer") == []
    with reading(store.engine) as session:
        events = session.exec(select(AuditEvent).where(AuditEvent.action == "research.export")).all()
        assert {event.object for event in events} == {f"task {TASK}, 4 studies", "task breast_cancer, 0 studies"}


def test_the_day_before_the_birthday_is_the_year_before(store, actors, make_study):
    for day in (date(2024, 2, 2), date(2024, 2, 3)):
        save_study(store, actors["doctor"], make_study(birth_date=date(1964, 2, 3), study_date=day))
    assert sorted(row["age"] for row in lines(store, actors["researcher"])) == ["50 to 59", "60 to 69"]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.RESEARCHER])
def test_nobody_else_takes_it(store, actors, role):
    with pytest.raises(NotAllowed):
        export_deidentified(store, actors[role], TASK)
