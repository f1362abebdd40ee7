"""Promotion and rollback, by function, by command and under load, with versions made from the shipped one."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

import pytest

from services.errors import InferenceError, ModelDamaged, ModelNotFound
from services.inference import engine as engine_module
from services.inference.engine import Engine
from services.inference.live import promote, rollback
from services.inference.prediction import ModelRef
from services.inference.repository import LIVE, Serving
from services.settings import ROOT
from tests.services.inference.versions import TASK, copy_version, damage, edit_card, perturbed_version, phantoms

PATIENCE = 300


def make_live(repository, ref):
    """Put ``ref`` into live.json past every check."""
    with repository.changing() as live:
        live[ref.task] = Serving(default=ref.network, versions={ref.network: ref.version})


def answers_with(engine, ref):
    """Ask until ``ref`` answers."""
    deadline = time.monotonic() + PATIENCE
    while engine.loaded(TASK).card.ref != ref:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_no_prediction_fails_across_a_swap(own_repository):
    old, new = own_repository.live_ref(TASK.key), perturbed_version(own_repository)
    engine, slices = Engine(own_repository), phantoms()
    alone = {old: [engine.answer(s, TASK).prediction.probabilities for s in slices]}
    seen, lock, begun, stop = [], Lock(), Event(), Event()

    def ask(thread):
        """This thread's answers, in its order, until the swap is through."""
        mine = []
        while not stop.is_set():
            index = (thread + len(mine)) % len(slices)
            mine.append((index, engine.answer(slices[index], TASK).prediction))
            with lock:
                seen.append(mine[-1][1].model)
                if len(seen) >= 20:
                    begun.set()
        return mine

    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(ask, thread) for thread in range(5)]
        try:
            assert begun.wait(PATIENCE)
            promote(own_repository, new)
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline and not (len(seen) >= 200 and seen[-20:].count(new) == 20):
                time.sleep(0.05)
        finally:
            stop.set()
    assert len(seen) >= 200
    alone[new] = [engine.answer(s, TASK).prediction.probabilities for s in slices]
    assert max(abs(a - b) for pair in zip(*alone.values(), strict=True) for a, b in zip(*pair, strict=True)) > 0.05
    for future in asked:
        answers = future.result()
        models = [prediction.model for _, prediction in answers]
        assert models == sorted(models, key=[old, new].index)
        assert {old, new} == set(models)
        for index, prediction in answers:
            assert prediction.probabilities == pytest.approx(alone[prediction.model][index], abs=1e-4)


def test_the_old_version_answers_until_the_new_one_is_loaded(own_repository):
    old, new = own_repository.live_ref(TASK.key), copy_version(own_repository)
    engine = Engine(own_repository)
    engine.warm_up(TASK)
    promote(own_repository, new)
    assert engine.loaded(TASK).card.ref == old
    answers_with(engine, new)
    assert engine.loaded(TASK) is engine.loaded(TASK, new.network)
    assert engine.failures() == ()


def test_a_live_version_that_does_not_load_leaves_the_old_one_answering(own_repository, monkeypatch, caplog):
    old, new = own_repository.live_ref(TASK.key), copy_version(own_repository)
    engine, slices = Engine(own_repository), phantoms()
    engine.warm_up(TASK)
    whole = damage(own_repository, new)
    make_live(own_repository, new)
    deadline = time.monotonic() + PATIENCE
    while not engine.failures():
        assert engine.answer(slices[0], TASK).prediction.model == old
        assert time.monotonic() < deadline
    (said,) = engine.failures()
    assert said.startswith(f"{new} is live, but {old} goes on answering.")
    assert "weights.npz has another hash" in said
    assert said in caplog.text
    # Not tried again at every question; but after a while, so that a repaired folder is taken.
    tried = engine._failures[new]
    assert engine.answer(slices[0], TASK).prediction.model == old
    assert engine._failures[new] is tried
    (own_repository.folder(new) / "weights.npz").write_bytes(whole)
    monkeypatch.setattr(engine_module, "SECONDS_BETWEEN_TRIES", 0)
    answers_with(engine, new)
    assert engine.failures() == ()


def test_without_an_old_version_the_sentence_is_raised(own_repository):
    ref = own_repository.live_ref(TASK.key)
    damage(own_repository, ref)
    engine = Engine(own_repository)
    with pytest.raises(ModelDamaged, match="another hash"):
        engine.loaded(TASK)
    assert "nothing answers in its place" in engine.failures()[0]


def test_a_damaged_version_is_not_made_live_even_when_forced(own_repository):
    new = copy_version(own_repository)
    damage(own_repository, new)
    before = (own_repository.root / LIVE).read_bytes()
    with pytest.raises(ModelDamaged, match="another hash"):
        promote(own_repository, new, forced="it is urgent")
    assert (own_repository.root / LIVE).read_bytes() == before


def test_a_version_that_fails_its_self_test_is_not_made_live(own_repository):
    new = copy_version(own_repository)
    card = own_repository.card(new)
    edit_card(own_repository, new, self_test_probabilities=[row[::-1] for row in card.self_test_probabilities])
    with pytest.raises(InferenceError, match="self-test"):
        promote(own_repository, new)
    assert own_repository.live_ref(TASK.key).version == "1"


def test_lower_figures_need_a_reason_which_is_kept(own_repository):
    f1 = own_repository.card(own_repository.live_ref(TASK.key)).test.macro_f1.value
    worse = copy_version(own_repository, macro_f1=f1 - 0.001)
    for forced in ("", "  "):
        with pytest.raises(InferenceError, match=f"macro-F1 of {f1 - 0.001:.4f}.*below the {f1:.4f}"):
            promote(own_repository, worse, forced=forced)
    assert own_repository.live_ref(TASK.key).version == "1"
    serving = promote(own_repository, worse, forced=" version 1 fails\non one scanner ")
    assert serving == own_repository.live()[TASK.key]
    assert own_repository.live_ref(TASK.key) == worse
    (change,) = serving.history
    assert (change.version, change.before, change.reason) == ("2", "1", "version 1 fails on one scanner")


@pytest.mark.parametrize("f1", [float("nan"), None])
def test_figures_that_say_nothing_are_refused(own_repository, f1):
    new = copy_version(own_repository, macro_f1=f1)
    if f1 is None:
        test = own_repository.card(new).test.model_dump(mode="json")
        edit_card(own_repository, new, test=test | {"images": test["images"] + 1})
    with pytest.raises(InferenceError, match="cannot be compared" if f1 is None else "macro-F1 of nan"):
        promote(own_repository, new)


def test_rollback_goes_back_step_by_step(own_repository):
    first = own_repository.live_ref(TASK.key)
    with pytest.raises(ModelNotFound, match="nothing to go back to"):
        rollback(own_repository, TASK.key)
    second, third = copy_version(own_repository), copy_version(own_repository)
    for ref in (second, third):
        promote(own_repository, ref)
    assert promote(own_repository, third).history == own_repository.live()[TASK.key].history, "nothing to change"
    damaged = damage(own_repository, second)
    with pytest.raises(ModelDamaged):
        rollback(own_repository, TASK.key)
    assert own_repository.live_ref(TASK.key) == third
    (own_repository.folder(second) / "weights.npz").write_bytes(damaged)
    assert rollback(own_repository, TASK.key).version == "3"
    assert own_repository.live_ref(TASK.key) == second
    assert rollback(own_repository, TASK.key, first.network).version == "2"
    assert own_repository.live_ref(TASK.key) == first
    with pytest.raises(ModelNotFound, match="nothing to go back to"):
        rollback(own_repository, TASK.key)
    assert [change.undone is None for change in own_repository.live()[TASK.key].history] == [False, False]


def test_a_new_default_network_is_undone_with_its_version(own_repository):
    """resnet50 stands for any other network; its card says so, and only its files are not read here."""
    first = own_repository.live_ref(TASK.key)
    with own_repository.changing() as live:
        live[TASK.key] = Serving.model_validate(
            {
                "default": "resnet50",
                "versions": {"resnet50": "1", first.network: first.version},
                "history": [
                    {"when": "2026-01-01T00:00:00Z", "network": "resnet50", "version": "1", "before": None,
                     "default_before": first.network}
                ],
            }
        )  # fmt: skip
    with pytest.raises(ModelNotFound, match="nothing to go back to"):
        rollback(own_repository, TASK.key, first.network)
    rollback(own_repository, TASK.key)
    serving = own_repository.live()[TASK.key]
    assert (serving.default, serving.versions) == (first.network, {first.network: first.version})
    with pytest.raises(ModelNotFound, match="No resnet50 model serves"):
        Engine(own_repository).loaded(TASK, "resnet50")


def test_what_is_not_there_cannot_be_promoted(own_repository):
    with pytest.raises(ModelNotFound, match="no version"):
        promote(own_repository, ModelRef(TASK.key, "efficientnet", "9"))
    with pytest.raises(ModelNotFound, match="knee"):
        promote(own_repository, ModelRef("knee", "efficientnet", "1"))


def command(repository, *typed):
    """``python -m training``, started."""
    return subprocess.Popen(
        [sys.executable, "-m", "training", *typed, "--models", str(repository.root)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_two_processes_promote_at_once_and_one_goes_back(own_repository):
    refs = [copy_version(own_repository), copy_version(own_repository)]
    both = [command(own_repository, "promote", str(ref)) for ref in refs]
    for ref, process in zip(refs, both, strict=True):
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        assert f"{ref} serves." in out
    earlier, later = own_repository.live()[TASK.key].history
    assert {earlier.version, later.version} == {"2", "3"}
    assert (earlier.before, later.before) == ("1", earlier.version)
    assert own_repository.live_ref(TASK.key).version == later.version
    back = command(own_repository, "rollback", TASK.key)
    out, err = back.communicate(timeout=PATIENCE)
    assert back.returncode == 0, err
    assert f"efficientnet {earlier.version} serves again" in out
    assert own_repository.live_ref(TASK.key).version == earlier.version


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("promote", "efficientnet/1"), "write it like brain_tumor_type/efficientnet/1"),
        (("promote", f"{TASK.key}/efficientnet/9"), "no version"),
        (("promote", f"{TASK.key}/efficientnet/2"), "Nothing was changed"),
        (("promote", f"{TASK.key}/efficientnet/2", "--force"), "--force needs --reason"),
        (("promote", f"{TASK.key}/efficientnet/2", "--reason", "x"), "--reason needs"),
        (("rollback", TASK.key), "nothing to go back to"),
        (("rollback", "knee"), "knee"),
    ],
)
def test_a_command_that_is_refused_says_why_and_changes_nothing(own_repository, typed, words):
    copy_version(own_repository, macro_f1=0.1)
    before = (own_repository.root / LIVE).read_bytes()
    process = command(own_repository, *typed)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert words in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err
    assert (own_repository.root / LIVE).read_bytes() == before
