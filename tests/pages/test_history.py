"""Finding studies again: filters, pages, and the links that lead there."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from pages.view import acting
from services.analysis import Upload
from services.imaging.phantom import as_png
from services.inference.prediction import Verdict
from services.records.filters import StudyFilters
from services.records.history import find_studies
from services.records.tables import PatientCreate, Role
from services.workflow import Details
from tests.pages.conftest import follow, text

MANY = 23


@pytest.fixture(scope="module")
def studies(room):
    """More studies than fit on a page, by one doctor, of patients of two names; the first is as old as can be."""
    doctor = room.actor(Role.DOCTOR)
    uploads = [Upload(as_png(key), f"{key}.png") for key in ("axial_t1c_meningioma", "axial_t2_healthy")]
    analyses = [room.bench.analyse(doctor, upload, task_key=acting.TASK) for upload in uploads]
    for number in range(MANY):
        name = "Zebulon Quine" if number % 2 else "Yolanda Quine"
        patient = PatientCreate(name=name, identifier=f"Q-{number:03d}")
        taken = date(2024, 1, 1) + timedelta(days=number) if number else date(1900, 1, 1)
        room.bench.save(doctor, [analyses[number % 2]], Details(patient, taken, same_person=True))
    return analyses


def names(app) -> list[str]:
    return [link.proto.label for link in app.page_link if "Quine" in link.proto.label]


@pytest.fixture
def history(sign_in, studies):
    app = sign_in(Role.DOCTOR)
    app.switch_page("pages/history.py").run()
    app.text_input(key="history_patient").set_value("quine").run()
    return app


def test_pages_go_on_and_back(history):
    first = names(history)
    assert len(first) == 20
    history.button(key="older").click().run()
    rest = names(history)
    assert len(rest) == MANY - 20
    assert not set(first) & set(rest)
    assert history.button(key="older").disabled
    history.button(key="newer").click().run()
    assert names(history) == first


def test_each_filter_narrows_and_says_so_when_nothing_is_left(history, room, studies):
    history.text_input(key="history_patient").set_value("Zebulon").run()
    assert len(names(history)) == MANY // 2
    history.date_input(key="history_first").set_value(date(2024, 1, 10)).run()
    doctor = room.actor(Role.DOCTOR)
    wanted = find_studies(room.bench.store, doctor, StudyFilters(patient="Zebulon", first=date(2024, 1, 10)), limit=200)
    assert 0 < len(names(history)) == len(wanted.studies) < MANY // 2
    history.text_input(key="history_patient").set_value("Nobody Of This Name").run()
    assert "No study fits these filters" in text(history)
    assert not history.exception


def test_a_range_of_study_dates_is_listed_by_study_date(history):
    dates = [date(2024, 1, 1) + timedelta(days=number) for number in range(8, 11)]
    history.selectbox(key="history_sort").set_value("oldest").run()
    history.date_input(key="history_first").set_value(dates[0]).run()
    history.date_input(key="history_last").set_value(dates[-1]).run()
    order = history.selectbox(key="history_sort")
    assert order.options == ["latest study date first", "earliest study date first"]
    assert [name[-3:] for name in names(history)] == ["010", "009", "008"]
    assert "latest study date first" in text(history)
    for key in ("history_first", "history_last"):
        history.date_input(key=key).set_value(None).run()
    assert len(history.selectbox(key="history_sort").options) == 4
    assert not history.exception


def test_a_new_filter_starts_on_the_first_page(history):
    history.button(key="older").click().run()
    history.text_input(key="history_patient").set_value("Yolanda").run()
    assert len(names(history)) == MANY - MANY // 2


def test_the_address_sets_the_filter(sign_in, room, studies):
    app = sign_in(Role.DOCTOR)
    app.query_params["verdict"] = Verdict.REFUSED.value
    app.query_params["patient"] = "quine"
    app.switch_page("pages/history.py").run()
    assert not app.exception
    assert app.text_input(key="history_patient").value == "quine"
    assert "No study fits these filters" in text(app)


def test_a_link_opens_the_first_page_wherever_the_history_was_left(history):
    history.button(key="older").click().run()
    history.switch_page("pages/patients.py").run()
    history.text_input(key="patients_search").set_value("Q-022").run()
    # The second link of the row is the number of their studies.
    follow(history, next(link for link in history.page_link if link.proto.label == "1"))
    assert [name.split()[0] for name in names(history)] == ["Yolanda"]
    assert "1 to 1, newest first" in text(history)


@pytest.mark.parametrize("filters", [{}, {"patient": "quine"}])
def test_the_history_entered_anew_begins_with_the_newest(sign_in, studies, filters):
    app = sign_in(Role.DOCTOR)
    for _ in range(2):
        app.query_params.update(filters)
        app.switch_page("pages/history.py").run()
        assert "1 to 20, newest first" in text(app)
        app.button(key="older").click().run()
        assert re.search(r"\b21 to \d\d, newest first", text(app))
        app.switch_page("pages/home.py").run()


def test_the_address_on_the_same_page_begins_with_the_newest(history):
    history.button(key="older").click().run()
    history.query_params["patient"] = "quine"
    history.run()
    assert "1 to 20, newest first" in text(history)


def test_an_address_that_names_no_choice_is_passed_over(sign_in, studies):
    app = sign_in(Role.DOCTOR)
    app.query_params.update({"label": "none such", "verdict": "perhaps", "saved": "ever", "person": "nobody"})
    app.switch_page("pages/history.py").run()
    assert not app.exception
    assert not app.error
    assert "1 to 20, newest first" in text(app)


def test_dates_as_old_as_the_form_takes_them_can_be_asked_for(sign_in, studies):
    app = sign_in(Role.DOCTOR)
    app.switch_page("pages/history.py").run()
    today = date.today()  # noqa: DTZ011 - the study's day is the local one
    for key in ("history_first", "history_last"):
        field = app.date_input(key=key)
        assert field.min == date(1900, 1, 1)
        assert today - timedelta(days=1) <= field.max <= today
    app.date_input(key="history_last").set_value(date(1950, 1, 1)).run()
    assert [name.split()[-1] for name in names(app)] == ["Q\\-000"]
    assert "1 to 1, latest study date first" in text(app)


def test_patients_are_listed_with_their_counts(sign_in, studies):
    app = sign_in(Role.DOCTOR)
    app.switch_page("pages/patients.py").run()
    app.text_input(key="patients_search").set_value("Q\u2010004 quine".replace("\u2010", "-")).run()
    assert names(app) == ["Yolanda Quine"]
    assert "1" in [link.proto.label for link in app.page_link]


def test_the_home_page_counts_and_lists(sign_in, studies):
    app = sign_in(Role.DOCTOR)
    metrics = {metric.label: metric.value for metric in app.metric}
    assert int(metrics["Studies"]) >= MANY
    assert int(metrics["Patients"]) >= MANY
    assert len(names(app)) == 8
    assert app.get("plotly_chart")[0].proto.alt.startswith("Studies by period")
