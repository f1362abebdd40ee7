"""Several images of one study: given at once or one after another, flipped between, saved together, added to."""

from __future__ import annotations

import json

from pages.view import intake
from services.imaging.phantom import as_png
from services.records import tables
from services.records.filters import StudyFilters
from services.records.history import find_studies
from services.records.studies import get_study
from services.records.tables import Role
from tests.pages.conftest import text as marked
from tests.pages.test_analyse import analyse, give, press  # noqa: F401 - a fixture
from tests.pages.test_analyse_again import frame_slider, frames_with_a_bright_rim, save_as

HEALTHY, TUMOUR = as_png("axial_t2_healthy", seed=31), as_png("axial_t1c_meningioma", seed=31)


def give_all(app, *files: tuple[str, bytes]):
    app.file_uploader[0].set_value([(name, content, "application/octet-stream") for name, content in files])
    return app.run()


def text(app) -> str:
    """Every word on the page, without Markdown's escapes."""
    return marked(app).replace("\\", "")


def images(app):
    """The control that flips between the images."""
    return next(control for control in app.segmented_control if control.label == "Images of this study")


def bars(app) -> str:
    """What the answer that is shown gives each class."""
    return str(json.loads(app.get("plotly_chart")[0].proto.spec)["data"][1]["text"])


def saved(room, identifier: str):
    (line,) = find_studies(room.bench.store, room.actor(Role.DOCTOR), StudyFilters(patient=identifier)).studies
    return get_study(room.bench.store, room.actor(Role.DOCTOR), line.public_id)


def test_files_given_at_once_are_one_study_that_grows_from_its_own_page(analyse, room):  # noqa: F811
    app = give_all(analyse, ("healthy.png", HEALTHY), ("tumour.png", TUMOUR))
    assert not app.exception
    assert images(app).value == 1
    assert "Image 2 of 2 leads" in text(app)
    leading = bars(app)
    images(app).set_value(0).run()
    assert bars(app) != leading
    assert "healthy.png" in text(app)
    save_as(app, "Several SEV-1", "SEV-1")
    view = saved(room, "SEV-1")
    assert (len(view.images), view.lead.number) == (2, 2)

    # The stored study shows the leading image first, and every other one with its own answer and files.
    app.switch_page("pages/study.py").run()
    assert app.title[0].value == "What did this study show?"
    assert bars(app) == leading
    assert "Image 2 of 2 leads" in text(app)
    images(app).set_value(0).run()
    assert bars(app) != leading
    assert not app.exception

    # A further image is looked at before it is stored.
    (link,) = [link for link in app.get("page_link") if link.proto.label == "Add an image"]
    app.query_params.clear()
    app.query_params["study"] = str(view.public_id)
    app.switch_page(f"pages/{link.proto.page}.py").run()
    assert "Further images for Several SEV-1" in text(app)
    app = give(app, "third.png", as_png("coronal_t1c_pituitary", seed=31))
    assert app.header
    press(app, "Add to the study")
    [button for button in app.button if button.label == "Add to the study"][-1].click().run()
    assert not app.error
    assert not app.exception
    assert app.title[0].value == "What did this study show?"
    grown = saved(room, "SEV-1")
    assert len(grown.images) == 3
    assert images(app).value == grown.lead.number - 1
    assert "Image 3 added by" in text(app)
    app.query_params.clear()
    app.switch_page("pages/history.py").run()
    assert "of 3" in text(app)


def test_images_come_one_after_another_and_each_can_be_left_out(analyse):  # noqa: F811
    app = give(analyse, "healthy.png", HEALTHY)
    assert not [control for control in app.segmented_control if control.label == "Images of this study"]
    press(app, "Add image")
    app = give(app, "tumour.png", TUMOUR)
    assert len(images(app).options) == 2
    images(app).set_value(0).run()
    press(app, "Leave this image out")
    assert "tumour.png" in text(app)
    assert not [control for control in app.segmented_control if control.label == "Images of this study"]


def test_a_file_that_cannot_be_read_holds_the_study_back_until_it_is_left_out(analyse):  # noqa: F811
    app = give_all(analyse, ("tumour.png", TUMOUR), ("letter.png", b"Dear colleague, please find enclosed"))
    assert next(button for button in app.button if button.key == "save").disabled
    images(app).set_value(1).run()
    assert "text file" in app.error[0].value
    press(app, "Leave this image out")
    assert not app.error
    assert not next(button for button in app.button if button.key == "save").disabled


def test_frames_of_one_file_are_chosen_into_one_study(analyse, room):  # noqa: F811
    app = give(analyse, "frames.dcm", frames_with_a_bright_rim(at=2))
    at = frame_slider(app).value
    press(app, "Add another frame")
    assert len(images(app).options) == 2
    images(app).set_value(1).run()
    assert frame_slider(app).value == at % 3 + 1
    frame_slider(app).set_value(3).run()
    assert images(app).value == 1
    assert app.header[0].value.startswith("No answer")
    images(app).set_value(0).run()
    assert frame_slider(app).value == at
    save_as(app, "Several SEV-2", "SEV-2")
    assert {image.frame for image in saved(room, "SEV-2").images} == {at - 1, 2}


def test_more_than_a_study_holds_are_left_out_and_named(analyse, monkeypatch):  # noqa: F811
    monkeypatch.setattr(tables, "MOST_IMAGES", 2)
    monkeypatch.setattr(intake, "MOST_IMAGES", 2)
    app = give_all(analyse.run(), ("healthy.png", HEALTHY), ("tumour.png", TUMOUR), ("third.png", HEALTHY))
    assert len(images(app).options) == 2
    assert "2 images at most. Left out: third.png" in text(app)
