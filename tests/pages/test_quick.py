"""The quick form and the results board, before a model answers their question and after one does."""

from __future__ import annotations

import pytest

from pages.view import acting
from services.imaging.phantom import as_dicom, as_png
from services.records.board import board
from services.records.tables import Role
from tests.pages.conftest import text
from tests.services.inference.detecting import TASK, detecting_version
from tests.services.inference.versions import shipped_alone


@pytest.fixture
def detecting(room, tmp_path, monkeypatch):
    """The room with a second model beside the shipped one, which answers whether there is a tumour."""
    repository = shipped_alone(tmp_path / "models")
    ref = detecting_version(repository)
    monkeypatch.setattr(room.bench.engine, "repository", repository)
    monkeypatch.setattr(room.bench.engine, "_answering", {})
    return ref


def fill(app, name: str, content: bytes):
    app.text_input[0].set_value(name)
    app.file_uploader[0].set_value(("slice.png", content, "image/png"))
    return next(button for button in app.button if button.label == "Look and save").click().run()


def test_without_a_model_every_page_says_so(sign_in):
    app = sign_in(Role.DOCTOR)
    if TASK.key in acting.workbench().engine.repository.live():
        pytest.skip("A model answers this question.")
    for page in ("quick", "compare", "about"):
        app.switch_page(f"pages/{page}.py").run()
        assert not app.exception
        assert not app.error
        assert "No model" in text(app), page
        if page == "quick":
            assert not app.file_uploader
    for page, key in (("analyse", "task_analyse"), ("history", "history_task"), ("results_board", "board_task")):
        app.switch_page(f"pages/{page}.py").run()
        assert not app.exception
        offered = [choice.key for choice in app.button_group]
        assert key not in offered, page


def test_a_name_and_an_image_become_an_answer_that_is_found_again(sign_in, room, detecting):
    doctor = room.actor(Role.DOCTOR)
    before = board(room.bench.store, doctor).studies
    app = sign_in(Role.DOCTOR)
    app.switch_page("pages/quick.py").run()
    fill(app, "Ada", as_png("axial_t1c_meningioma"))
    assert not app.exception
    assert not app.error
    assert "detected: the slice suggests" in app.header[0].value
    assert "The two " in text(app)
    assert "Ada · saved" in text(app)
    assert board(room.bench.store, doctor).studies == before + 1
    app.switch_page("pages/results_board.py").run()
    assert not app.exception
    assert {metric.label: metric.value for metric in app.metric}["Studies"] == str(before + 1)
    app.switch_page("pages/history.py").run()
    assert not app.exception


def test_what_is_no_slice_or_has_no_name_is_not_saved(sign_in, room, detecting):
    doctor = room.actor(Role.DOCTOR)
    before = board(room.bench.store, doctor).studies
    app = sign_in(Role.DOCTOR)
    app.switch_page("pages/quick.py").run()
    fill(app, " ", as_png("axial_t1c_meningioma"))
    assert "first name" in app.warning[0].value
    fill(app, "Ada", b"Dear colleague")
    assert len(app.error) == 1
    assert board(room.bench.store, doctor).studies == before


def test_an_administrator_sees_what_a_threshold_does_and_sets_it(sign_in, detecting):
    app = sign_in(Role.ADMIN)
    app.switch_page("pages/admin.py").run()
    app.segmented_control[0].set_value("Models").run()
    assert not app.exception
    app.slider[0].set_value(0.3).run()
    effect = next(table.value for table in app.table if "Sensitivity then" in table.value)
    found = [float(share.rstrip("%")) for name in ("now", "then") for share in effect[f"Sensitivity {name}"][:1]]
    spared = [float(share.rstrip("%")) for name in ("now", "then") for share in effect[f"Specificity {name}"][:1]]
    assert found[0] < found[1]
    assert spared[0] > spared[1]
    app.button(key="set_threshold").click().run()
    assert not app.exception
    assert acting.workbench().engine.repository.threshold(detecting) == pytest.approx(0.3)
    assert "detects from 30" in text(app)


def test_a_header_that_names_somebody_else_is_answered_before_anything_is_saved(sign_in, room, detecting):
    doctor = room.actor(Role.DOCTOR)
    before = board(room.bench.store, doctor).studies
    app = sign_in(Role.DOCTOR)
    app.switch_page("pages/quick.py").run()
    fill(app, "Synthetic", as_dicom("axial_t1c_meningioma", seed=3))
    assert not app.checkbox
    assert board(room.bench.store, doctor).studies == before + 1
    fill(app, "Ada", as_dicom("axial_t1c_meningioma", seed=4))
    assert "names another patient: Phantom, Synthetic" in app.warning[0].value
    assert app.button(key="quick_confirmed").disabled
    assert board(room.bench.store, doctor).studies == before + 1
    app.checkbox[0].check().run()
    app.button(key="quick_confirmed").click().run()
    assert not app.exception
    assert not app.error
    assert "Ada · saved" in text(app)
    assert not app.checkbox
    assert board(room.bench.store, doctor).studies == before + 2
