"""What is rare is looked up by its keys, what is frequent along the list's order; both find the same."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from services.records import rare
from services.records.filters import StudyFilters
from services.records.history import Sort, find_studies
from services.records.patients import find_patients
from services.records.studies import save_study
from services.records.trail import EventFilters, find_events

DAY = date(2024, 5, 6)
ASKED = (
    (StudyFilters(network="efficientnet"), 4), (StudyFilters(network="vgg16"), 0), (StudyFilters(least=0.95), 2),
    (StudyFilters(least=0.999), 0), (StudyFilters(label="notumor"), 2), (StudyFilters(positive=True), 2),
    (StudyFilters(patient="müller"), 2), (StudyFilters(patient="nobody"), 0), (StudyFilters(first=DAY), 3),
    (StudyFilters(last=DAY), 2), (StudyFilters(task="brain_tumor_type", patient="anna", least=0.95), 1),
    (StudyFilters(task="brain_tumor_presence"), 0), (StudyFilters(network="efficientnet", label="notumor"), 2),
)  # fmt: skip


@pytest.mark.parametrize("few", [0, 2, 500])
def test_frequent_or_rare_the_same_is_found(store, doctor, actors, make_study, answer, monkeypatch, few):
    monkeypatch.setattr(rare, "FEW", few)
    for days, name, label, share in (
        (-1, "Anna Müller", "glioma", 0.97), (0, "Anna Schmidt", "notumor", 0.9), (1, "Bea Müller", "glioma", 0.85),
        (2, "Cyd", "notumor", 0.96),
    ):  # fmt: skip
        save_study(
            store, doctor, make_study(name=name, study_date=DAY + timedelta(days), prediction=answer(label, share))
        )
    saved = save_study(store, actors["colleague"], make_study(name="Anna Müller", study_date=DAY))
    for sort in Sort:
        for asked, number in ASKED:
            found = find_studies(store, doctor, asked, sort=sort).studies
            assert len(found) == number, asked
            assert saved.public_id not in {study.public_id for study in found}
    assert [patient.name for patient in find_patients(store, doctor)] == [
        "Cyd", "Bea Müller", "Anna Schmidt", "Anna Müller",
    ]  # fmt: skip
    events = find_events(store, actors["admin"], EventFilters(object="study")).events
    assert [event.action for event in events] == ["study.save"] * 5
    assert [event.number for event in events] == sorted((event.number for event in events), reverse=True)
