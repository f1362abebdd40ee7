"""One upload after another, one frame after another: what was decided about one is not for the next."""

from __future__ import annotations

import io
from datetime import date

import numpy as np
import pydicom
import pytest
from PIL import Image

from pages.view import viewer
from services.imaging.phantom import as_dicom, as_png
from services.records.filters import StudyFilters
from services.records.history import find_studies
from services.records.tables import Role
from tests.pages.conftest import text
from tests.pages.test_analyse import FINDINGS, analyse, give, press  # noqa: F401 - a fixture


def save_as(app, name: str, identifier: str) -> None:
    press(app, "Save study")
    fields = {field.label: field for field in app.text_input}
    fields["Name"].set_value(name)
    fields["Hospital identifier"].set_value(identifier)
    [button for button in app.button if button.label == "Save study"][-1].click().run()
    # The header of a drawn DICOM file names somebody else.
    for question in [box for box in app.checkbox if box.label.startswith("It is the same person")]:
        question.check()
        [button for button in app.button if button.label == "Save study"][-1].click().run()
    assert not app.error
    assert not app.exception


def frames_with_a_bright_rim(at: int) -> bytes:
    """Three frames; the check refuses the one whose rim is bright."""
    dataset = pydicom.dcmread(io.BytesIO(as_dicom("axial_t1c_meningioma", seed=4)))
    head = dataset.pixel_array
    rim = np.full_like(head, head.max())
    rim[60:-60, 60:-60] = head[60:-60, 60:-60]
    dataset.NumberOfFrames = 3
    dataset.PixelData = np.stack([rim if frame == at else head for frame in range(3)]).tobytes()
    data = io.BytesIO()
    dataset.save_as(data)
    return data.getvalue()


def frame_slider(app):
    return next(slider for slider in app.slider if slider.label.startswith("Frame"))


def test_the_same_slice_saved_for_two_patients_is_two_studies(analyse, room):  # noqa: F811
    slice_bytes = as_png("axial_t1c_meningioma", seed=21)
    addresses = []
    for name, identifier in (("First Of Two", "TWO-1"), ("Second Of Two", "TWO-2")):
        app = give(analyse.switch_page("pages/analyse.py").run(), "same.png", slice_bytes)
        save_as(app, name, identifier)
        addresses.append(app.query_params["id"])
        (study,) = find_studies(room.bench.store, room.actor(Role.DOCTOR), StudyFilters(patient=identifier)).studies
        assert study.patient_name == name
    assert addresses[0] != addresses[1]


def test_overruling_one_frame_says_nothing_of_another_or_of_the_next_upload(analyse):  # noqa: F811
    data = frames_with_a_bright_rim(at=2)
    app = give(analyse, "frames.dcm", data)
    assert app.header[0].value.startswith(FINDINGS)
    frame_slider(app).set_value(3).run()
    assert app.header[0].value.startswith("No answer")
    next(field for field in app.text_input if field.label == "Reason").set_value("the rim is a frame of the film")
    press(app, "Overrule the check")
    assert app.header[0].value.startswith(FINDINGS)
    assert "the rim is a frame of the film" in text(app)
    frame_slider(app).set_value(1).run()
    assert app.header[0].value.startswith(FINDINGS)
    assert "the rim is a frame of the film" not in text(app)
    assert "do not read it as a share" not in text(app)
    save_as(app, "One Good Frame", "FRAME-1")
    assert app.title[0].value == "What did this study show?"
    assert "do not read it as a share" not in text(app)

    app = give(app.switch_page("pages/analyse.py").run(), "frames.dcm", data)
    frame_slider(app).set_value(3).run()
    assert app.header[0].value.startswith("No answer")


def test_a_frame_that_cannot_be_answered_leaves_the_way_to_the_others(analyse):  # noqa: F811
    dataset = pydicom.dcmread(io.BytesIO(frames_with_a_bright_rim(at=2)))
    values = dataset.pixel_array.copy()
    values[2] = 0
    dataset.PixelData = values.tobytes()
    data = io.BytesIO()
    dataset.save_as(data)
    app = give(analyse, "frames.dcm", data.getvalue())
    frame_slider(app).set_value(3).run()
    next(field for field in app.text_input if field.label == "Reason").set_value("show me")
    press(app, "Overrule the check")
    assert frame_slider(app).value == 3
    frame_slider(app).set_value(1).run()
    assert app.header[0].value.startswith(FINDINGS)


@pytest.mark.parametrize(("header", "offered"), [("20110305", date(2011, 3, 5)), ("", None), ("21990101", None)])
def test_the_study_date_is_the_headers_where_it_has_one(analyse, header, offered):  # noqa: F811
    dataset = pydicom.dcmread(io.BytesIO(as_dicom("axial_t1c_meningioma", seed=22)))
    dataset.StudyDate = header
    data = io.BytesIO()
    dataset.save_as(data)
    app = press(give(analyse, "dated.dcm", data.getvalue()), "Save study")
    (field,) = [field for field in app.date_input if field.label == "Study date"]
    assert field.value == (offered or date.today())  # noqa: DTZ011 - the form offers the local day


def test_a_photograph_of_twelve_megapixels_is_refused_and_shown_small(analyse, monkeypatch):  # noqa: F811
    drawn = []

    def seen(pixels, *args, **options):
        drawn.append(pixels.shape)
        return real(pixels, *args, **options)

    real = viewer.overlay
    monkeypatch.setattr(viewer, "overlay", seen)
    colours = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(colours).resize((4000, 3000)).save(data, "JPEG")
    app = give(analyse, "phone.jpg", data.getvalue())
    assert app.header[0].value.startswith("No answer")
    assert "4000 × 3000" in text(app)
    assert drawn == [(1200, 1600)]


def test_a_photograph_past_the_limit_is_told_how_large_it_may_be(analyse):  # noqa: F811
    data = io.BytesIO()
    Image.new("RGB", (8000, 6000), "green").save(data, "JPEG")
    app = give(analyse, "phone.jpg", data.getvalue())
    assert "at most 32 million" in app.error[0].value
