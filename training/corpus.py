"""Folders of images with a manifest.csv, read as samples with a part (train, val, test) and allowed classes."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from services.errors import FalxError
from services.imaging.decode import decode
from services.imaging.placement import to_square
from services.imaging.prepare import prepare
from services.imaging.slice import FloatImage
from services.tasks.task import Task

FOLDS = ("1", "2", "3", "4", "5")
TEST_FOLD = "5"
NEEDED = {"file", "label"}
# How a published split's picture comes from the image that stands for it and its look-alikes.
EITHER = (("group", "patient"), ("split", "fold"))
TURNS: dict[str, Callable[[FloatImage], FloatImage]] = {
    "0": lambda pixels: pixels,
    "2": lambda pixels: pixels[::-1, ::-1],
    "4": np.fliplr,
    "6": np.flipud,
}


class CorpusError(FalxError):
    """A data folder cannot be used as it is."""


@dataclass(frozen=True)
class Sample:
    """One image of a corpus.

    ``group`` names the images that may show the same head, ``part`` is train, val or test, ``mask`` the outline's file
    or None, ``turn`` how the picture is turned before anything else (a key of TURNS), ``lesions`` circles (x, y, radius
    in pixels of the image) around lesions where no outline was drawn, ``cell`` what sampling is balanced over.
    """

    path: Path
    corpus: str
    label: str
    source: str
    sequence: str
    plane: str
    group: str
    part: str
    mask: Path | None
    turn: str = "0"
    lesions: tuple[tuple[int, int, int], ...] = ()

    @property
    def cell(self) -> str:
        """Source, sequence and label: images that look alike and mean the same."""
        return f"{self.source} {self.sequence} {self.label}"


def read_corpora(
    folders: Sequence[Path], task: Task, *, val_share: float = 1.0, test_fold: str = TEST_FOLD
) -> list[Sample]:
    """Every sample of the folders' manifests whose label the task knows, in the manifests' order.

    In a folder's place may stand the file of a published split of its images, which ``_published`` reads.

    A manifest has file, label, source, sequence and group, and either split (train, val, test) or fold: images of
    ``test_fold`` are test, those of the fold before it (of the first: the last) val. With ``val_share`` below 1 only
    that share of the val groups (chosen by a hash of their name) stays val; the others join the training part.
    """
    samples: list[Sample] = []
    for folder in folders:
        if folder.is_file():
            samples += _published(folder, task, val_share)
            continue
        manifest = folder / "manifest.csv"
        if not manifest.exists():
            raise CorpusError(f"{folder} holds no manifest.csv; name a folder that does with --data.")
        with manifest.open(newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines)
            columns = set(reader.fieldnames or ())
            lacking = sorted(NEEDED - columns)
            lacking += [" or ".join(either) for either in EITHER if not columns & set(either)]
            if lacking:
                raise CorpusError(f"{manifest} lacks the column {', '.join(lacking)}; add what its images need.")
            for row in reader:
                if row["label"] not in task.labels:
                    raise CorpusError(
                        f"{manifest} has the label “{row['label']}”, which {task.key} does not know; "
                        f"it knows {', '.join(task.labels)}."
                    )
                samples.append(_sample(folder, row, val_share, test_fold))
    return samples


def _sample(folder: Path, row: dict[str, str], val_share: float, test_fold: str) -> Sample:
    if "split" in row:
        part = row["split"]
    else:
        val_fold = FOLDS[FOLDS.index(test_fold) - 1]
        part = {test_fold: "test", val_fold: "val"}.get(row["fold"], "train")
    group = row["group"] if "group" in row else row["patient"]
    if part == "val" and _uniform(group) >= val_share:
        part = "train"
    return Sample(
        path=folder / row["file"],
        corpus=folder.name,
        label=row["label"],
        source=row.get("source", folder.name),
        sequence=row.get("sequence", ""),
        plane=row.get("plane", ""),
        group=f"{folder.name}/{group}",
        part=part,
        mask=folder / row["mask"] if row.get("mask") else None,
        lesions=_lesions(row.get("roi", "")),
    )


def _lesions(roi: str) -> tuple[tuple[int, int, int], ...]:
    """Circles as manifests without outlines have them: x,y,radius;x,y,radius in pixels of the image."""
    found = [tuple(int(number) for number in lesion.split(",")) for lesion in roi.split(";") if lesion]
    return tuple((x, y, radius) for x, y, radius in found)


def _published(split: Path, task: Task, val_share: float) -> list[Sample]:
    """The samples of a published split: official, part (train or test), label, image, transform of each picture.

    What else is known of an image, its group above all, stands in the manifest beside the split. Such splits have no
    val part: a tenth of ``val_share`` of the training groups becomes one.
    """
    known = {sample.path: sample for sample in read_corpora([split.parent], task)}
    samples = []
    with split.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        if lacking := sorted({"part", "label", "image", "transform"} - set(reader.fieldnames or ())):
            raise CorpusError(f"{split} lacks the column {', '.join(lacking)}; name a folder or a published split.")
        for row in reader:
            image = known.get(split.parent / row["image"])
            if image is None or row["transform"] not in TURNS or row["label"] not in task.labels:
                raise CorpusError(f"{split} has a line for {row['image']} that its manifest.csv does not explain.")
            part = "val" if row["part"] == "train" and _uniform(image.group) < val_share / 10 else row["part"]
            samples.append(
                replace(image, corpus=split.stem, label=row["label"], part=part, turn=row["transform"], mask=None)
            )
    return samples


def _uniform(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48


def allowed_classes(samples: Sequence[Sample], task: Task) -> NDArray[np.float32]:
    """(samples, classes) of 0 and 1: 1 where the label allows the class; several where it only says "some tumour"."""
    keys = task.class_keys
    return np.array([[float(key in task.labels[s.label]) for key in keys] for s in samples], np.float32)


def sampling_weights(samples: Sequence[Sample], *, power: float = 0.5) -> NDArray[np.float64]:
    """Probability of drawing each sample: a cell of n images gets a share in proportion to n ** power."""
    counts = Counter(s.cell for s in samples)
    weights = np.array([counts[s.cell] ** (power - 1) for s in samples], np.float64)
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised


def data_hash(samples: Sequence[Sample]) -> str:
    """Hex SHA-256 over each sample's corpus, file name, content and label, in order."""
    digest = hashlib.sha256()
    for sample in samples:
        turn = f"/{sample.turn}" if sample.turn != "0" else ""
        digest.update(f"{sample.corpus}/{sample.path.name}/{sample.label}/{sample.part}{turn}".encode())
        digest.update(hashlib.sha256(sample.path.read_bytes()).digest())
    return digest.hexdigest()


def load_images(samples: Sequence[Sample], task: Task, cache: Path | None = None) -> NDArray[np.uint8]:
    """The samples decoded and prepared by the serving code: uint8 (samples, size, size)."""

    def image(sample: Sample) -> FloatImage:
        pixels = TURNS[sample.turn](decode(sample.path.read_bytes()).pixels)
        return prepare(np.ascontiguousarray(pixels), task.preparation, whole=True).pixels

    return _load(samples, task, cache, "images", image)


def load_outlines(samples: Sequence[Sample], task: Task, cache: Path | None = None) -> NDArray[np.uint8]:
    """The tumours' outlines where the prepared images show them: uint8 (samples, size, size), 255 inside; 0 without."""

    def outline(sample: Sample) -> FloatImage:
        if not is_outlined(sample, task):
            return np.zeros((task.preparation.size,) * 2, np.float32)
        pixels = decode(sample.path.read_bytes()).pixels
        drawn = decode(sample.mask.read_bytes()).pixels if sample.mask else _circles(pixels, sample.lesions)
        return to_square(drawn, prepare(pixels, task.preparation, whole=True).placement)

    return _load(samples, task, cache, "outlines", outline)


def is_outlined(sample: Sample, task: Task) -> bool:
    """Whether an outline was drawn or a circle laid around what is to be found."""
    return sample.mask is not None or _circled(sample, task)


def outline_known(samples: Sequence[Sample], task: Task) -> NDArray[np.bool_]:
    """(samples,) True where an outline was drawn, or where there is no tumour to draw."""
    return np.array([is_outlined(s, task) or not _is_positive(s, task) for s in samples])


def _is_positive(sample: Sample, task: Task) -> bool:
    return task.class_info(task.labels[sample.label][0]).positive


def _circled(sample: Sample, task: Task) -> bool:
    """A circle around a lesion that is no finding, such as a benign one, outlines nothing."""
    return bool(sample.lesions) and _is_positive(sample, task)


def _circles(pixels: FloatImage, lesions: Sequence[tuple[int, int, int]]) -> FloatImage:
    drawn = np.zeros(pixels.shape, np.float32)
    for x, y, radius in lesions:
        cv2.circle(drawn, (x, y), radius, 1.0, -1)
    return drawn


def _load(
    samples: Sequence[Sample], task: Task, cache: Path | None, what: str, make: Callable[[Sample], FloatImage]
) -> NDArray[np.uint8]:
    """``cache`` is a folder; a file there is named by the data and the preparation's settings, so it is never stale."""
    key = hashlib.sha256(f"{what}{data_hash(samples)}{task.preparation}".encode()).hexdigest()[:24]
    stored = cache / f"{key}.npy" if cache else None
    if stored and stored.exists():
        loaded: NDArray[np.uint8] = np.load(stored)
        return loaded
    size = task.preparation.size
    images = np.empty((len(samples), size, size), np.uint8)
    for index, sample in enumerate(tqdm(samples, desc=f"preparing {what}", unit="image")):
        images[index] = np.round(make(sample) * 255).astype(np.uint8)
    if stored:
        stored.parent.mkdir(parents=True, exist_ok=True)
        partial = stored.with_suffix(".partial.npy")
        np.save(partial, images)
        partial.replace(stored)
    return images
