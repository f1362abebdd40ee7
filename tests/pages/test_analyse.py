"""From an upload to a stored study, with the shipped model; and everything that can be wrong with a file."""

from __future__ import annotations

import io
import json

import cv2
import numpy as np
import pytest
from PIL import Image

from pages.view import acting
from services.imaging.lettering import SAID
from services.imaging.phantom import as_dicom, as_png, draw
from services.records.filters import StudyFilters
from services.records.history import find_studies
from services.records.tables import Role
from tests.pages.conftest import text

FINDINGS = ("The slice suggests", "The model is uncertain about this slice")


@pytest.fixture
def analyse(sign_in):
    app = sign_in(Role.DOCTOR)
    return app.switch_page("pages/analyse.py").run()


def give(app, name: str, content: bytes):
    app.file_uploader[0].set_value((name, content, "application/octet-stream"))
    app.run()
    return app


def press(app, label: str):
    next(button for button in app.button if button.label == label).click()
    return app.run()


def photograph() -> bytes:
    pixels = np.random.default_rng(3).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def drawn_as(form: str) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(as_png("axial_t1c_meningioma"))).save(buffer, form)
    return buffer.getvalue()


BAD = {
    "a letter named .png": (b"Dear colleague, please find enclosed", "text file"),
    "an empty file": (b"", "empty"),
    "a truncated PNG": (as_png("axial_t1c_meningioma")[:2000], "cut off"),
    "a truncated DICOM": (as_dicom("axial_t1c_meningioma")[:3000], ""),
    "only DICM": (b"\0" * 128 + b"DICM", "nothing"),
    "a GIF": (drawn_as("GIF"), "GIF"),
    "a TIFF named .png": (drawn_as("TIFF"), "TIFF"),
    "an SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_one_sentence_and_nothing_is_stored(name, analyse, room):
    content, word = BAD[name]
    before = len(find_studies(room.bench.store, room.actor(Role.DOCTOR), limit=200).studies)
    app = give(analyse, "slice.png", content)
    assert not app.exception
    (sentence,) = [error.value for error in app.error]
    assert word in sentence
    assert sentence.endswith(".")
    assert "Traceback" not in text(app)
    assert not app.header
    assert len(find_studies(room.bench.store, room.actor(Role.DOCTOR), limit=200).studies) == before
    press(app, "Another slice")
    assert app.file_uploader
    assert not app.error


def test_a_sample_is_answered_at_one_click(analyse):
    app = press(analyse, "T1c meningioma")
    assert not app.exception
    assert not app.error
    assert app.header[0].value.startswith(FINDINGS)
    assert "of 100 such answers" in text(app)
    assert any("heat map" in image.proto.imgs[0].alt for image in app.image if image.proto.imgs)
    chart = app.get("plotly_chart")[0]
    assert all(name in chart.proto.alt for name in ("glioma", "meningioma", "pituitary tumour", "no tumour"))
    assert "One slice is not a study" in text(app)
    assert "EfficientNetV2B0, version" in text(app)
    assert not app.file_uploader


def test_no_figure_of_the_bars_lies_on_a_bar_or_on_the_line(analyse):
    app = press(analyse, "T1c meningioma")
    chart = json.loads(app.get("plotly_chart")[0].proto.spec)
    bars, figures = chart["data"]
    (line,) = chart["layout"]["shapes"]
    assert figures["mode"] == "text"
    assert len(set(figures["text"])) > 1
    assert all(figure.endswith("%") for figure in figures["text"])
    assert min(figures["x"]) >= max(*bars["x"], line["x0"], line["x1"])
    assert bars["textposition"] == "none"
    assert chart["layout"]["showlegend"] is False


def test_the_controls_change_the_picture_and_never_ask_the_model_again(analyse, room, monkeypatch):
    app = press(analyse, "T1c meningioma")
    asked = []
    monkeypatch.setattr(type(room.bench), "analyse", lambda *args, **kwargs: asked.append(args))
    first = picture(app)
    app.slider[0].set_value(20).run()
    weaker = picture(app)
    app.toggle[0].set_value(False).run()
    bare = picture(app)
    app.segmented_control[0].set_value("model input").run()
    prepared = picture(app)
    assert len({first, weaker, bare, prepared}) == 4
    assert asked == []
    assert not app.exception


def test_the_estimated_outline_is_a_second_overlay(analyse):
    app = press(analyse, "T1c meningioma")
    first = picture(app)
    outline = next(toggle for toggle in app.toggle if toggle.label == "Outline")
    assert outline.value is False
    outline.set_value(True).run()
    assert picture(app) != first
    assert "No segmentation" in text(app)
    assert any("a line around the estimated tumour" in image.proto.imgs[0].alt for image in app.image)


def picture(app) -> str:
    return next(str(image.proto.imgs[0].url) for image in app.image if "slice" in image.proto.imgs[0].alt.lower())


def test_a_study_is_saved_with_the_headers_identity_and_found_again(analyse, room):
    app = give(analyse, "sample.dcm", as_dicom("axial_t1c_meningioma", seed=5))
    assert app.header[0].value.startswith(FINDINGS)
    press(app, "Save study")
    fields = {field.label: field for field in app.text_input}
    assert fields["Name"].value == "Phantom, Synthetic"
    assert fields["Hospital identifier"].value == "PHANTOM-AXIAL-T1C-MENINGIOMA"
    fields["Name"].set_value("Ada *Lindqvist*")
    fields["Hospital identifier"].set_value("APP-1")
    doctor = room.actor(Role.DOCTOR)
    send(app)
    assert "another name and hospital identifier than the patient" in app.error[0].value
    assert "names another patient: Phantom, Synthetic" in app.warning[0].value
    assert not find_studies(room.bench.store, doctor, StudyFilters(patient="APP-1")).studies
    app.checkbox[0].check()
    send(app)
    assert not app.exception
    assert not app.error
    (study,) = find_studies(room.bench.store, doctor, StudyFilters(patient="APP-1")).studies
    assert study.patient_name == "Ada *Lindqvist*"
    assert app.query_params["id"] == str(study.public_id)
    assert app.title[0].value == "What did this study show?"
    assert "Ada \\*Lindqvist\\*" in text(app)
    assert {"Report (PDF)", "Heat map (PNG)", "Uploaded file"} <= {button.label for button in app.download_button}


def send(app) -> None:
    """Press the dialog's button."""
    [button for button in app.button if button.label == "Save study"][-1].click().run()


def test_the_headers_own_patient_is_asked_nothing_and_another_name_is_asked_about_anew(analyse, room):
    app = give(analyse, "sample.dcm", as_dicom("axial_t1c_meningioma", seed=15))
    press(app, "Save study")
    assert not app.checkbox
    assert not app.warning
    for name in ("Somebody Else", "A Third One"):
        next(field for field in app.text_input if field.label == "Name").set_value(name)
        send(app)
        assert "another name than the patient" in app.error[0].value
        assert not app.checkbox[0].value
        app.checkbox[0].check()
    next(field for field in app.text_input if field.label == "Name").set_value("Synthetic Phantom")
    send(app)
    assert not app.error
    filters = StudyFilters(patient="Synthetic Phantom")
    (study,) = find_studies(room.bench.store, room.actor(Role.DOCTOR), filters).studies
    assert study.patient_name == "Synthetic Phantom"


def test_text_in_the_picture_is_warned_of_and_told_with_the_stored_study(analyse, room):
    grey = draw("axial_t1c_meningioma", seed=16).copy()
    cv2.putText(grey, "DOE, JANE", (8, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1, cv2.LINE_AA)
    app = give(analyse, "named.png", cv2.imencode(".png", grey)[1].tobytes())
    assert SAID.split(".")[0] in text(app)
    press(app, "Save study")
    assert SAID in [warning.value for warning in app.warning]
    next(field for field in app.text_input if field.label == "Name").set_value("Written On")
    send(app)
    assert not app.error
    assert app.title[0].value == "What did this study show?"
    assert SAID.split(".")[0] in text(app)


def test_a_study_without_a_name_is_told_so_and_not_stored(analyse, room):
    app = give(analyse, "plain.png", as_png("axial_t1c_meningioma", seed=6))
    press(app, "Save study")
    [button for button in app.button if button.label == "Save study"][-1].click().run()
    assert "name is missing" in app.error[0].value


def test_a_report_is_written_without_storing(analyse, room):
    app = give(analyse, "plain.png", as_png("axial_t1c_meningioma", seed=7))
    press(app, "Report")
    next(field for field in app.text_input if field.label == "Name").set_value("Only On Paper")
    press(app, "Write report")
    assert [button.label for button in app.download_button] == ["Download report"]
    assert not find_studies(room.bench.store, room.actor(Role.DOCTOR), StudyFilters(patient="Only On Paper")).studies


def test_a_photograph_is_refused_and_a_doctor_may_overrule_with_a_reason(analyse, room):
    app = give(analyse, "holiday.png", photograph())
    assert not app.exception
    assert app.header[0].value == "No answer: this does not look like a brain MRI slice."
    assert "colour picture" in text(app)
    press(app, "Overrule the check")
    assert "Give a reason" in app.warning[0].value
    next(field for field in app.text_input if field.label == "Reason").set_value("a photographed film")
    press(app, "Overrule the check")
    assert app.header[0].value.startswith(FINDINGS)
    assert "a photographed film" in text(app)
    assert "do not read it as a share of right answers" in text(app)


def test_a_refused_slice_can_be_saved_as_refused(analyse, room):
    app = give(analyse, "holiday.png", photograph())
    press(app, "Save study")
    fields = {field.label: field for field in app.text_input}
    fields["Name"].set_value("Refused Case")
    [button for button in app.button if button.label == "Save study"][-1].click().run()
    assert not app.error
    (study,) = find_studies(room.bench.store, room.actor(Role.DOCTOR), StudyFilters(patient="Refused Case")).studies
    assert study.label is None


def test_an_unexpected_error_is_one_sentence_with_a_reference(analyse, room, monkeypatch, caplog):
    def broken(*args, **kwargs):
        raise RuntimeError("secret inner state")

    monkeypatch.setattr(type(room.bench), "analyse", broken)
    app = give(analyse, "plain.png", as_png("axial_t1c_meningioma", seed=8))
    (sentence,) = [error.value for error in app.error]
    assert "secret inner state" not in text(app)
    reference = sentence.split("reference ")[1].rstrip(".")
    assert reference in caplog.text
    assert not app.exception


def test_another_doctors_study_is_not_found(sign_in, room):
    from datetime import date

    from services.analysis import Upload
    from services.records.people import authenticate, create_user
    from services.records.tables import PatientCreate, UserCreate
    from services.workflow import Details

    store = room.bench.store
    create_user(
        store,
        room.actor(Role.ADMIN),
        UserCreate(username="other", full_name="Dr Other", role=Role.DOCTOR),
        "another long password",
    )
    other = authenticate(store, "other", "another long password")
    analysis = room.bench.analyse(
        other, Upload(as_png("axial_t1c_meningioma", seed=9), "slice.png"), task_key=acting.TASK
    )
    details = Details(PatientCreate(name="Not Yours"), date(2024, 5, 6), same_person=True)
    view = room.bench.save(other, [analysis], details)

    app = sign_in(Role.DOCTOR)
    app.query_params["id"] = str(view.public_id)
    app.switch_page("pages/study.py").run()
    told = [error.value for error in app.error]
    app.query_params["id"] = "00000000-0000-4000-8000-000000000000"
    app.run()
    assert (
        told
        == [error.value for error in app.error]
        == ["There is no such study, or it is not yours. Look for it in the history."]
    )
    assert "Not Yours" not in text(app)
