"""A stored study, opened by its address."""

from __future__ import annotations

from datetime import date

from pages.view import acting
from services.imaging.phantom import as_png
from services.records.tables import PatientCreate, Role
from services.workflow import Details, Upload
from tests.pages.conftest import text


def test_a_doctor_reads_an_own_study_and_can_take_its_files(room, sign_in):
    doctor = room.actor(Role.DOCTOR)
    upload = Upload(as_png("coronal_t1c_pituitary"), "slice.png")
    analysis = room.bench.analyse(doctor, upload, task_key=acting.TASK)
    details = Details(PatientCreate(name="Marie Curie", identifier="TEST1"), date(2024, 5, 6), "Follow-up")
    view = room.bench.save(doctor, analysis, details)

    app = sign_in(Role.DOCTOR)
    app.query_params["id"] = str(view.public_id)
    app.switch_page("pages/study.py").run()
    assert not app.exception
    assert not app.error
    assert app.title[0].value == "What did this study show?"
    words = text(app) + "".join(str(table.value) for table in app.table)
    for word in ("Marie Curie", "TEST1", "Course of events"):
        assert word in words, word
    labels = {button.proto.label for button in app.get("download_button")}
    assert {"Report (PDF)", "Heat map (PNG)", "Uploaded file"} <= labels


def test_without_an_address_it_says_where_studies_are(sign_in):
    app = sign_in(Role.DOCTOR)
    app.switch_page("pages/study.py").run()
    assert not app.exception
    assert "history" in (text(app)).lower()
