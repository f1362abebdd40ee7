"""An administrator changes what serves, on a copy of the shipped model repository."""

from __future__ import annotations

import json
import shutil
import time

import pytest

from services.inference.repository import ModelRepository, Serving
from services.records.tables import Role
from services.settings import ROOT
from tests.pages.conftest import PATIENCE, text
from tests.services.inference.versions import TASK, copy_version, damage


@pytest.fixture
def repository(room, monkeypatch, tmp_path) -> ModelRepository:
    """What the app serves from during this test."""
    # All shipped versions, so that the next one's number is none that the room's engine has loaded.
    shutil.copytree(ROOT / "saved_models", tmp_path / "models")
    own = ModelRepository(tmp_path / "models")
    with own.changing() as live:
        live[TASK.key] = live[TASK.key].model_copy(update={"history": ()})
    monkeypatch.setattr(room.bench.engine, "repository", own)
    return own


def open_models(sign_in):
    app = sign_in(Role.ADMIN)
    app.switch_page("pages/admin.py").run()
    return app.segmented_control[0].set_value("Models").run()


def press(app, label):
    return next(button for button in app.button if button.label == label).click().run()


def test_a_version_is_refused_then_forced_then_undone(repository, sign_in):
    shipped, worse = repository.live_ref(TASK.key), copy_version(repository, macro_f1=0.1)
    app = press(open_models(sign_in), "Check it and let it serve")
    assert "macro-F1 of 0.1000" in app.error[0].value
    assert repository.live_ref(TASK.key) == shipped
    next(field for field in app.text_input if "reason" in field.label).set_value("*new* scanner")
    app = press(app, "Check it and let it serve")
    assert not app.error
    assert not app.exception
    assert "serves" in app.success[0].value
    assert repository.live_ref(TASK.key) == worse
    assert json.loads((repository.root / "live.json").read_text())[TASK.key]["history"][0]["reason"] == "*new* scanner"
    assert any("What changed for" in header.value for header in app.header)
    assert next(field for field in app.text_input if "reason" in field.label).value == ""
    with repository.changing() as live:
        before = live[TASK.key].history
        later = before[-1].model_copy(update={"network": "resnet50", "version": "1", "before": "1"})
        live[TASK.key] = live[TASK.key].model_copy(update={"history": (*before, later)})
    app = app.run()
    assert "Undo resnet50 1" in {button.label for button in app.button}
    app = press(app, f"Undo {worse.network} {worse.version}")
    assert not app.error
    assert "undone" in app.success[0].value
    assert repository.live_ref(TASK.key) == shipped


def test_a_live_version_that_does_not_load_is_told(repository, room, sign_in):
    shipped, spoilt = repository.live_ref(TASK.key), copy_version(repository)
    damage(repository, spoilt)
    with repository.changing() as live:
        live[TASK.key] = Serving(default=spoilt.network, versions={spoilt.network: spoilt.version})
    deadline = time.monotonic() + PATIENCE
    while not room.bench.engine.failures():
        assert room.bench.engine.loaded(TASK).card.version == shipped.version
        assert time.monotonic() < deadline
    app = open_models(sign_in)
    assert "goes on answering" in app.error[0].value
    assert "another hash" in text(app)
