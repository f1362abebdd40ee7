"""A published split: how it is read, how its pictures are turned, and what is counted as leaked."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from services.imaging.decode import decode
from services.imaging.phantom import PHANTOMS, draw
from services.imaging.prepare import prepare
from services.inference.calibration import probabilities
from services.inference.figures import ClassFigures, Estimate, PartFigures
from services.inference.findings import PublishedFigures, replaced
from services.inference.scores import Scores
from services.tasks import get_task
from training.corpus import TURNS, CorpusError, load_images, read_corpora
from training.evaluation.published import published_figures

TASK = get_task("brain_tumor_type")


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """Four heads; the test part shows the first of them mirrored, the second as it is, and the last, which is new."""
    folder = tmp_path / "corpus"
    (folder / "images").mkdir(parents=True)
    with (folder / "manifest.csv").open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["file", "label", "source", "sequence", "fold", "group"])
        for index, label in enumerate(("glioma", "meningioma", "pituitary", "notumor")):
            picture = draw(PHANTOMS[index].key, seed=index)
            picture[:20, :20] = 255
            cv2.imwrite(str(folder / f"images/{index}.png"), picture)
            writer.writerow([f"images/{index}.png", label, "s", "T1", 1, f"g{index}"])
    rows = ["train,0,glioma,0", "train,1,meningioma,0", "train,2,pituitary,6", "train,2,pituitary,2"]
    rows += ["test,0,glioma,4", "test,1,meningioma,0", "test,3,notumor,0"]
    text = ["official,part,label,image,transform"]
    for row in rows:
        part, image, label, turn = row.split(",")
        text.append(f"x.jpg,{part},{label},images/{image}.png,{turn}")
    (folder / "split.csv").write_text("\n".join(text) + "\n")
    return folder / "split.csv"


def test_turned_pictures_are_the_image_turned(split):
    samples = read_corpora([split], TASK, val_share=0)
    assert [(s.part, s.turn, s.label) for s in samples[-3:]] == [
        ("test", "4", "glioma"), ("test", "0", "meningioma"), ("test", "0", "notumor")
    ]  # fmt: skip
    image = decode((split.parent / "images/0.png").read_bytes()).pixels
    mirrored = np.round(prepare(np.ascontiguousarray(image[:, ::-1]), TASK.preparation).pixels * 255)
    assert np.array_equal(load_images([samples[4]], TASK)[0], mirrored)
    upright, upside = load_images([samples[1]], TASK)[0], image[::-1]
    assert not np.array_equal(upright, np.round(prepare(np.ascontiguousarray(upside), TASK.preparation).pixels * 255))
    rows = np.arange(12).reshape(3, 4)
    assert TURNS["2"](TURNS["4"](rows)).tolist() == TURNS["6"](rows).tolist()


def test_what_leaked_is_counted_apart(split):
    samples = read_corpora([split], TASK, val_share=0)
    test = [s for s in samples if s.part == "test"]
    logits = np.eye(4, dtype=np.float32)[[0, 1, 0]] * 5
    text = {name: np.array([getattr(s, name) for s in test])
            for name in ("corpus", "label", "source", "sequence", "plane", "group", "part")}  # fmt: skip
    scores = Scores(logits, np.zeros(3, np.float32), np.array([s.path.name for s in test]), **text)
    found = published_figures(TASK, "vgg16", samples, scores, 1.0)
    assert (found.every.images, found.seen.images, found.others.images, found.trained) == (3, 2, 1, 4)
    assert (found.seen.accuracy.value, found.others.accuracy.value) == (1, 0)
    # The rest holds healthy slices alone, of which seen has none.
    assert found.seen_alike is None
    assert found.every.accuracy.value == pytest.approx(2 / 3, abs=1e-4)
    assert found.every.brier is not None
    expected = ((probabilities(logits) - np.eye(4)[[0, 1, 3]]) ** 2).sum(axis=1).mean()
    assert found.every.brier.value == pytest.approx(expected, abs=1e-4)
    kept: tuple[PublishedFigures, ...] = ()
    for network in ("vgg16", "efficientnet", "vgg16"):
        kept = replaced(kept, found.model_copy(update={"network": network}))
    assert [figures.network for figures in kept] == ["efficientnet", "vgg16"]
    with pytest.raises(CorpusError, match="published split alone"):
        published_figures(TASK, "vgg16", read_corpora([split.parent], TASK), scores, 1.0)


def test_what_was_seen_is_weighted_as_the_rest():
    """Nine of ten gliomas and half of the healthy slices are right, of which the rest holds one and three."""

    def part(**images: tuple[int, float]) -> PartFigures:
        share = {key: Estimate(value=recall, low=0, high=1) for key, (_, recall) in images.items()}
        classes = {
            key: ClassFigures(precision=share[key], recall=share[key], f1=share[key], images=count)
            for key, (count, _) in images.items()
        }
        whole = Estimate(value=0.5, low=0, high=1)
        figures = dict.fromkeys(("accuracy", "precision", "recall", "macro_f1", "calibration_error"), whole)
        number = sum(count for count, _ in images.values())
        return PartFigures(name="part", images=number, groups=1, classes=classes, confusion=((1,),), **figures)

    seen, others = part(glioma=(10, 0.9), notumor=(30, 0.5)), part(glioma=(1, 1.0), notumor=(3, 0.3))
    figures = PublishedFigures(
        network="vgg16", network_title="VGG16", split="s", trained=9, every=seen, seen=seen, others=others
    )
    assert figures.seen_alike == pytest.approx((1 * 0.9 + 3 * 0.5) / 4)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [("images/3.png", "images/9.png"), ("glioma,images/0.png,4", "glioma,images/0.png,5"), ("notumor", "wart")],
)
def test_a_line_that_cannot_be_explained_is_a_sentence(split, was, becomes):
    split.write_text(split.read_text().replace(was, becomes))
    with pytest.raises(CorpusError, match=r"manifest\.csv does not explain"):
        read_corpora([split], TASK)


def test_another_table_is_a_sentence(split):
    split.write_text("a,b\n1,2\n")
    with pytest.raises(CorpusError, match="lacks the column image, label, part, transform"):
        read_corpora([split], TASK)


def test_the_real_split_is_as_it_was_published(shared_data):
    samples = read_corpora([shared_data / "brain_mri" / "nickparvar_split.csv"], TASK, val_share=1.0)
    test = [s for s in samples if s.part == "test"]
    trained = {s.path for s in samples if s.part != "test"}
    assert (len(test), sum(s.path in trained for s in test)) == (1311, 988)
    groups: dict[str, set[str]] = {}
    for sample in samples:
        if sample.part != "test":
            groups.setdefault(sample.group, set()).add(sample.part)
    assert Counter(len(parts) for parts in groups.values()).keys() == {1}
    assert 0.05 < sum(s.part == "val" for s in samples) / len(samples) < 0.2
