"""The results board: its numbers, its filters, and the table to take away."""

from __future__ import annotations

import csv
import dataclasses
import io
import uuid
from datetime import date

import pytest
from sqlmodel import col, select

from services.errors import NotAllowed
from services.inference.prediction import ModelRef, Opinion, Prediction, Verdict
from services.records.board import COLUMNS, board, board_csv
from services.records.database import reading
from services.records.filters import StudyFilters
from services.records.history import Sort, find_studies
from services.records.reviews import NewReview, save_review
from services.records.studies import get_study, save_study
from services.records.tables import AuditEvent, Role, State
from services.tasks import get_task
from tests.services.records.test_reviews import override, pdf

PRESENCE = get_task("brain_tumor_presence")


def detected(share: float, threshold: float = 0.5) -> Prediction:
    label = "tumor" if share >= threshold else "notumor"
    return Prediction(
        model=ModelRef(PRESENCE.key, "efficientnet", "1"),
        classes=PRESENCE.class_keys,
        probabilities=(1 - share, share),
        label=label,
        confidence=share if label == "tumor" else 1 - share,
        threshold=threshold if label == "tumor" else 1 - threshold,
        verdict=Verdict.ANSWERED,
        milliseconds=9.0,
        second=Opinion(ModelRef("brain_tumor_type", "efficientnet", "4"), "glioma", 0.75, agrees=label == "tumor"),
    )


@pytest.fixture
def saved(store, doctor, make_study):
    """Three studies of two days in the presence task, one of another task, one refused."""
    presence = {"task": PRESENCE.key}
    for name, share, day in (("=Eve", 0.9, 6), ("Ann", 0.4, 6), ("Bea", 0.51, 13)):
        new = make_study(name=name, study_date=date(2024, 5, day), prediction=detected(share))
        save_study(store, doctor, _of(new, presence))
    save_study(store, doctor, make_study(name="Cyd", study_date=date(2024, 5, 13)))
    save_study(store, doctor, make_study(name="Dee", study_date=date(2024, 5, 14), refused=True))


def _of(new, changes):
    return dataclasses.replace(new, study=new.study.model_copy(update=changes))


def test_numbers_are_counted_by_day(store, doctor, saved):
    found = board(store, doctor)
    assert (found.patients, found.studies, found.answered, found.positive) == (5, 5, 4, 3)
    presence, kind = PRESENCE.key, "brain_tumor_type"
    assert [(day.date.day, day.task, day.studies, day.answered, day.positive) for day in found.days] == [
        (6, presence, 2, 2, 1), (13, presence, 1, 1, 1), (13, kind, 1, 1, 1), (14, kind, 1, 0, 0),
    ]  # fmt: skip
    alone = {task: (one.studies, one.answered, one.positive) for task, one in found.by_task.items()}
    assert alone == {presence: (3, 3, 2), kind: (2, 1, 1)}


@pytest.mark.parametrize(
    ("filters", "studies"),
    [
        ({"task": "brain_tumor_presence"}, 3),
        ({"task": "brain_tumor_type"}, 2),
        ({"positive": True}, 3),
        ({"task": "brain_tumor_presence", "positive": True}, 2),
        ({"first": date(2024, 5, 13)}, 3),
        ({"last": date(2024, 5, 6)}, 2),
        ({"task": "breast"}, 0),
    ],
)
def test_filters_hold_for_numbers_and_table_alike(store, doctor, saved, filters, studies):
    asked = StudyFilters(**filters)
    assert board(store, doctor, asked).studies == studies
    assert len(board_csv(store, doctor, asked).decode("utf-8-sig").splitlines()) == 1 + studies


def test_the_table_is_newest_first_and_holds_no_formula(store, doctor, saved):
    eve = find_studies(store, doctor, sort=Sort.OLDEST).studies[0]
    save_review(store, doctor, eve.public_id, NewReview(override(label="notumor")), pdf())
    rows = list(csv.reader(io.StringIO(board_csv(store, doctor).decode("utf-8-sig"))))
    assert tuple(rows[0]) == COLUMNS
    assert [row[3] for row in rows[1:]] == ["Dee", "Cyd", "Bea", "Ann", "'=Eve"]
    assert rows[1][6:] == ["refused", "", "", "", "awaiting", ""]
    assert rows[-1][5:] == [
        "brain_tumor_presence", "answered", "tumor", "0.9000", "efficientnet/1", "reviewed", "notumor",
    ]  # fmt: skip
    with reading(store.engine) as session:
        events = session.exec(select(AuditEvent).where(col(AuditEvent.action) == "board.export")).all()
    assert [(event.who, event.object) for event in events] == [("doctor", "5 studies")]


def test_an_administrator_counts_and_takes_nothing_away(store, actors, saved):
    assert board(store, actors["admin"]).studies == 5
    assert board(store, actors["colleague"]).studies == 0
    with pytest.raises(NotAllowed):
        board_csv(store, actors["admin"])
    for role in (Role.PATIENT, Role.RESEARCHER):
        with pytest.raises(NotAllowed):
            board(store, actors[role.value])


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(StudyFilters)])
def test_counting_does_not_find_a_person_for_who_may_not(store, actors, saved, field):
    """Every filter is either refused to an administrator or stands in the list of those that name nobody."""
    somebody = {"patient": "Eve", "patient_public_id": uuid.uuid4(), "reader": actors["doctor"].public_id}
    nobody = {
        "first": date(2024, 5, 6), "last": date(2024, 5, 6), "this_week": True, "label": "tumor", "positive": True,
        "verdict": Verdict.ANSWERED, "task": PRESENCE.key, "state": State.AWAITING, "network": "efficientnet",
        "least": 0.5, "most": 0.9,
    }  # fmt: skip
    filters = StudyFilters(**{field: (somebody | nobody)[field]})
    board(store, actors["doctor"], filters)
    if field in nobody:
        board(store, actors["admin"], filters)
    else:
        with pytest.raises(NotAllowed):
            board(store, actors["admin"], filters)


def test_the_second_opinion_comes_back_as_it_was_saved(store, doctor, make_study):
    answer = detected(0.3, threshold=0.25)
    view = save_study(store, doctor, _of(make_study(prediction=answer), {"task": PRESENCE.key}))
    assert get_study(store, doctor, view.public_id).prediction == answer
