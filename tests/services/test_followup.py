"""A stored study is reviewed, released, put to another model and held beside another, with real parts."""

from __future__ import annotations

import dataclasses
import io
import json
from datetime import date

import pytest
from PIL import Image
from pypdf import PdfReader

from services import followup
from services.analysis import Upload
from services.errors import InvalidRecord, NotAllowed, NotFound
from services.imaging.phantom import as_dicom, as_png
from services.inference.engine import Engine
from services.inference.repository import ModelRepository
from services.records.columns import now
from services.records.studies import get_study, read_file
from services.records.tables import PatientCreate, ReleaseCreate, ReviewCreate
from services.records.views import PICTURE, REPORT
from services.settings import Settings
from services.workflow import Details

TASK = "brain_tumor_type"
OVERRIDE = ReviewCreate(decision="override", label="other", reason="A cavernoma, known since 2019 (Żółć).")
NOTE = ReleaseCreate(note="Nothing new.")


@pytest.fixture(scope="module")
def answers(bench, doctor):
    """Two slices with their answers, so that each test saves and none asks the model again."""
    uploads = (Upload(as_dicom("axial_t1c_meningioma"), "slice.dcm"), Upload(as_png("axial_t2_healthy"), "slice.png"))
    return [bench.analyse(doctor, upload, task_key=TASK) for upload in uploads]


def save(bench, doctor, analysis, name="Ελένη Żółć", day=date(2024, 4, 30)):
    patient = PatientCreate(name=name, identifier=f"F-{name}")
    return bench.save(doctor, [analysis], Details(patient, day, same_person=True))


def words(bench, actor, view, version=None) -> str:
    pdf = read_file(bench.store, actor, view.public_id, REPORT, version)
    return " ".join("".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


def test_the_report_carries_the_review_and_the_first_one_stays(bench, doctor, answers):
    saved = save(bench, doctor, answers[0])
    first = words(bench, doctor, saved)
    view = followup.review(bench, doctor, saved.public_id, OVERRIDE)
    amended = words(bench, doctor, view)
    for said in ("The doctor overrides the model: another finding.", OVERRIDE.reason, "amended report", "Ελένη Żółć"):
        assert said in amended, said
        assert said == "Ελένη Żółć" or said not in first, said
    assert f"Reviewed by {doctor.full_name}" in amended
    assert words(bench, doctor, view, version=1) == first
    card = bench.engine.repository.card(view.prediction.model)
    assert f"{card.test.accuracy.value:.1%}" in amended
    again = followup.review(bench, doctor, saved.public_id, ReviewCreate(decision="agree"))
    assert "The doctor agrees with the model" in words(bench, doctor, again)
    assert "This replaces an earlier review." in words(bench, doctor, again)
    assert [report.version for report in again.reports] == [1, 2, 3]
    assert len({report.name for report in again.reports}) == 3


def test_what_is_released_is_a_picture_of_the_slice_and_not_the_file(bench, doctor, answers):
    saved = save(bench, doctor, answers[0])
    with pytest.raises(InvalidRecord, match="Nobody has reviewed"):
        followup.release(bench, doctor, saved.public_id, NOTE, now())
    view = followup.review(bench, doctor, saved.public_id, OVERRIDE)
    view = followup.release(bench, doctor, saved.public_id, NOTE, view.review.created)
    picture = read_file(bench.store, doctor, view.public_id, PICTURE)
    with Image.open(io.BytesIO(picture)) as image:
        assert image.format == "PNG"
        assert image.size == answers[0].slice.shape[::-1]
        assert image.info == {}
    assert b"DICM" not in picture


def test_nobody_but_the_reader_reviews_and_releases(bench, actors, doctor, answers):
    saved = save(bench, doctor, answers[0])
    for role in ("admin", "patient", "researcher"):
        with pytest.raises(NotAllowed):
            followup.review(bench, actors[role], saved.public_id, OVERRIDE)
        with pytest.raises(NotAllowed):
            followup.release(bench, actors[role], saved.public_id, NOTE, now())
        with pytest.raises(NotAllowed):
            followup.ask_again(bench, actors[role], saved.public_id, "vgg16")
    assert get_study(bench.store, doctor, saved.public_id).reviews == ()
    with pytest.raises(NotFound):
        followup.review(bench, doctor, "nonsense", OVERRIDE)


def test_two_studies_of_one_patient_stand_side_by_side_the_earlier_first(bench, doctor, answers):
    later = save(bench, doctor, answers[0], day=date(2024, 5, 1))
    earlier = save(bench, doctor, answers[1], day=date(2023, 5, 1))
    assert followup.side_by_side(later, earlier) == (earlier, later)
    stranger = save(bench, doctor, answers[1], name="Somebody Else")
    with pytest.raises(InvalidRecord, match="two patients"):
        followup.side_by_side(later, stranger)


def test_another_model_that_serves_is_asked_about_the_stored_slice(bench, doctor, answers, tmp_path):
    """The version that served before stands in for another model; the repository is otherwise the shipped one."""
    saved = save(bench, doctor, answers[1])
    with pytest.raises(InvalidRecord, match="stored already"):
        followup.ask_again(bench, doctor, saved.public_id, saved.prediction.model.network)
    models = Settings().models_dir
    serving = json.loads((models / "live.json").read_text(encoding="utf-8"))[TASK]
    change = next(change for change in reversed(serving["history"]) if change["before"])
    (tmp_path / TASK).symlink_to(models / TASK)
    live = {TASK: {"default": change["network"], "versions": {change["network"]: change["before"]}}}
    (tmp_path / "live.json").write_text(json.dumps(live), encoding="utf-8")
    before = dataclasses.replace(bench, engine=Engine(ModelRepository(tmp_path)))
    view = followup.ask_again(before, doctor, saved.public_id, change["network"])
    (opinion,) = view.lead.opinions
    assert (opinion.model.network, opinion.model.version) == (change["network"], change["before"])
    assert view.prediction == saved.prediction
