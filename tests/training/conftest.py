"""Corpora of drawn slices, for what does not need real ones."""

from __future__ import annotations

import csv
import gc
from collections.abc import Iterator
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from services.imaging.phantom import PHANTOMS, draw
from services.inference.networks import NETWORKS
from tests.training.drawn import SHALLOW_RESNET
from training.strange import strange_pictures

LABELS = ("glioma", "meningioma", "pituitary", "notumor")


@pytest.fixture(scope="module", autouse=True)
def _no_graphs_left() -> Iterator[None]:
    """Keras keeps the graphs of every network that was built; a worker that runs many files would hold gigabytes."""
    yield
    keras.utils.clear_session()
    gc.collect()


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Phantoms by fold and by split: labels that name a class, with outlines, and labels that only say tumour."""
    home = tmp_path_factory.mktemp("corpora")
    for name, head in (("named", "fold"), ("vague", "split")):
        folder = home / name
        (folder / "images").mkdir(parents=True)
        with (folder / "manifest.csv").open("w", newline="") as target:
            writer = csv.writer(target)
            writer.writerow(["file", "label", "source", "sequence", head, "group", "mask"])
            for seed in range(4):
                for index, info in enumerate(PHANTOMS[:8]):
                    file = f"images/{info.key}_{seed}.png"
                    cv2.imwrite(str(folder / file), cv2.resize(draw(info.key, seed=seed), (160, 160)))
                    label = LABELS[index % 4] if name == "named" else ("tumor", "notumor")[index % 2]
                    part = (1, 2, 4, 5)[seed] if name == "named" else ("train", "train", "val", "test")[seed]
                    mask = "mask.png" if name == "named" and label != "notumor" else ""
                    writer.writerow([file, label, name, "T1", part, f"{name}{index}{seed}", mask])
        outline = cv2.circle(np.zeros((160, 160), np.uint8), (80, 60), 18, 255, -1)
        cv2.imwrite(str(folder / "mask.png"), outline)
    return home


@pytest.fixture(scope="session")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that are no brain slices, some to learn from and some to be refused."""
    folder = tmp_path_factory.mktemp("strange") / "others"
    folder.mkdir()
    brains = np.stack([cv2.resize(draw(info.key), (224, 224)) for info in PHANTOMS[:3]])
    with (folder / "manifest.csv").open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["file", "split"])
        for index, picture in enumerate(strange_pictures(brains, np.random.default_rng(8))[::8]):
            cv2.imwrite(str(folder / f"{index}.png"), np.round(255 * picture).astype(np.uint8))
            writer.writerow([f"{index}.png", ("train", "test")[index % 2]])
    return folder


@pytest.fixture(scope="module")
def shallow_resnet() -> Iterator[None]:
    """For tests of what is done with a network; those of the networks themselves have the whole one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "resnet50", SHALLOW_RESNET)
        yield
