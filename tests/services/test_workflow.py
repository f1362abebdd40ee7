"""The whole path with real parts: an upload becomes a stored study, and comes back as it was."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from datetime import date

import cv2
import numpy as np
import pytest
from pypdf import PdfReader

from services.analysis import Upload
from services.errors import FalxError, InvalidRecord, NotAllowed, NotFound
from services.imaging.phantom import as_dicom, as_png
from services.inference.prediction import Verdict
from services.records.demo import DEMO_ACCOUNTS
from services.records.history import find_studies
from services.records.patient_records import add_patient
from services.records.patients import ChosenPatient
from services.records.people import authenticate
from services.records.rights import Actor
from services.records.studies import read_file
from services.records.tables import PatientCreate
from services.records.trail import find_events
from services.records.views import HEAT_MAP, OUTLINE, REPORT, UPLOAD
from services.reopening import reopen
from services.workflow import Details, Workbench

TASK = "brain_tumor_type"
UPLOADED = Upload(as_dicom("axial_t1c_meningioma"), "slice.dcm")


def details(name: str = "Ελένη Żółć") -> Details:
    return Details(PatientCreate(name=name), date(2024, 4, 30), "Headache", "Two weeks.", same_person=True)


def test_an_upload_becomes_a_study_and_comes_back(bench, doctor):
    analysis = bench.analyse(doctor, UPLOADED, task_key=TASK)
    assert analysis.prediction is not None
    assert analysis.heat is not None
    view = bench.save(doctor, [analysis], details())
    assert view.prediction == analysis.prediction
    assert set(view.files) == {UPLOAD, HEAT_MAP, OUTLINE, REPORT}
    stored = read_file(bench.store, doctor, view.public_id, UPLOAD)
    assert b"Phantom" in UPLOADED.data
    assert b"Phantom" not in stored
    assert view.files[UPLOAD].name.startswith("falx-20240430-")
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(report(bench, doctor, view))).pages)
    for words in ("Ελένη Żółć", "Headache", str(view.public_id)[:8], "Not a medical device"):
        assert words in text
    again = reopen(bench, doctor, view.public_id)
    assert np.array_equal(again.slice.pixels, analysis.slice.pixels)
    assert again.heat is not None
    assert np.abs(again.heat.values - analysis.heat.values).max() <= 0.5 / 255 + 1e-6
    assert again.outline is not None
    assert analysis.outline is not None
    assert np.array_equal(again.outline.inside, analysis.outline.inside)
    assert view.public_id in {study.public_id for study in find_studies(bench.store, doctor).studies}


def test_a_png_is_stored_without_the_texts_and_the_name_that_it_came_with(bench, doctor):
    upload = Upload(as_png("axial_t1c_glioma"), "Jane Doe.png")
    analysis = bench.analyse(doctor, upload, task_key=TASK)
    view = bench.save(doctor, [analysis], details())
    assert b"tEXt" in upload.data
    assert b"tEXt" not in read_file(bench.store, doctor, view.public_id, UPLOAD)
    assert view.files[UPLOAD].name == f"falx-20240430-{str(view.public_id)[:8]}.png"
    assert np.array_equal(reopen(bench, doctor, view.public_id).slice.pixels, analysis.slice.pixels)


def report(bench: Workbench, doctor: Actor, view) -> bytes:
    return read_file(bench.store, doctor, view.public_id, REPORT)


def tint() -> Upload:
    """A slice that the gate refuses, because no scanner makes coloured ones."""
    colour = cv2.imdecode(np.frombuffer(as_png("axial_t1c_glioma"), np.uint8), cv2.IMREAD_COLOR)
    colour[:, :, 0] //= 3
    return Upload(cv2.imencode(".png", colour)[1].tobytes(), "tinted.png")


def actor_of(bench: Workbench, role: str) -> Actor:
    account = next(account for account in DEMO_ACCOUNTS if account.role == role)
    return authenticate(bench.store, account.username, account.password)


def test_a_refused_image_gets_no_class_until_a_doctor_overrules(bench, doctor):
    upload = tint()
    refused = bench.analyse(doctor, upload, task_key=TASK)
    assert refused.prediction is None
    assert refused.gate.reasons
    stored = bench.save(doctor, [refused], details("Refused"))
    assert stored.verdict is Verdict.REFUSED
    overruled = bench.analyse(doctor, upload, task_key=TASK, overrule_reason="tinted by the viewer")
    assert overruled.prediction is not None
    kept = bench.save(doctor, [overruled], details("Overruled"))
    assert kept.lead.overrule_reason == "tinted by the viewer"
    assert kept.lead.gate_reasons == refused.gate.reasons


@pytest.mark.parametrize("role", ["admin", "patient", "researcher"])
def test_only_those_who_may_save_studies_may_analyse(bench, actors, doctor, role):
    actor = next(actor for actor in actors.values() if actor.role == role)
    with pytest.raises(NotAllowed):
        bench.analyse(actor, UPLOADED, task_key=TASK)
    analysis = bench.analyse(doctor, UPLOADED, task_key=TASK)
    for use in (bench.save, bench.report):
        with pytest.raises(NotAllowed):
            use(actor, [analysis], details())
    view = bench.save(doctor, [analysis], details("Someone"))
    with pytest.raises((NotAllowed, NotFound)):
        reopen(bench, actor, view.public_id)


def test_a_typed_patient_whom_the_header_contradicts_is_confirmed_and_noted(bench, doctor):
    analysis = bench.analyse(doctor, UPLOADED, task_key=TASK)
    other = replace(details("Somebody Else"), same_person=False)
    for use in (bench.save, bench.report):
        with pytest.raises(InvalidRecord, match="another name than the patient"):
            use(doctor, [analysis], other)
    same = bench.save(doctor, [analysis], replace(other, patient=PatientCreate(name="Synthetic Phantom")))
    confirmed = bench.save(doctor, [analysis], replace(other, same_person=True))
    events = find_events(bench.store, actor_of(bench, "admin")).events
    noted = [event.object for event in events if event.action == "patient.confirm"]
    assert noted[0] == f"study {confirmed.public_id} despite name"
    assert not [said for said in noted if str(same.public_id) in said]


def test_a_bad_file_stores_nothing(bench, doctor):
    before = find_studies(bench.store, doctor).studies
    with pytest.raises(FalxError, match="text"):
        bench.analyse(doctor, Upload(b"not an image at all", "x.png"), task_key=TASK)
    assert find_studies(bench.store, doctor).studies == before


def test_the_trail_notes_what_was_asked_and_shows_nothing_of_the_image(bench, doctor):
    start = find_events(bench.store, actor_of(bench, "admin")).events[0].number
    tinted = tint()
    with pytest.raises(FalxError):
        bench.analyse(doctor, Upload(b"not an image at all", "Jane Doe.png"), task_key=TASK)
    bench.analyse(doctor, tinted, task_key=TASK)
    overruled = bench.analyse(doctor, tinted, task_key=TASK, overrule_reason="tinted by Jane Doe's viewer")
    bench.report(doctor, [overruled], details())
    stored = bench.save(doctor, [overruled], details())
    found = find_events(bench.store, actor_of(bench, "admin")).events[::-1]
    noted = [(e.who, e.action, e.object, e.outcome) for e in found if e.number > start and e.who == doctor.username]
    broken, whole = (
        f"upload {hashlib.sha256(data).hexdigest()[:16]}" for data in (b"not an image at all", tinted.data)
    )
    assert noted == [
        ("doctor", "prediction.ask", broken, "failed"),
        ("doctor", "prediction.ask", whole, "refused"),
        ("doctor", "gate.overrule", whole, "done"),
        ("doctor", "prediction.ask", f"{whole} {overruled.prediction.model}", "done"),
        ("doctor", "report.write", whole, "done"),
        ("doctor", "study.save", f"study {stored.public_id}", "done"),
        ("doctor", "gate.overrule", f"study {stored.public_id}", "done"),
    ]
    assert stored.files[UPLOAD].sha256.startswith(whole.split()[1])


def test_a_chosen_patient_is_noted_once_with_a_report_and_with_a_study(bench, doctor):
    anna = add_patient(bench.store, doctor, PatientCreate(name="Anna"))
    start = find_events(bench.store, actor_of(bench, "admin")).events[0].number
    refused = bench.analyse(doctor, tint(), task_key=TASK)
    chosen = replace(details(), patient=ChosenPatient(anna.public_id))
    bench.report(doctor, [refused], chosen)
    stored = bench.save(doctor, [refused], chosen)
    assert stored.patient == anna
    found = find_events(bench.store, actor_of(bench, "admin")).events[::-1]
    noted = [(e.action, e.object) for e in found if e.number > start and e.who == doctor.username]
    assert [event for event in noted if event[1].startswith(("patient", "study"))] == [
        ("patient.view", f"patient {anna.public_id}"),
        ("study.save", f"study {stored.public_id}"),
    ]


def test_an_unsaved_report_names_the_model_and_its_test(bench, doctor):
    analysis = bench.analyse(doctor, UPLOADED, task_key=TASK)
    pdf = bench.report(doctor, [analysis], replace(details(), notes=""))
    text = " ".join("".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())
    card = bench.engine.repository.card(analysis.prediction.model)
    assert card.network_title in text
    assert f"{card.test.accuracy.value:.1%}" in text
