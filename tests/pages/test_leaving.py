"""Two people at one browser tab: what the first one leaves behind is gone, and never the second one's."""

from __future__ import annotations

from datetime import date

import pytest
from streamlit.testing.v1 import AppTest

from pages.view import acting
from services import reopening
from services.analysis import Upload
from services.errors import RecordsError
from services.imaging.phantom import as_png
from services.records.people import close_session
from services.records.tables import PatientCreate, Role
from services.workflow import Details
from tests.pages.conftest import PATIENCE, ROOT, another_doctor, submit, text
from tests.pages.test_analyse import FINDINGS, give, press

PASSWORD = "the second reader's own"


@pytest.fixture(scope="module")
def second(room):
    """Another doctor."""
    return another_doctor(room, "second", PASSWORD)


@pytest.fixture
def asked(room, monkeypatch):
    """Who asked for an analysis and for a study's pictures, one entry each time that a service really worked."""
    calls = []
    for holder, name in ((type(room.bench), "analyse"), (reopening, "pictures")):
        real = getattr(holder, name)

        def noted(bench, actor, *args, real=real, name=name, **options):
            calls.append((name, actor.username))
            return real(bench, actor, *args, **options)

        monkeypatch.setattr(holder, name, noted)
    return calls


def come_in(app: AppTest, username: str, password: str) -> AppTest:
    app.text_input(key="signin_name").set_value(username)
    app.text_input(key="signin_password").set_value(password)
    submit(app).click().run()
    assert not app.exception
    return app


def leave(app: AppTest) -> AppTest:
    return app.button(key="sign_out").click().run()


def test_the_next_person_at_the_tab_finds_nothing(sign_in, second, asked):
    content = as_png("axial_t1c_meningioma", seed=41)
    app = sign_in(Role.DOCTOR).switch_page("pages/analyse.py").run()
    give(app, "mine-alone.png", content)
    assert app.header[0].value.startswith(FINDINGS)
    assert "mine\\-alone\\.png" in text(app)
    app.switch_page("pages/history.py").run()
    app.text_input(key="history_patient").set_value("Sought By The First").run()
    assert asked == [("analyse", "doctor")]
    assert "Sought By The First" in repr(app.session_state)
    assert "mine-alone.png" in repr(app.session_state["analyse_upload"])

    leave(app)
    left = repr(app.session_state)
    for trace in ("Sought By The First", "mine-alone", "Upload(", "Dr Demo Doctor"):
        assert trace not in left, trace
    assert not app.file_uploader
    assert not app.image

    come_in(app, "second", PASSWORD)
    app.switch_page("pages/analyse.py").run()
    assert not app.exception
    assert app.file_uploader
    assert not app.header
    assert "mine" not in text(app)

    give(app, "same.png", content)
    assert app.header[0].value.startswith(FINDINGS)
    assert asked == [("analyse", "doctor"), ("analyse", "second")]
    app.switch_page("pages/history.py").run()
    assert app.text_input(key="history_patient").value == ""


def test_what_was_kept_is_let_go_of_when_the_person_leaves(sign_in, room, asked):
    content = as_png("axial_t1c_meningioma", seed=42)
    for times, depart in enumerate((leave, end_elsewhere, leave), start=1):
        app = sign_in(Role.DOCTOR).switch_page("pages/analyse.py").run()
        give(app, "slice.png", content)
        app.run()
        assert asked == [("analyse", "doctor")] * times
        depart(app)
        assert "Dr Demo Doctor" not in text(app)
        assert not app.header


def end_elsewhere(app: AppTest) -> AppTest:
    close_session(acting.store(), app.session_state["username"])
    return app.run()


def test_what_one_person_has_kept_is_not_anothers_answer(sign_in, second, room, asked):
    """Two sessions under test have one id, so only the person in the key keeps them apart."""
    content = as_png("axial_t1c_meningioma", seed=43)
    first = give(sign_in(Role.DOCTOR).switch_page("pages/analyse.py").run(), "slice.png", content)
    assert first.header[0].value.startswith(FINDINGS)
    other = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE).run()
    come_in(other, "second", PASSWORD)
    give(other.switch_page("pages/analyse.py").run(), "slice.png", content)
    assert [name for _, name in asked] == ["doctor", "second"]


def test_a_study_that_one_doctor_has_open_stays_closed_to_the_next(sign_in, second, room, asked):
    doctor = room.actor(Role.DOCTOR)
    upload = Upload(as_png("coronal_t1c_pituitary", seed=44), "slice.png")
    analysis = room.bench.analyse(doctor, upload, task_key=acting.TASK)
    view = room.bench.save(doctor, [analysis], Details(PatientCreate(name="Only The First"), date(2024, 5, 6)))
    asked.clear()
    app = sign_in(Role.DOCTOR)
    app.query_params["id"] = str(view.public_id)
    app.switch_page("pages/study.py").run()
    app.run()
    assert "Only The First" in text(app)
    assert asked == [("pictures", "doctor")]
    leave(app)
    come_in(app, "second", PASSWORD)
    app.query_params["id"] = str(view.public_id)
    app.switch_page("pages/study.py").run()
    assert [error.value for error in app.error] == [
        "There is no such study, or it is not yours. Look for it in the history."
    ]
    assert "Only The First" not in text(app)
    assert asked == [("pictures", "doctor")]
    with pytest.raises(RecordsError):
        reopening.reopen(room.bench, second, str(view.public_id))


def test_a_control_notices_that_the_session_was_ended(sign_in, room):
    app = sign_in(Role.DOCTOR).switch_page("pages/analyse.py").run()
    press(app, "T1c meningioma")
    close_session(acting.store(), app.session_state["username"])
    app.toggle[0].set_value(False).run()
    assert not app.exception
    assert not app.header
    assert not any(image.proto.imgs[0].alt for image in app.image if "slice" in image.proto.imgs[0].alt.lower())
