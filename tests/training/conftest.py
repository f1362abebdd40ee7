"""Corpora of drawn slices, for what does not need real ones."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import pytest

from services.imaging.phantom import PHANTOMS, draw

LABELS = ("glioma", "meningioma", "pituitary", "notumor")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Phantoms by fold and by split, one folder whose labels name a class and one that only says tumour."""
    home = tmp_path_factory.mktemp("corpora")
    for name, head in (("named", "fold"), ("vague", "split")):
        folder = home / name
        (folder / "images").mkdir(parents=True)
        with (folder / "manifest.csv").open("w", newline="") as target:
            writer = csv.writer(target)
            writer.writerow(["file", "label", "source", "sequence", head, "group"])
            for seed in range(4):
                for index, info in enumerate(PHANTOMS[:8]):
                    file = f"images/{info.key}_{seed}.png"
                    cv2.imwrite(str(folder / file), cv2.resize(draw(info.key, seed=seed), (160, 160)))
                    label = LABELS[index % 4] if name == "named" else ("tumor", "notumor")[index % 2]
                    part = (1, 2, 4, 5)[seed] if name == "named" else ("train", "train", "val", "test")[seed]
                    writer.writerow([file, label, name, "T1", part, f"{name}{index}{seed}"])
    return home
