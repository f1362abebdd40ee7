"""Versions with every figure that a version can have, computed by training's code from made-up answers."""

from __future__ import annotations

import shutil
from functools import lru_cache

import numpy as np

from services.inference.card import CARD, EVALUATION, SCORES
from services.inference.figures import Estimate, Evaluation, RobustnessFigures, ShortcutFigures
from services.inference.findings import HeatFigures, HeatReport, Sanity
from services.inference.prediction import ModelRef
from services.inference.repository import ModelRepository
from services.inference.scores import Scores
from services.tasks import get_task
from training.evaluation.report import evaluate

TASK = get_task("brain_tumor_type")
IMAGES = 240


def made_up(seed: int, right: float = 0.8) -> Scores:
    """Answers to the same images whatever the ``seed``, about ``right`` of them right."""
    rng = np.random.default_rng(seed)
    keys = np.array(TASK.class_keys)
    truth = np.arange(IMAGES) % len(keys)
    answer = np.where(rng.random(IMAGES) < right, truth, rng.integers(0, len(keys), IMAGES))
    logits = rng.normal(0, 1, (IMAGES, len(keys))).astype(np.float32)
    logits[np.arange(IMAGES), answer] += 3
    vague = np.arange(IMAGES) >= 180
    labels = np.where(vague & (keys[truth] != "notumor"), "tumor", keys[truth])
    return Scores(
        logits=logits,
        sharpness=np.linspace(1, 9, IMAGES, dtype=np.float32),
        name=np.array([f"{index}.jpg" for index in range(IMAGES)]),
        corpus=np.where(vague, "brain_presence", "brain_mri"),
        label=labels,
        source=np.where(vague, "lgg", np.where(truth < 3, "cheng", "br35h")),
        sequence=np.where(vague, "FLAIR", "T1c"),
        plane=np.array(["axial", "coronal", ""])[np.arange(IMAGES) % 3],
        group=np.array([f"g{index // 3}" for index in range(IMAGES)]),
        part=np.where(np.arange(IMAGES) % 5 == 0, "val", "test"),
    )


@lru_cache
def measured(seed: int, right: float) -> Evaluation:
    """Every figure of those answers; on changed pictures, which there are none of, made-up ones."""
    figures = evaluate(TASK, made_up(seed, right), 1.0, 0.6)
    test = figures.test
    worse = [("none", "", 0.0), ("noise", "standard deviation", 0.02), ("noise", "standard deviation", 0.1)]
    low = Estimate(value=0.4, low=0.3, high=0.5)
    return figures.model_copy(
        update={
            "robustness": tuple(
                RobustnessFigures(
                    change=change, unit=unit, amount=amount, images=test.images, accuracy=test.accuracy,
                    macro_f1=test.macro_f1, confidence=0.8,
                )
                for change, unit, amount in worse
            ),
            "shortcuts": tuple(
                ShortcutFigures(view=view, who=who, images=test.images, accuracy=low, macro_f1=low, recall=low)
                for view in ("whole slice", "border")
                for who in ("linear classifier", "network")
            ),
        }
    )  # fmt: skip


def add_measured(repository: ModelRepository, network: str, seed: int, right: float = 0.8) -> ModelRef:
    """A version of ``network`` that can be looked at, though not loaded, made live."""
    shipped = repository.live_ref(TASK.key, "efficientnet")
    ref = ModelRef(TASK.key, network, repository.next_version(TASK.key, network))
    shutil.copytree(repository.folder(shipped), repository.folder(ref))
    scores, figures = made_up(seed, right), measured(seed, right)
    folder = repository.folder(ref)
    (folder / EVALUATION).write_text(figures.model_dump_json(), encoding="utf-8")
    with (folder / SCORES).open("wb") as file:
        scores.write(file)
    card = repository.card(shipped).model_copy(
        update={"network": network, "network_title": network.upper(), "version": ref.version, "test": figures.test}
    )
    (folder / CARD).write_text(card.model_dump_json(), encoding="utf-8")
    with repository.changing() as live:
        serving = live[TASK.key]
        live[TASK.key] = serving.model_copy(update={"versions": {**serving.versions, network: ref.version}})
    return ref


def heat_report(ref: ModelRef) -> HeatReport:
    """Scores of the maps of a version as ``python -m training heat`` keeps them."""
    share = Estimate(value=0.4, low=0.3, high=0.5)

    def row(part: str, method: str) -> HeatFigures:
        return HeatFigures(
            part=part, method=method, layer="last", images=9, groups=3, pointing=share, near=share, base_rate=share,
            inside=share, outside_head=share, iou=share, threshold=0.5,
        )  # fmt: skip

    return HeatReport(
        model=str(ref),
        val=(row("brain_mri val", "Layer-CAM"), row("brain_mri val", "Grad-CAM")),
        sanity=(Sanity(method="Layer-CAM", layer="last", images=9, correlation=share),),
        chosen_method="Layer-CAM",
        chosen_layer="last",
        test=(row("brain_mri test", "Layer-CAM"), row("brain_mri test", "Grad-CAM")),
    )
