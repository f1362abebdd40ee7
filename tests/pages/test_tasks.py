"""The questions that are answered by yes or no, on the pages: tumour or none of a slice, cancer or not of a film."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pages.view.words import plain
from services.imaging.phantom import as_png, draw
from services.imaging.prepare import stage_names
from services.records.board import board
from services.records.filters import StudyFilters
from services.records.tables import Role
from services.reports.words import EXPERIMENTAL
from services.tasks import get_task
from tests.pages.conftest import text
from tests.pages.test_quick import fill
from tests.services.imaging.dicom_files import dataset_of, written
from tests.services.inference.detecting import detecting_version
from tests.services.inference.versions import shipped_alone

PRESENCE, BREAST = get_task("brain_tumor_presence"), get_task("breast_cancer")
FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.2"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The shipped model with one beside it for each of the two; that of the films is hardly better than chance."""
    found = shipped_alone(tmp_path_factory.mktemp("tasks") / "models")
    detecting_version(found, PRESENCE)
    detecting_version(found, BREAST, right=0.55)
    return found


@pytest.fixture
def ask(sign_in, room, repository, monkeypatch):
    """A page with that question chosen, opened by a doctor."""
    monkeypatch.setattr(room.bench.engine, "repository", repository)
    monkeypatch.setattr(room.bench.engine, "_answering", {})

    def opened(task, page: str):
        app = sign_in(Role.DOCTOR)
        app.switch_page(f"pages/{page}.py").run()
        return app.button_group(key=f"task_{page}").set_value(task.key).run()

    return opened


def a_large_film() -> bytes:
    """A left film of 4096 x 3328 pixels with 16 bits, its dark bright, as a scanner of films would write it."""
    film = cv2.resize(draw("film_left_mlo_mass").astype(np.float32) / 255, (3328, 4096))
    stored = ((1 - film) * 65535).astype(np.uint16)
    return written(
        dataset_of(
            stored, Modality="MG", SOPClassUID=FOR_PRESENTATION, PhotometricInterpretation="MONOCHROME1",
            ImageLaterality="L", ViewPosition="MLO", BitsStored=16, HighBit=15,
        )
    )  # fmt: skip


def test_a_large_mammogram_is_answered_with_its_side_its_view_and_a_warning(ask, repository):
    app = ask(BREAST, "analyse")
    app.file_uploader[0].set_value(("film.dcm", a_large_film(), "application/dicom")).run()
    assert not app.exception
    assert not app.error
    assert app.header[0].value in {info.finding for info in BREAST.classes}
    assert EXPERIMENTAL in [warning.value for warning in app.warning]
    assert plain(BREAST.caveats[0]) in text(app)
    shown = repository.card(repository.live_ref(BREAST.key)).test.confusion[1]
    assert f"It finds {shown[1]} of the {sum(shown)} films that show cancer." in text(app)
    facts = dict(app.table[0].value.to_numpy().tolist())
    assert facts["Laterality"] == "left"
    assert facts["View"] == "MLO"
    assert facts["Size"] == "3328 × 4096 pixels"
    assert "Another film" in {button.label for button in app.button}


@pytest.mark.parametrize("task", [PRESENCE, BREAST], ids=lambda task: task.key)
def test_a_sample_of_the_task_is_answered_and_every_stage_can_be_looked_at(ask, task):
    app = ask(task, "analyse")
    offered = [button.key for button in app.button if (button.key or "").startswith("try_")]
    assert offered == [f"try_sample_{name}" for name in task.samples]
    app.button(key=offered[1]).click().run()
    assert app.header[0].value in {info.finding for info in task.classes}
    assert ("The two " in text(app)) is bool(task.second_opinion)
    stages = next(group for group in app.button_group if (group.key or "").startswith(f"stage_{task.key}"))
    for stage in stage_names(task.preparation):
        stages = stages.set_value(stage)
        app.run()
        assert not app.exception
        assert any(f"the stage “{stage}”" in image.proto.imgs[0].alt for image in app.image if image.proto.imgs)
        stages = next(group for group in app.button_group if group.key == stages.key)


def spoiled(kind: str) -> bytes:
    """A picture without the contour of a head."""
    head = draw("axial_t1c_meningioma")
    noise = np.random.default_rng(1).integers(0, 256, head.shape, dtype=np.uint8)
    picture = {"blank": np.full_like(head, 90), "inverted": 255 - head, "noise": noise}[kind]
    return cv2.imencode(".png", picture)[1].tobytes()


@pytest.mark.parametrize(
    ("kind", "reason"), [("blank", "blank"), ("inverted", "rim of the image is bright"), ("noise", "dark air")]
)
def test_a_picture_without_a_contour_is_refused_with_its_reason(ask, room, kind, reason):
    before = board(room.bench.store, room.actor(Role.DOCTOR)).studies
    app = fill(ask(PRESENCE, "quick"), "Ada", spoiled(kind))
    assert not app.exception
    assert app.header[0].value == "No answer: this does not look like a brain MRI slice."
    assert reason in text(app)
    assert "Nothing was saved." in text(app)
    assert board(room.bench.store, room.actor(Role.DOCTOR)).studies == before


def test_the_board_counts_each_question_by_itself(ask, room):
    doctor, store = room.actor(Role.DOCTOR), room.bench.store
    fill(ask(PRESENCE, "quick"), "Edith", as_png("axial_t1c_meningioma"))
    before = {task.key: board(store, doctor, StudyFilters(task=task.key)) for task in (PRESENCE, BREAST)}
    app = fill(ask(BREAST, "quick"), "Grace", as_png("film_right_mlo_fatty"))
    assert not app.error
    assert EXPERIMENTAL in [warning.value for warning in app.warning]
    quick = ask(BREAST, "quick")
    quick.text_input[0].set_value("Synthetic")
    quick.selectbox[0].set_value("film_left_cc_scattered")
    next(button for button in quick.button if button.label == "Look and save").click().run()
    assert "Synthetic · saved" in text(quick)
    app.switch_page("pages/results_board.py").run()
    assert "Findings detected" in {metric.label for metric in app.metric}
    asked = next(table.value for table in app.table if "Share of the answered" in table.value.columns)
    detected = dict(zip(asked["Question"], asked["Detected"], strict=True))
    assert detected[BREAST.title] == str(board(store, doctor, StudyFilters(task=BREAST.key)).positive)
    assert PRESENCE.title in detected
    rows = [one.value for one in app.markdown if "●" in one.value or "○" in one.value]
    marked = [row.endswith(":material/science: experimental]") for row in rows]
    assert marked[:3] == [True, True, False]
    app.button_group(key="board_task").set_value(BREAST.key).run()
    assert not app.exception
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Cancers detected"] == str(board(store, doctor, StudyFilters(task=BREAST.key)).positive)
    assert shown["Studies"] == str(before[BREAST.key].studies + 2)
    assert shown["Patients"] == str(before[BREAST.key].patients + 2)
    assert board(store, doctor, StudyFilters(task=PRESENCE.key)) == before[PRESENCE.key]
    rows = [link.proto.label for link in app.page_link]
    assert rows.index("Synthetic") < rows.index("Grace")
    assert "All as CSV" in {button.label for button in app.download_button}
