"""The history: filters, pages and numbers."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlmodel import select

from services.inference.prediction import Verdict
from services.records.columns import now
from services.records.counting import counts
from services.records.database import write
from services.records.filters import StudyFilters
from services.records.history import PageKey, Sort, _parts, find_studies, readers
from services.records.patients import find_patients
from services.records.rights import Action
from services.records.studies import save_study
from services.records.tables import Patient, State, Study

GLIOMA, HEALTHY, UNSURE, REFUSED = "glioma", "healthy", "unsure", "refused"


@pytest.fixture
def four(store, doctor, make_study, answer):
    """One study of each kind, the oldest first; what was found names it."""
    week = timedelta(days=7)
    made = {
        GLIOMA: make_study(name="Anna Müller", identifier="H-100", study_date=date(2024, 1, 31)),
        HEALTHY: make_study(name="Bob_% O'Neil", study_date=date(2024, 2, 1), prediction=answer("notumor")),
        UNSURE: make_study(name="Анна Каренина", study_date=date(2024, 2, 29), prediction=answer("meningioma", 0.5)),
        REFUSED: make_study(name="Anna Schmidt", identifier="H-200", study_date=date(2024, 3, 1), refused=True),
    }
    start = now() - 2 * week
    moments = {
        GLIOMA: start,
        HEALTHY: start + timedelta(seconds=1),
        UNSURE: start + 2 * week - timedelta(seconds=1),
        REFUSED: start + 2 * week,
    }
    for name, new in made.items():
        save_study(store, doctor, dataclasses.replace(new, created=moments[name]))
    return {new.public_id: name for name, new in made.items()}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [REFUSED, UNSURE, HEALTHY, GLIOMA]),
        ({"patient": "anna"}, [REFUSED, GLIOMA]),
        ({"patient": "MULLER anna"}, [GLIOMA]),
        ({"patient": "müller"}, [GLIOMA]),
        ({"patient": "Müller^Anna"}, [GLIOMA]),
        ({"patient": "АННА"}, [UNSURE]),
        ({"patient": "h-1"}, [GLIOMA]),
        ({"patient": "h-100 anna"}, [GLIOMA]),
        ({"patient": "100 müll"}, [GLIOMA]),
        ({"patient": "nna"}, []),
        ({"patient": "%"}, []),
        ({"patient": "_"}, []),
        ({"patient": "bob_%"}, [HEALTHY]),
        ({"patient": "neil"}, [HEALTHY]),
        ({"patient": "O’Neil"}, [HEALTHY]),
        ({"patient": "bob-neil"}, [HEALTHY]),
        ({"patient": "mueller"}, [GLIOMA]),
        ({"patient": "h00100"}, [GLIOMA]),
        ({"patient": "^^"}, []),
        ({"patient": "o'neil"}, [HEALTHY]),
        ({"patient": "nobody"}, []),
        ({"first": date(2024, 2, 1)}, [REFUSED, UNSURE, HEALTHY]),
        ({"last": date(2024, 2, 1)}, [HEALTHY, GLIOMA]),
        ({"first": date(2024, 2, 29), "last": date(2024, 2, 29)}, [UNSURE]),
        ({"label": "glioma"}, [GLIOMA]),
        ({"label": "meningioma", "verdict": Verdict.ANSWERED}, []),
        ({"verdict": Verdict.ANSWERED}, [HEALTHY, GLIOMA]),
        ({"verdict": Verdict.UNCERTAIN}, [UNSURE]),
        ({"verdict": Verdict.REFUSED}, [REFUSED]),
        ({"task": "brain_tumor_type", "patient": "anna", "verdict": Verdict.REFUSED}, [REFUSED]),
        ({"task": "breast_cancer"}, []),
        ({"positive": True}, [UNSURE, GLIOMA]),
        ({"positive": True, "verdict": Verdict.ANSWERED}, [GLIOMA]),
        ({"state": "awaiting"}, [REFUSED, UNSURE, HEALTHY, GLIOMA]),
        ({"state": "released"}, []),
        ({"network": "efficientnet"}, [UNSURE, HEALTHY, GLIOMA]),
        ({"network": "vgg16"}, []),
        ({"least": 0.5, "most": 0.9}, [UNSURE]),
        ({"least": 0.9}, [HEALTHY, GLIOMA]),
        ({"this_week": True}, [REFUSED, UNSURE]),
        ({"this_week": True, "verdict": Verdict.UNCERTAIN}, [UNSURE]),
        ({"this_week": True, "verdict": Verdict.ANSWERED}, []),
    ],
)
def test_filters(store, doctor, four, filters, expected):
    page = find_studies(store, doctor, StudyFilters(**filters))
    assert [four[study.public_id] for study in page.studies] == expected
    assert page.after is None


def test_patients_of_one_name_are_told_apart(store, doctor, actors, make_study):
    one, other, colleagues = (
        save_study(store, who, make_study(name="Anna Smith")) for who in (doctor, doctor, actors["colleague"])
    )
    everybody = {study.public_id: study.patient_public_id for study in find_studies(store, doctor).studies}
    assert everybody == {view.public_id: view.patient.public_id for view in (one, other)}
    for view, there in ((one, 1), (other, 1), (colleagues, 0)):
        found = find_studies(store, doctor, StudyFilters(patient_public_id=view.patient.public_id)).studies
        assert [study.public_id for study in found] == [view.public_id] * there


def test_the_numbers_of_the_home_page_are_those_of_their_lists(store, doctor, four, actors, make_study):
    save_study(store, actors["colleague"], make_study(refused=True))
    numbers = counts(store, doctor)
    lists = {
        "uncertain_this_week": StudyFilters(verdict=Verdict.UNCERTAIN, this_week=True),
        "refused_this_week": StudyFilters(verdict=Verdict.REFUSED, this_week=True),
        "positive": StudyFilters(verdict=Verdict.ANSWERED, positive=True),
        "studies_this_week": StudyFilters(this_week=True),
        "studies": StudyFilters(),
    }
    for name, filters in lists.items():
        assert getattr(numbers, name) == len(find_studies(store, doctor, filters).studies) > 0, name


def test_a_line_says_what_was_found(store, doctor, four):
    refused, unsure, healthy, _ = find_studies(store, doctor).studies
    assert (refused.verdict, refused.label, refused.confidence) == (Verdict.REFUSED, None, None)
    assert (unsure.verdict, unsure.label, unsure.confidence) == (Verdict.UNCERTAIN, "meningioma", 0.5)
    assert (healthy.verdict, healthy.label, healthy.patient_name) == (Verdict.ANSWERED, "notumor", "Bob_% O'Neil")
    assert (refused.patient_identifier, healthy.patient_identifier) == ("H-200", None)
    assert refused.reader == doctor.full_name


def test_counts(store, doctor, four, actors):
    numbers = counts(store, doctor)
    assert (numbers.studies, numbers.patients, numbers.positive) == (4, 4, 1)
    assert (numbers.studies_this_week, numbers.uncertain_this_week, numbers.refused_this_week) == (2, 1, 1)
    empty = counts(store, actors["colleague"])
    assert set(vars(empty).values()) == {0}


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (Sort.NEWEST, [REFUSED, UNSURE, HEALTHY, GLIOMA]),
        (Sort.OLDEST, [GLIOMA, HEALTHY, UNSURE, REFUSED]),
        (Sort.LATEST_STUDY, [REFUSED, UNSURE, HEALTHY, GLIOMA]),
        (Sort.EARLIEST_STUDY, [GLIOMA, HEALTHY, UNSURE, REFUSED]),
    ],
)
def test_each_order_is_kept_over_pages_of_one(store, doctor, make_study, four, sort, expected):
    # A study saved last of a day long ago tells the two orders apart; two of one day are told apart by their keys.
    twins = [save_study(store, doctor, make_study(study_date=date(2000, 1, 1))).public_id for _ in range(2)]
    names = {**four, **dict.fromkeys(twins, "twin")}
    seen, after = [], None
    while True:
        page = find_studies(store, doctor, after=after, limit=1, sort=sort)
        seen += [study.public_id for study in page.studies]
        after = page.after
        if after is None:
            break
    assert len(set(seen)) == len(seen) == 6
    first = sort in (Sort.NEWEST, Sort.EARLIEST_STUDY)
    assert [names[key] for key in seen] == ["twin"] * 2 * first + expected + ["twin"] * 2 * (not first)


def test_readers_are_those_whose_studies_one_may_find(store, doctor, actors, four, make_study):
    save_study(store, actors["colleague"], make_study())
    (mine,) = readers(store, doctor)
    assert (mine.public_id, mine.full_name) == (doctor.public_id, doctor.full_name)
    assert len(find_studies(store, doctor, StudyFilters(reader=mine.public_id)).studies) == 4
    assert not find_studies(store, doctor, StudyFilters(reader=actors["colleague"].public_id)).studies


PLANS = [
    (StudyFilters(), sort, key)
    for sort in Sort
    for key in (None, PageKey(date(2023, 2, 1) if "study" in sort else now() - timedelta(days=899), uuid.uuid4()))
] + [(StudyFilters(state=State.AWAITING), Sort.NEWEST, None)]


def test_a_page_is_read_along_an_index_and_never_sorted(store, doctor, actors, make_study):
    """MariaDB scans a table that is small, so there are some thousand studies of two doctors."""
    save_study(store, doctor, make_study())
    start = now() - timedelta(days=900)

    def fill(session):
        patient = session.exec(select(Patient)).one()
        session.add_all(
            Study(
                task="brain_tumor_type", study_date=date(2023, 1, 1) + timedelta(days=n // 4), format="PNG",
                patient_id=patient.id, reader_id=(doctor, actors["colleague"])[n % 2].user_id,
                created=start + timedelta(minutes=n), state=list(State)[n % 3],
            )
            for n in range(3000)
        )  # fmt: skip

    write(store.engine, fill)
    sqlite = store.engine.dialect.name == "sqlite"
    with store.engine.connect() as connection:
        connection.execute(text("ANALYZE" if sqlite else "ANALYZE TABLE study"))
        for filters, sort, after in PLANS:
            chosen = _parts(doctor, Action.STUDY_FIND, filters, after, sort, 21)[0]
            statement = str(chosen.compile(store.engine, compile_kwargs={"literal_binds": True})).replace("%%", "%")
            plan = connection.exec_driver_sql(("EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN ") + statement).all()
            said = f"{sort}: " + " ".join(str(part) for row in plan for part in row)
            assert "ix_study_reader_id" in said, said
            assert "TEMP B-TREE" not in said, said
            assert "filesort" not in said.lower(), said


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_join_up_even_where_moments_are_equal_and_new_ones_come(store, doctor, make_study, limit):
    moment = now()
    ids = [
        save_study(store, doctor, make_study(created=moment + timedelta(microseconds=n // 3))).public_id
        for n in range(7)
    ]
    seen, after = [], None
    while True:
        page = find_studies(store, doctor, after=after, limit=limit)
        assert len(page.studies) <= limit
        seen += page.studies
        save_study(store, doctor, make_study())
        after = page.after
        if after is None:
            break
    assert sorted(study.public_id for study in seen) == sorted(ids)
    keys = [(study.created, study.public_id.hex) for study in seen]
    assert keys == sorted(keys, reverse=True)


@pytest.mark.parametrize("limit", [-5, 0, 10**9])
def test_a_page_has_sensible_bounds(store, doctor, four, limit):
    assert 1 <= len(find_studies(store, doctor, limit=limit).studies) <= 4


def test_patients_are_found_by_identifier_and_name_for_prefilling(store, doctor, four):
    assert [p.identifier for p in find_patients(store, doctor, "h-2")] == ["H-200"]
    assert {p.name for p in find_patients(store, doctor, "anna")} == {"Anna Müller", "Anna Schmidt"}
    assert len(find_patients(store, doctor)) == 4
    assert len(find_patients(store, doctor, limit=2)) == 2
