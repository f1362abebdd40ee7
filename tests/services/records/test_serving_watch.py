"""What serves is changed past the page, and the trail has it once."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import select

from services.errors import ModelMismatch
from services.inference import live
from services.inference.repository import LIVE, ModelRepository
from services.records.database import reading
from services.records.tables import AuditEvent
from services.serving import ServingWatch, promote_model, roll_back_model, set_detection_threshold
from services.settings import ROOT
from tests.services.inference.detecting import detecting_version
from tests.services.inference.versions import TASK, copy_version, shipped_alone

NETWORK = ModelRepository(ROOT / "saved_models").live_ref(TASK.key).network
REASON = "The committee of 3 May accepts the lower figure, because the other version was trained on the test set. " * 2


@pytest.fixture
def repository(tmp_path) -> ModelRepository:
    return shipped_alone(tmp_path / "models")


@pytest.fixture
def told(store, repository) -> ServingWatch:
    """A watch of a running app, which has noted what served when it was started."""
    watch = ServingWatch(store, repository)
    watch.look()
    return watch


def trail(store) -> list[tuple[str, str, str, str]]:
    with reading(store.engine) as session:
        return [(e.who, e.action, e.object, e.outcome) for e in session.exec(select(AuditEvent)).all()]


def when(repository: ModelRepository, index: int = -1, field: str = "when") -> str:
    return f"{getattr(repository.live()[TASK.key].history[index], field):%Y-%m-%dT%H:%M:%SZ}"


def test_the_first_start_notes_what_serves_and_the_next_says_nothing_more(store, repository):
    for _ in range(2):
        watch = ServingWatch(store, repository)
        watch.look()
        watch.look()
    (event,) = trail(store)
    assert event[:2] == ("", "model.promote")
    assert event[2].startswith(f"model {TASK.key}/{NETWORK}/1 for none")


def test_a_promotion_and_a_rollback_by_command_are_noted_with_time_and_reason(store, repository, told):
    new, start = copy_version(repository, macro_f1=0.1), len(trail(store))
    live.promote(repository, new, forced=REASON)
    told.look()
    told.look()
    promoted, *reasons = trail(store)[start:]
    assert promoted == ("", "model.promote", f"model {new} for 1 at {when(repository)}", "done")
    assert " ".join(what.removeprefix("reason: ") for _, _, what, _ in reasons) == REASON.strip()
    assert all(what.startswith("reason: ") and len(what) <= 100 for _, _, what, _ in reasons)
    start = len(trail(store))
    live.rollback(repository, TASK.key)
    told.look()
    undone = f"model {new} for 1 undone {when(repository, field='undone')}"
    assert trail(store)[start:] == [("", "model.rollback", undone, "done")]


def test_the_command_itself_is_noticed(store, repository, told):
    new, start = copy_version(repository, macro_f1=0.99), len(trail(store))
    command = [sys.executable, "-m", "training", "promote", str(new), "--models", str(repository.root)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told.look()
    assert trail(store)[start:] == [("", "model.promote", f"model {new} for 1 at {when(repository)}", "done")]


def test_what_came_while_the_app_was_down_is_noted_at_its_next_start(store, repository, told):
    new, start = copy_version(repository), len(trail(store))
    live.promote(repository, new)
    live.rollback(repository, TASK.key)
    del told
    ServingWatch(store, ModelRepository(repository.root)).look()
    assert [event[1] for event in trail(store)[start:]] == ["model.promote", "model.rollback"]


def test_many_sessions_and_processes_note_a_change_once(store, repository, told):
    start = len(trail(store))
    live.promote(repository, copy_version(repository))
    watches = [told, *(ServingWatch(store, ModelRepository(repository.root)) for _ in range(7))]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda watch: watch.look(), watches))
    assert len(trail(store)) == start + 1


def test_what_the_page_changed_is_noted_by_the_page_alone(store, actors, repository, told):
    new, admin, start = copy_version(repository), actors["admin"], len(trail(store))
    promote_model(store, admin, repository, new)
    told.look()
    roll_back_model(store, admin, repository, TASK.key)
    for watch in (told, ServingWatch(store, repository)):
        watch.look()
    assert [event[:2] for event in trail(store)[start:]] == [("admin", "model.promote"), ("admin", "model.rollback")]


def test_another_process_that_looks_while_the_page_changes_something_notes_nothing(
    store, actors, repository, told, monkeypatch
):
    """It looks right after live.json was replaced, before the page's transaction has ended."""
    start, write, pool, looking = len(trail(store)), ModelRepository._write, ThreadPoolExecutor(1), []

    def watched(self, serving):
        write(self, serving)
        looking.append(pool.submit(ServingWatch(store, ModelRepository(repository.root)).look))

    monkeypatch.setattr(ModelRepository, "_write", watched)
    promote_model(store, actors["admin"], repository, copy_version(repository))
    looking[0].result()
    pool.shutdown()
    assert [event[0] for event in trail(store)[start:]] == ["admin"]


def test_a_change_by_command_before_one_of_the_page_is_not_lost(store, actors, repository, told):
    first, second, start = copy_version(repository), copy_version(repository), len(trail(store))
    live.promote(repository, first)
    promote_model(store, actors["admin"], repository, second)
    told.look()
    assert trail(store)[start:] == [
        ("", "model.promote", f"model {first} for 1 at {when(repository, -2)}", "done"),
        ("admin", "model.promote", f"model {second}", "done"),
    ]


def test_a_version_written_into_the_file_by_hand_is_noted(store, repository, told):
    new, start = copy_version(repository), len(trail(store))
    state = json.loads((repository.root / LIVE).read_text())
    state[TASK.key]["versions"][NETWORK] = new.version
    (repository.root / LIVE).write_text(json.dumps(state))
    told.look()
    assert trail(store)[start:] == [("", "model.promote", f"model {new} for 1", "done")]


def test_a_threshold_is_noted_once_by_whom_it_was_chosen(store, actors, tmp_path):
    repository = ModelRepository(tmp_path / "detecting")
    ref = detecting_version(repository)
    watch = ServingWatch(store, repository)
    watch.look()
    start = len(trail(store))
    live.set_threshold(repository, ref, 0.4)
    watch.look()
    set_detection_threshold(store, actors["admin"], repository, ref, 0.3)
    watch.look()
    assert trail(store)[start:] == [
        ("", "model.threshold", f"model {ref} threshold 0.4", "done"),
        ("admin", "model.threshold", f"model {ref} threshold 0.3", "done"),
    ]


def test_what_does_not_read_is_noted_when_it_reads_again(store, repository, told):
    path, start = repository.root / LIVE, len(trail(store))
    live.promote(repository, copy_version(repository))
    whole = path.read_bytes()
    path.write_bytes(b"{")
    with pytest.raises(ModelMismatch):
        told.look()
    assert len(trail(store)) == start
    path.write_bytes(whole)
    told.look()
    assert len(trail(store)) == start + 1
