"""Patients: entered, edited, shared, linked and chosen by a doctor, and linked blindly by an administrator."""

from __future__ import annotations

import uuid
from datetime import date

import pytest

from services.imaging.phantom import as_dicom
from services.records.filters import StudyFilters
from services.records.history import find_studies
from services.records.patient_records import add_patient, edit_patient, get_patient, unshare_patient
from services.records.people import authenticate, create_user
from services.records.tables import PatientCreate, Role, UserCreate
from tests.pages.conftest import text
from tests.pages.test_analyse import give

MISSING = "There is no such patient, or it is not yours. Look for it in the list of patients."


@pytest.fixture
def doctor(room):
    return room.actor(Role.DOCTOR)


def press(app, label: str):
    [button for button in app.button if button.label == label][-1].click()
    app.run()
    assert not app.exception
    return app


def field(app, label: str):
    return [field for field in (*app.text_input, *app.text_area, *app.selectbox) if field.label == label][-1]


def open_patient(app, public_id):
    app.query_params.clear()
    app.query_params["id"] = str(public_id)
    return app.switch_page("pages/patient.py").run()


def test_a_patient_is_added_and_edited_and_the_second_of_two_editors_is_told(sign_in, room, doctor):
    app = sign_in(Role.DOCTOR)
    app.switch_page("pages/patients.py").run()
    press(app, "Add a patient")
    field(app, "Name").set_value("Ada *Lovelace*")
    field(app, "Mail address").set_value("nowhere")
    press(app, "Add the patient")
    assert "must look like name@example.org" in app.error[0].value
    field(app, "Mail address").set_value("ada@example.org")
    press(app, "Add the patient")
    assert not app.error
    assert app.title[0].value == "Who is this patient?"
    assert "Ada \\*Lovelace\\*" in text(app)
    public_id = app.query_params["id"]
    open_patient(app, public_id)
    press(app, "Edit the record")
    field(app, "Phone").set_value("7")
    # Meanwhile, somewhere else:
    edit_patient(room.bench.store, doctor, public_id, 1, PatientCreate(name="Ada King"))
    press(app, "Save the record")
    assert "Somebody has changed this record" in app.error[0].value
    open_patient(app, public_id)
    press(app, "Edit the record")
    assert field(app, "Name").value == "Ada King"
    field(app, "Phone").set_value("8")
    press(app, "Save the record")
    assert "The record is saved" in app.success[0].value
    record = get_patient(room.bench.store, doctor, public_id).record
    assert (record.name, record.phone, record.mail) == ("Ada King", "8", "")


def test_sharing_and_linking(sign_in, room, doctor):
    store, admin = room.bench.store, room.actor(Role.ADMIN)
    new = UserCreate(username="colleague", full_name="Dr Colleague", role=Role.DOCTOR)
    create_user(store, admin, new, "a password long enough")
    patient = add_patient(
        store, doctor, PatientCreate(name="Shared One", identifier="SH-1", birth_date=date(1980, 1, 2))
    )
    app = open_patient(sign_in(Role.DOCTOR), patient.public_id)
    box = field(app, "Another doctor")
    box.select_index(next(index for index, option in enumerate(box.options) if "colleague" in option))
    press(app, "Share the patient")
    assert "Dr Colleague sees this patient now" in app.success[0].value
    (shared,) = get_patient(store, doctor, patient.public_id).doctors
    press(app, "Remove")
    assert not get_patient(store, doctor, patient.public_id).doctors
    unshare_patient(store, doctor, patient.public_id, shared.public_id)
    field(app, "Waiting account").select_index(0)
    press(app, "Link the account")
    assert get_patient(store, doctor, patient.public_id).account.username == "patient"
    press(app, "Part it from the record")
    assert get_patient(store, doctor, patient.public_id).account is None

    app = sign_in(Role.ADMIN)
    app.switch_page("pages/admin.py").run()
    app.segmented_control[0].set_value("Patients' accounts").run()
    field(app, "Hospital identifier").set_value("SH-1")
    app.date_input[0].set_value(date(1980, 1, 3))
    press(app, "Link the account")
    assert "No patient has this hospital identifier and this birth date" in app.error[0].value
    app.date_input[0].set_value(date(1980, 1, 2))
    press(app, "Link the account")
    assert "is linked" in app.success[0].value
    assert "Shared One" not in text(app)
    press(app, "Part it from its record")
    assert get_patient(store, doctor, patient.public_id).account is None


def test_another_doctors_patient_and_one_who_does_not_exist_look_alike(sign_in, room):
    store, admin = room.bench.store, room.actor(Role.ADMIN)
    create_user(
        store, admin, UserCreate(username="other7", full_name="Dr Other", role=Role.DOCTOR), "a password long enough"
    )
    theirs = add_patient(store, authenticate(store, "other7", "a password long enough"), PatientCreate(name="Hidden"))
    app = sign_in(Role.DOCTOR)
    for address in (theirs.public_id, uuid.uuid4(), "nonsense"):
        open_patient(app, address)
        assert [error.value for error in app.error] == [MISSING]
        assert "Hidden" not in text(app)


def test_a_header_that_names_another_than_the_chosen_patient_must_be_answered(sign_in, room, doctor):
    store = room.bench.store
    known = add_patient(store, doctor, PatientCreate(name="Bea Known", identifier="CH-1"))
    app = sign_in(Role.DOCTOR)
    app.switch_page("pages/analyse.py").run()
    give(app, "slice.dcm", as_dicom("axial_t1c_meningioma", seed=21))
    press(app, "Save study")
    next(choice for choice in app.segmented_control if "In the records" in choice.options).set_value(
        "In the records"
    ).run()
    field(app, "Search").set_value("ch-1").run()
    field(app, "Patient").select_index(0).run()
    assert "names another patient: Phantom, Synthetic" in app.warning[0].value
    press(app, "Save study")
    assert "another name and hospital identifier than the patient" in app.error[0].value
    filters = StudyFilters(patient_public_id=known.public_id)
    assert not find_studies(store, doctor, filters).studies
    app.checkbox[0].check()
    press(app, "Save study")
    assert not app.error
    (study,) = find_studies(store, doctor, filters).studies
    assert study.patient_name == "Bea Known"
