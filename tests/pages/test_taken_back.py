"""What a page has open is asked for again at every click: it may be taken back, or change, while it is open."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlmodel import col, select

from pages.view import acting, kept
from services import followup, reopening
from services.analysis import Upload
from services.imaging.phantom import as_png
from services.records.database import reading
from services.records.patient_records import add_patient, share_patient, unshare_patient
from services.records.patients import ChosenPatient
from services.records.removal import delete_study
from services.records.tables import AuditEvent, Outcome, PatientCreate, ReasonCreate, ReviewCreate, Role
from services.workflow import Details
from tests.pages.conftest import another_doctor, text

PASSWORD = "the owner's own long one"
NO_STUDY = "There is no such study, or it is not yours. Look for it in the history."
NO_PATIENT = "There is no such patient, or it is not yours. Look for it in the list of patients."


@pytest.fixture(scope="module")
def owner(room):
    """Another doctor, who shares a patient with the demo's."""
    return another_doctor(room, "owner", PASSWORD)


@pytest.fixture(scope="module")
def analysis(room, owner):
    return room.bench.analyse(
        owner, Upload(as_png("coronal_t1c_pituitary", seed=51), "slice.png"), task_key=acting.TASK
    )


@pytest.fixture
def shared(room, owner, analysis):
    """A study of the owner whose patient is shared with the demo's doctor."""
    store = room.bench.store
    patient = add_patient(store, owner, PatientCreate(name="Lena Lent"))
    details = Details(ChosenPatient(patient.public_id), date(2024, 5, 6), same_person=True)
    view = room.bench.save(owner, [analysis], details)
    share_patient(store, owner, patient.public_id, room.actor(Role.DOCTOR).public_id)
    return view


def take_back(store, owner, view, doctor) -> None:
    unshare_patient(store, owner, view.patient.public_id, doctor.public_id)


def delete(store, owner, view, doctor) -> None:
    delete_study(store, owner, view.public_id, ReasonCreate(reason="Twice."))


def opened(sign_in, page: str, **address):
    app = sign_in(Role.DOCTOR)
    app.query_params.update({name: str(value) for name, value in address.items()})
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


def pictures(app) -> int:
    return len(app.get("image")) + len(app.get("download_button"))


def looks(room, what: str) -> list[Outcome]:
    with reading(room.bench.store.engine) as session:
        found = select(AuditEvent.outcome).where(AuditEvent.object == what, col(AuditEvent.action).endswith(".view"))
        return list(session.exec(found.order_by(col(AuditEvent.id))).all())


@pytest.mark.parametrize("gone", [take_back, delete])
def test_a_study_taken_back_is_gone_at_the_next_click(sign_in, room, owner, shared, gone):
    app = opened(sign_in, "study", id=shared.public_id)
    assert "Lena Lent" in text(app)
    assert pictures(app) > 1
    gone(room.bench.store, owner, shared, room.actor(Role.DOCTOR))
    app.toggle[0].set_value(False).run()
    assert [error.value for error in app.error] == [NO_STUDY]
    assert pictures(app) == 0
    assert "Lena Lent" not in text(app)
    assert looks(room, f"study {shared.public_id}")[-1] is Outcome.REFUSED


def test_two_studies_side_by_side_are_gone_as_well(sign_in, room, owner, shared, analysis):
    later = Details(ChosenPatient(shared.patient.public_id), date(2024, 6, 6), same_person=True)
    other = room.bench.save(owner, [analysis], later)
    app = opened(sign_in, "side_by_side", one=shared.public_id, other=other.public_id)
    assert len(app.get("image")) == 2
    delete(room.bench.store, owner, other, None)
    app.toggle[0].set_value(True).run()
    assert [error.value for error in app.error] == [NO_STUDY]
    assert pictures(app) == 0


def test_a_study_that_was_to_get_further_images_is_gone_as_well(sign_in, room, owner, shared):
    app = opened(sign_in, "analyse", study=shared.public_id)
    assert "Lena Lent" in text(app)
    take_back(room.bench.store, owner, shared, room.actor(Role.DOCTOR))
    app.run()
    assert [error.value for error in app.error] == [NO_STUDY]
    assert "Lena Lent" not in text(app)


def test_a_patients_record_taken_back_is_gone_at_the_next_click(sign_in, room, owner, shared):
    app = opened(sign_in, "patient", id=shared.patient.public_id)
    app.button(key="edit_record").click().run()
    assert "Lena Lent" in [field.value for field in app.text_input]
    take_back(room.bench.store, owner, shared, room.actor(Role.DOCTOR))
    app.run()
    assert [error.value for error in app.error] == [NO_PATIENT]
    assert not app.text_input
    assert "Lena Lent" not in text(app)


def test_anothers_review_is_seen_at_the_next_click_and_no_picture_is_read_twice(
    sign_in, room, owner, shared, monkeypatch
):
    read = []
    real = reopening.pictures
    monkeypatch.setattr(reopening, "pictures", lambda *asked: read.append(asked) or real(*asked))
    app = opened(sign_in, "study", id=shared.public_id)
    assert "Nobody has reviewed this study yet." in text(app)
    review = ReviewCreate(decision="override", label="other", reason="Known since 2019.")
    followup.review(room.bench, owner, shared.public_id, review)
    read.clear()
    app.toggle[0].set_value(False).run()
    assert "The doctor overrides the model" in text(app)
    assert not read


def test_a_look_is_noted_when_a_page_is_opened_and_at_times_while_it_stays_open(sign_in, room, shared, monkeypatch):
    what = f"study {shared.public_id}"
    app = opened(sign_in, "study", id=shared.public_id)
    for _ in range(3):
        app.run()
    assert looks(room, what) == [Outcome.DONE]
    app.switch_page("pages/history.py").run()
    app.query_params["id"] = str(shared.public_id)
    app.switch_page("pages/study.py").run()
    assert looks(room, what) == [Outcome.DONE] * 2
    monkeypatch.setattr(kept, "NOTED_FOR", timedelta())
    app.run()
    assert looks(room, what) == [Outcome.DONE] * 3


def test_a_control_that_runs_alone_asks_as_well(room, owner, shared, monkeypatch):
    """Under test a click runs the whole page, in a browser the picture's controls by themselves."""
    state = {kept._OPEN: {(kept.get_study, str(shared.public_id)): None}}
    again = []
    for name, there in (
        ("acting.check", lambda: None), ("acting.store", lambda: room.bench.store),
        ("acting.person", lambda: room.actor(Role.DOCTOR)), ("st.session_state", state),
        ("st.rerun", lambda: again.append(True)),
    ):  # fmt: skip
        monkeypatch.setattr(f"pages.view.kept.{name}", there)
    kept.check()
    assert not again
    take_back(room.bench.store, owner, shared, room.actor(Role.DOCTOR))
    kept.check()
    assert again
