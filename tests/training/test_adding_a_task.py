"""From a folder of drawn images with a manifest to a task that answers, by a catalogue entry and nothing else.

The steps are those of docs/adding-a-task.md.
"""

from __future__ import annotations

import csv
from datetime import date
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from pypdf import PdfReader

from services.analysis import Upload
from services.batch import rows_of
from services.imaging.limits import DEFAULT_LIMITS
from services.inference.engine import Engine
from services.inference.live import promote, set_threshold
from services.inference.prediction import Verdict
from services.inference.repository import ModelRepository
from services.records.board import board, board_csv
from services.records.demo import ensure_demo_accounts
from services.records.filters import StudyFilters
from services.records.history import find_studies
from services.records.people import authenticate
from services.records.schema import migrate
from services.records.tables import PatientCreate, Role
from services.settings import Settings
from services.tasks import TASKS
from services.tasks.drawn import OFFERED_HEADS
from services.tasks.task import ClassInfo, GateSettings, PreparationSettings, Task
from services.workflow import Details, Workbench
from training.again import score_again
from training.finished import FinishedRun
from training.fit import fit
from training.run import RunSettings, check_start

LAMP = Task(
    key="lamp",
    title="Lamp on or off",
    question="Does this picture suggest a lamp that is on?",
    subject="drawn lamp",
    classes=(
        ClassInfo("off", "off", "#7FBF7B", "The picture suggests a lamp that is off.", False),
        ClassInfo("on", "on", "#E69F00", "The picture suggests a lamp that is on.", True),
    ),
    preparation=PreparationSettings(version="lamp-1", size=64),
    gate=GateSettings(modalities=("OT",)),
    uncertain_finding="The model is uncertain about this lamp: refer it to an electrician.",
    caveats=("One picture is not a lamp.",),
    networks=("smallcnn",),
    intended_use="For a test.",
    limits=("Only drawn lamps are known.",),
    phantoms=OFFERED_HEADS,
    labels={"off": ("off",), "on": ("on",), "glowing": ("on",)},
    image="picture",
    detection_threshold=0.5,
)


def lamp(seed: int, *, on: bool) -> np.ndarray:
    """A grey disc on black; the lamp that is on has a bright spot somewhere in it."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((96, 96), np.uint8)
    cv2.circle(picture, (48, 48), 38, 90, -1)
    cv2.circle(picture, (48, 48), 38, 140, 2)
    if on:
        cv2.circle(picture, tuple(rng.integers(34, 62, 2).tolist()), 11, 250, -1)
    return np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures with their manifest: what somebody who adds a task brings along."""
    home = tmp_path / "lamps"
    (home / "images").mkdir(parents=True)
    with (home / "manifest.csv").open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["file", "label", "patient", "fold"])
        for seed in range(40):
            label = ("off", "on", "off", "glowing")[seed % 4]
            cv2.imwrite(str(home / "images" / f"{seed}.png"), lamp(seed, on=label != "off"))
            writer.writerow([f"images/{seed}.png", label, f"lamp {seed // 2}", seed // 2 % 5 + 1])
    return home


def test_a_catalogue_entry_is_enough(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(TASKS, LAMP.key, LAMP)
    run, cache, repository = tmp_path / "run", tmp_path / "cache", ModelRepository(tmp_path / "models")
    settings = RunSettings(
        LAMP.key, "smallcnn", (str(folder),), "none", passes=6, draws=256, batch=16, rate=2e-3, val_share=1.0, ema=0.9,
        outline_weight=0.0, augmentation=0.3,
    )  # fmt: skip
    check_start(settings)
    fit(settings, run, cache=cache)
    assert FinishedRun(run, cache).calibrate().threshold == 0.5
    ref, evaluation = FinishedRun(run, cache).register(repository)
    assert evaluation.test.images == 8
    assert evaluation.test.classes["on"].roc_auc.value > 0.9
    again = score_again(repository, ref, [folder], cache, quick=True)
    assert again.test == evaluation.test
    promote(repository, ref)
    card = repository.card(ref)
    assert card.limits == LAMP.limits
    assert card.data.sources == ("lamps",)

    engine = Engine(repository)
    for seed, on in ((2, False), (1, True)):
        (row,) = rows_of(engine, folder / "images" / f"{seed}.png", LAMP, None, DEFAULT_LIMITS)
        assert (row["verdict"], row["label"]) == (Verdict.ANSWERED, "on" if on else "off")
    set_threshold(repository, ref, 0.999)
    (row,) = rows_of(engine, folder / "images" / "2.png", LAMP, None, DEFAULT_LIMITS)
    assert row["label"] == "off"
    set_threshold(repository, ref, 0.5)
    goes_through_the_house(repository, (folder / "images" / "1.png").read_bytes(), tmp_path)


def goes_through_the_house(repository: ModelRepository, picture: bytes, tmp_path: Path) -> None:
    """Report, history and results board, of which none knows a lamp."""
    settings = Settings(_env_file=None, demo=True, var_dir=tmp_path / "var", models_dir=repository.root)
    migrate(settings.database)
    bench = Workbench.open(settings)
    account = next(one for one in ensure_demo_accounts(bench.store) if one.role is Role.DOCTOR)
    doctor = authenticate(bench.store, account.username, account.password)
    analysis = bench.analyse(doctor, Upload(picture, "1.png"), task_key=LAMP.key)
    details = Details(PatientCreate(name="Ada Lamp"), date(2026, 11, 30))
    words = "".join(page.extract_text() for page in PdfReader(BytesIO(bench.report(doctor, [analysis], details))).pages)
    assert LAMP.question in words
    assert LAMP.classes[1].finding in " ".join(words.split())
    view = bench.save(doctor, [analysis], details)
    lamps = StudyFilters(task=LAMP.key)
    (found,) = find_studies(bench.store, doctor, lamps).studies
    assert (found.public_id, found.label) == (view.public_id, "on")
    assert (board(bench.store, doctor, lamps).studies, board(bench.store, doctor, lamps).positive) == (1, 1)
    assert LAMP.key in board_csv(bench.store, doctor, lamps).decode()
    bench.store.close()
