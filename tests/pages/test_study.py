"""A stored study, opened by its address."""

from __future__ import annotations

from datetime import date

import pytest

from pages.view import acting
from services.imaging.phantom import as_png
from services.records import rights
from services.records.rights import Scope
from services.records.tables import PatientCreate, Role
from services.workflow import Details, Upload
from tests.pages.conftest import text


@pytest.fixture(scope="module")
def study(room):
    """A doctor's study with all its files."""
    doctor = room.actor(Role.DOCTOR)
    upload = Upload(as_png("coronal_t1c_pituitary"), "slice.png")
    analysis = room.bench.analyse(doctor, upload, task_key=acting.TASK)
    details = Details(PatientCreate(name="Marie Curie", identifier="TEST1"), date(2024, 5, 6), "Follow-up")
    return room.bench.save(doctor, analysis, details)


def opened(sign_in, role, study):
    app = sign_in(role)
    app.query_params["id"] = str(study.public_id)
    app.switch_page("pages/study.py").run()
    assert not app.exception
    return app


@pytest.mark.parametrize("role", [Role.DOCTOR, Role.PATIENT])
def test_whoever_the_rights_let_in_reads_the_study_and_can_take_its_files(study, sign_in, role, monkeypatch):
    """The doctor by the rule as it stands, the patient once the rule covers this study as a released one."""
    covers = {**rights._COVERS, Scope.RELEASED: lambda actor, row: row.public_id == study.public_id}
    if role is Role.PATIENT:
        monkeypatch.setattr(rights, "_COVERS", covers)
    app = opened(sign_in, role, study)
    assert not app.error
    assert app.title[0].value == "What did this study show?"
    words = text(app) + "".join(str(table.value) for table in app.table)
    for word in ("Marie Curie", "TEST1", "Course of events"):
        assert word in words, word
    labels = {button.proto.label for button in app.get("download_button")}
    assert {"Report (PDF)", "Heat map (PNG)", "Uploaded file"} <= labels
    # What this person had open is let go of; sessions under test have one id.
    app.button(key="sign_out").click().run()


def test_a_patient_reads_nothing_of_a_study_that_was_not_released(study, sign_in):
    app = opened(sign_in, Role.PATIENT, study)
    assert app.title[0].value == "What did this study show?"
    assert [error.value for error in app.error] == [
        "There is no such study, or it is not yours. Look for it in the history."
    ]
    assert not app.get("download_button")
    assert not app.table
    words = text(app)
    for word in ("Marie Curie", "TEST1", "pituitary", "Course of events"):
        assert word not in words, word


@pytest.mark.parametrize("role", [Role.DOCTOR, Role.PATIENT])
def test_without_an_address_it_says_where_studies_are(sign_in, role):
    app = sign_in(role)
    app.switch_page("pages/study.py").run()
    assert not app.exception
    assert "history" in (text(app)).lower()
