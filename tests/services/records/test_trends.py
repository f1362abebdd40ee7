"""Numbers by month and over reviews, and the answers of further models."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from itertools import pairwise

import pytest

from services.errors import InvalidRecord, NotFound
from services.inference.prediction import ModelRef, Verdict
from services.records import board as boards
from services.records import counting, trends
from services.records.board import board
from services.records.columns import now
from services.records.counting import counts
from services.records.filters import StudyFilters
from services.records.history import find_studies
from services.records.opinions import save_opinion
from services.records.reviews import NewReview, save_review
from services.records.studies import get_study, save_study
from services.records.tables import ReviewCreate
from services.records.trends import Agreement, agreement, asked_tasks, by_month, last_months
from services.tasks import get_task
from tests.services.records.test_reviews import override, pdf

TASK = "brain_tumor_type"


def test_the_last_months_end_with_this_one():
    months = last_months(14)
    assert len(months) == 14
    assert months[-1] == now().date().replace(day=1)
    assert all(b == (a + timedelta(days=31)).replace(day=1) for a, b in pairwise(months))


def test_studies_are_counted_by_month_class_and_confidence(store, doctor, actors, make_study, answer):
    this, before = last_months(2)[1], last_months(2)[0]
    old = last_months(13)[0]
    for day, more in (
        (this, {}), (this, {}), (before, {}), (before, {"prediction": answer("notumor", 0.85)}),
        (before, {"prediction": answer("glioma", 0.5)}), (before, {"refused": True}), (old, {}),
    ):  # fmt: skip
        save_study(store, doctor, make_study(study_date=day, **more))
    save_study(store, actors["colleague"], make_study(study_date=this))
    found = [(m.month, m.verdict, m.label, m.band, m.studies) for m in by_month(store, doctor, TASK)]
    assert sorted(found, key=str) == sorted(
        [
            (before, Verdict.ANSWERED, "glioma", 0.95, 1),
            (before, Verdict.ANSWERED, "notumor", 0.8, 1),
            (before, Verdict.UNCERTAIN, "glioma", 0.0, 1),
            (before, Verdict.REFUSED, None, None, 1),
            (this, Verdict.ANSWERED, "glioma", 0.95, 2),
        ],
        key=str,
    )
    everybody = by_month(store, actors["researcher"], TASK)
    assert sum(m.studies for m in everybody) == 7
    assert sum(m.studies for m in by_month(store, doctor, TASK, 13)) == 7


def test_reviews_are_counted_as_they_stand(store, doctor, actors, make_study):
    one, two = (save_study(store, doctor, make_study()).public_id for _ in range(2))
    for public_id, review in ((one, override()), (one, ReviewCreate(decision="agree")), (two, override())):
        save_review(store, doctor, public_id, NewReview(review), pdf())
    assert agreement(store, doctor) == agreement(store, actors["researcher"]) == Agreement(1, 1)
    assert agreement(store, actors["colleague"]) == Agreement(0, 0)
    assert (counts(store, doctor).awaiting, counts(store, doctor).reviewed, counts(store, doctor).released) == (0, 2, 0)


def test_an_old_study_that_awaits_its_review_is_not_forgotten(store, doctor, actors, make_study, monkeypatch):
    monkeypatch.setattr(counting, "MOST_COUNTED", 3)
    saved = [save_study(store, doctor, make_study()).public_id for _ in range(5)]
    for public_id in saved[1:]:
        save_review(store, doctor, public_id, NewReview(ReviewCreate(decision="agree")), pdf())
    numbers = counts(store, doctor)
    assert (numbers.studies, numbers.reviewed, numbers.awaiting, numbers.whole) == (3, 3, 1, False)
    assert counts(store, actors["researcher"]).awaiting == 0
    assert counts(store, actors["colleague"]).awaiting == 0


def test_another_models_answer_stands_beside_the_first(store, doctor, actors, make_study, answer):
    view = save_study(store, doctor, make_study(study_date=date(2024, 1, 1)))
    other = dataclasses.replace(answer("meningioma", 0.9), model=ModelRef("brain_tumor_type", "resnet50", "1"))
    seen = save_opinion(store, doctor, view.public_id, other)
    assert seen == get_study(store, doctor, view.public_id)
    assert (seen.prediction, seen.lead.opinions) == (view.prediction, (other,))
    # It is found by either network, and listed once, by its own answer.
    for network, there in (("efficientnet", 1), ("resnet50", 1), ("vgg16", 0)):
        lines = find_studies(store, doctor, StudyFilters(network=network)).studies
        assert [line.label for line in lines] == ["glioma"] * there
    assert not find_studies(store, doctor, StudyFilters(label="meningioma")).studies
    assert counts(store, doctor).studies == 1
    with pytest.raises(InvalidRecord, match="stored already"):
        save_opinion(store, doctor, view.public_id, other)
    with pytest.raises(NotFound):
        save_opinion(store, actors["colleague"], view.public_id, other)
    refused = save_study(store, doctor, make_study(refused=True))
    with pytest.raises(InvalidRecord, match="refused this slice"):
        save_opinion(store, doctor, refused.public_id, other)


def test_a_trend_is_one_tasks_and_a_task_without_studies_has_none(store, doctor, actors, make_study, answer):
    """Both tasks have a class of the same name."""
    presence = get_task("brain_tumor_presence")
    shares = (0.96, 0.04) if presence.class_keys[0] == "notumor" else (0.04, 0.96)
    clear = dataclasses.replace(
        answer("notumor", 0.96), model=ModelRef(presence.key, "efficientnet", "1"), classes=presence.class_keys,
        probabilities=shares,
    )  # fmt: skip
    assert asked_tasks(store, doctor) == ()
    save_study(store, doctor, make_study(prediction=answer("notumor", 0.9), study_date=now().date()))
    assert asked_tasks(store, doctor) == (TASK,)
    other = make_study(prediction=clear, study_date=now().date())
    save_study(store, doctor, dataclasses.replace(other, study=other.study.model_copy(update={"task": presence.key})))
    assert set(asked_tasks(store, doctor)) == {TASK, presence.key}
    assert asked_tasks(store, actors["colleague"]) == ()
    for task, band in ((TASK, 0.8), (presence.key, 0.95)):
        assert [(m.label, m.band, m.studies) for m in by_month(store, doctor, task)] == [("notumor", band, 1)]


def test_only_the_latest_studies_and_reviews_are_counted(store, doctor, make_study, monkeypatch):
    monkeypatch.setattr(trends, "MOST_COUNTED", 2)
    monkeypatch.setattr(boards, "MOST_ON_BOARD", 2)
    today = now().date()
    for day in (today, today, last_months(2)[0]):
        saved = save_study(store, doctor, make_study(study_date=day))
        save_review(store, doctor, saved.public_id, NewReview(ReviewCreate(decision="agree")), pdf())
    assert [(m.month, m.studies) for m in by_month(store, doctor, TASK)] == [(last_months(1)[0], 2)]
    assert agreement(store, doctor) == Agreement(2, 0)
    assert not agreement(store, doctor).whole
    counted = board(store, doctor)
    assert [(day.date, day.studies) for day in counted.days] == [(today, 2)]
    assert not counted.whole
