"""The parts of training one by one: loss, corpora, draws, augmentation."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest

from services.tasks import get_task
from training.augment import Draws, Geometry, keras_cv_batches, numpy_batches, styled_batch
from training.calibrate import fit_offset
from training.corpus import (
    CorpusError,
    allowed_classes,
    load_outlines,
    outline_known,
    read_corpora,
    sampling_weights,
)
from training.losses import OutlineLoss, PartialLabelLoss, PlacesLoss
from training.placement import RandomPlacement
from training.style import STYLES, restyle

STILL = Geometry(rotation=0, zoom=0, shift=0, flip=0)
TASK = get_task("brain_tumor_type")


def test_partial_label_loss_by_hand():
    logits = np.log(np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]], np.float32))
    allowed = np.array([[0, 0, 0, 1], [1, 1, 1, 0]], np.float32)
    loss = np.asarray(PartialLabelLoss().call(allowed, logits))
    assert loss == pytest.approx([-np.log(0.4), -np.log(0.6)], rel=1e-5)


def test_a_blend_costs_the_sum_of_its_pictures_by_share():
    logits = np.log(np.array([[0.1, 0.2, 0.3, 0.4]], np.float32))
    shares = np.array([[[0, 0, 0, 0.7], [0.3, 0.3, 0.3, 0]]], np.float32)
    loss = float(np.asarray(PartialLabelLoss().call(shares, logits))[0])
    assert loss == pytest.approx(-0.7 * np.log(0.4) - 0.3 * np.log(0.6), rel=1e-5)
    whole = np.array([[[0, 0, 0, 1.0], [0, 0, 0, 0]]], np.float32)
    assert float(np.asarray(PartialLabelLoss().call(whole, logits))[0]) == pytest.approx(-np.log(0.4), rel=1e-5)


def test_smoothing_mixes_in_the_mean_of_all_classes():
    logits = np.log(np.array([[0.1, 0.2, 0.3, 0.4]], np.float32))
    loss = float(np.asarray(PartialLabelLoss(0.2).call(np.array([[0, 0, 0, 1]], np.float32), logits))[0])
    assert loss == pytest.approx(-0.8 * np.log(0.4) - 0.2 * np.mean(np.log([0.1, 0.2, 0.3, 0.4])), rel=1e-5)


def test_outline_loss_by_hand():
    share = np.zeros((3, 2, 2, 1), np.float32)
    share[0, 0, 0] = 1
    share[2] = -1
    logits = np.zeros((3, 2, 2, 1), np.float32)
    loss = np.asarray(OutlineLoss().call(share, logits))
    overlap = (2 * 0.5 + 1) / (2 + 1 + 1)
    assert loss == pytest.approx([np.log(2) + 1 - overlap, np.log(2), 0], rel=1e-5)
    better = np.where(share > 0, 8, -8).astype(np.float32)
    assert np.asarray(OutlineLoss().call(share, better))[0] < 0.1 * loss[0]


def test_places_loss_by_hand():
    share = np.zeros((3, 2, 2, 1), np.float32)
    share[0, 0, 0] = 1
    share[2] = -1
    loss = np.asarray(PlacesLoss(found=5).call(share, np.zeros((3, 2, 2, 1), np.float32)))
    assert loss == pytest.approx([2 * np.log(2), np.log(2), 0], rel=1e-5)


def test_an_offset_that_was_added_is_found():
    rng = np.random.default_rng(11)
    truth = rng.random(4000) < 0.2
    said = rng.normal(2 * truth - 3, 1)
    log_odds = np.log(0.25) + 2 * (said + 2)  # by Bayes: equal spreads, means -3 and -1
    logits = np.stack([-said / 2, said / 2], axis=1).astype(np.float32)
    allowed = np.eye(2, dtype=np.float32)[truth.astype(int)]
    there = float(log_odds[0] / 2 - said[0])
    assert fit_offset(logits, allowed) == pytest.approx(there, abs=0.1)
    assert fit_offset(logits + np.array([0, 7], np.float32), allowed) == pytest.approx(there - 7, abs=0.1)


def write_manifest(folder, rows, head="file,label,source,sequence,fold,group"):
    folder.mkdir()
    (folder / "manifest.csv").write_text("\n".join([head, *rows]) + "\n")
    return folder


def test_folds_and_splits_become_parts(tmp_path):
    folds = write_manifest(tmp_path / "folds", [f"{i}.png,glioma,s,T1,{i},g{i}" for i in range(1, 6)])
    split = write_manifest(
        tmp_path / "split",
        ["a.png,tumor,s,T1,val,g1", "b.png,notumor,s,T1,test,g2"],
        "file,label,source,sequence,split,group",
    )
    samples = read_corpora([folds, split], TASK)
    assert [s.part for s in samples] == ["train", "train", "train", "val", "test", "val", "test"]
    allowed = allowed_classes(samples[-2:], TASK)
    assert allowed.tolist() == [[1, 1, 1, 0], [0, 0, 0, 1]]


def test_a_manifest_may_name_patients_and_circles_and_no_source(tmp_path):
    rows = ["a.png,positive,p1,1,30,20,6", "b.png,negative,p1,1,,,", "c.png,negative,p2,5,8,8,4"]
    rows = [",".join([*row.split(",")[:4], '"' + ",".join(row.split(",")[4:]).strip(",") + '"']) for row in rows]
    folder = write_manifest(tmp_path / "films", rows, "file,label,patient,fold,roi")
    film = np.zeros((60, 50), np.uint8)
    film[5:55, :35] = 120
    for name in "abc":
        cv2.imwrite(str(folder / f"{name}.png"), film)
    task = get_task("breast_cancer")
    samples = read_corpora([folder], task)
    assert [(s.group, s.source, s.lesions) for s in samples] == [
        ("films/p1", "films", ((30, 20, 6),)), ("films/p1", "films", ()), ("films/p2", "films", ((8, 8, 4),)),
    ]  # fmt: skip
    assert outline_known(samples, task).all()
    drawn = load_outlines(samples, task)
    # The circle around a benign lesion outlines no cancer.
    assert [outline.any() for outline in drawn] == [True, False, False]
    assert 0.01 < (drawn[0] > 128).mean() < 0.15


def test_what_a_manifest_lacks_is_named(tmp_path):
    with pytest.raises(CorpusError, match="group or patient, split or fold"):
        read_corpora([write_manifest(tmp_path / "c", [], "file,label")], TASK)


def test_val_share_moves_whole_groups_and_only_val(tmp_path):
    rows = [f"{g}{i}.png,glioma,s,T1,{4 if g < 60 else 5},g{g}" for g in range(90) for i in range(3)]
    samples = read_corpora([write_manifest(tmp_path / "c", rows)], TASK, val_share=0.5)
    parts = {}
    for sample in samples:
        parts.setdefault(sample.group, set()).add(sample.part)
    assert all(len(found) == 1 for found in parts.values())
    assert sum(s.part == "test" for s in samples) == 90
    assert 40 < sum(s.part == "val" for s in samples) < 140


@pytest.mark.parametrize(("rows", "words"), [(["a.png,wart,s,T1,1,g"], "wart"), (None, "manifest.csv")])
def test_unusable_folders_are_told_in_a_sentence(tmp_path, rows, words):
    folder = write_manifest(tmp_path / "c", rows) if rows else tmp_path
    with pytest.raises(CorpusError, match=words):
        read_corpora([folder], TASK)


def test_no_group_is_in_two_parts_of_the_real_corpora(shared_data):
    samples = read_corpora([shared_data / "brain_mri", shared_data / "brain_presence"], TASK, val_share=0.4)
    parts: dict[str, set[str]] = {}
    for sample in samples:
        parts.setdefault(sample.group, set()).add(sample.part)
    assert Counter(len(found) for found in parts.values()).keys() == {1}
    assert sum(s.part == "test" and s.corpus == "brain_mri" for s in samples) == 832


def test_rare_cells_are_drawn_more_often_than_their_share(tmp_path):
    rows = [f"{i}.png,glioma,big,T1,1,g{i}" for i in range(900)] + [
        f"n{i}.png,notumor,small,T1,1,h{i}" for i in range(100)
    ]
    weights = sampling_weights(read_corpora([write_manifest(tmp_path / "c", rows)], TASK))
    assert weights.sum() == pytest.approx(1)
    assert weights[900:].sum() == pytest.approx(10 / 40)


@pytest.fixture
def draws() -> Draws:
    images = np.zeros((6, 64, 64), np.uint8)
    images[:, 20:44, 16:40] = np.arange(40, 250, 38, dtype=np.uint8)[:6, None, None]
    labels = np.eye(4, dtype=np.float32)[[0, 1, 2, 3, 0, 1]]
    outlines = np.where(images > 0, 255, 0).astype(np.uint8)
    known = np.array([True, False, True, True, True, True])
    weights = np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    return Draws(images, labels, weights, outlines, known, cells=8, batch=8, steps=3, seed=5)


@pytest.mark.parametrize("path", [numpy_batches, keras_cv_batches])
def test_both_input_paths_give_batches_of_the_same_kind(draws, path):
    batches = iter(path(draws, Geometry()))
    seen = [next(batches) for _ in range(4)]
    for images, learnt in seen:
        images, labels, outline = np.asarray(images), np.asarray(learnt["logits"]), np.asarray(learnt["outline"])
        assert images.shape == (8, 64, 64, 1)
        assert images.dtype == np.float32
        assert images.min() >= 0
        assert images.max() <= 1
        assert images.std() > 0.02
        assert labels.shape == (8, 4)
        assert outline.shape == (8, 8, 8, 1)
        for image, shares, label in zip(images, outline, labels, strict=True):
            if label[1] and shares.max() == -1:
                continue
            cells = image.reshape(8, 8, 8, 8).mean(axis=(1, 3))
            assert cells[shares[..., 0] > 0.9].min(initial=1) > cells[shares[..., 0] == 0].mean()
    assert not np.array_equal(np.asarray(seen[0][0]), np.asarray(seen[3][0]))
    again = next(iter(path(draws, Geometry())))
    assert np.array_equal(np.asarray(again[1]["logits"]), np.asarray(seen[0][1]["logits"]))
    unknown = [np.asarray(learnt["outline"])[np.asarray(learnt["logits"])[:, 1] > 0] for _, learnt in seen]
    assert any((shares == -1).all(axis=(1, 2, 3)).any() for shares in unknown)


@pytest.mark.parametrize(
    ("geometry", "moved"), [(STILL, lambda i: i), (replace(STILL, flip=1), lambda i: i[:, :, ::-1])]
)
def test_placement_without_change_and_with_the_mirror_alone_is_exact(draws, geometry, moved):
    images, masks = draws.images[..., None], draws.outlines[..., None]
    there = RandomPlacement(geometry, seed=1)({"images": images, "segmentation_masks": masks}, training=True)
    assert np.asarray(there["images"]) == pytest.approx(moved(images) / 255, abs=1e-5)
    assert np.asarray(there["segmentation_masks"]) == pytest.approx(moved(masks) / 255, abs=1e-5)


@pytest.mark.parametrize("change", [{"rotation": 0.1}, {"zoom": 0.3}, {"shift": 0.2}])
def test_placement_moves_each_image_in_its_own_way_and_its_outline_with_it(draws, change):
    same = np.repeat(draws.images[:1], 8, axis=0)[..., None]
    there = RandomPlacement(replace(STILL, **change), seed=1)(
        {"images": same, "segmentation_masks": same}, training=True
    )
    images = np.asarray(there["images"])
    assert len({image.tobytes() for image in images}) == 8
    assert images == pytest.approx(np.asarray(there["segmentation_masks"]))


@pytest.mark.parametrize("path", [numpy_batches, keras_cv_batches])
def test_mixup_blends_two_pictures_their_outlines_and_their_labels(draws, path):
    draws = replace(draws, mixup=0.5, augmentation=0.0, batch=64)
    images, learnt = next(iter(path(draws, STILL)))
    images, labels, outline = np.asarray(images), np.asarray(learnt["logits"]), np.asarray(learnt["outline"])
    assert labels.shape == (64, 2, 4)
    shares = labels.max(axis=2)
    assert shares.sum(axis=1) == pytest.approx(1)
    assert (shares[:, 0] >= 0.5).all()
    assert 0.5 < shares[:, 0].mean() < 0.95
    grey = draws.images[:, 30, 30] / 255
    by_class = [grey[draws.labels[:, index] > 0] for index in range(4)]
    for image, pair, share in zip(images, labels, shares, strict=True):
        first, second = (by_class[row.argmax()] for row in pair)
        possible = share[0] * first[:, None] + share[1] * second[None, :]
        assert np.abs(possible - image[30, 30, 0]).min() < 0.01
    unknown = (outline == -1).all(axis=(1, 2, 3))
    assert unknown.any()
    assert outline[~unknown].max() == pytest.approx(1, abs=0.01)


def test_draws_follow_weights_and_differ_between_epochs(draws):
    many = np.concatenate([draws.indices(epoch).ravel() for epoch in range(200)])
    assert np.bincount(many, minlength=6) / len(many) == pytest.approx([0.5] + [0.1] * 5, abs=0.02)
    assert not np.array_equal(draws.indices(0), draws.indices(1))
    assert np.array_equal(draws.indices(7), draws.indices(7))


@pytest.mark.parametrize("change", [change for change, _ in STYLES], ids=lambda change: change.__name__)
def test_each_style_changes_the_image_and_keeps_its_range(change):
    rng = np.random.default_rng(0)
    image = np.clip(rng.normal(0.4, 0.2, (96, 96)), 0, 1).astype(np.float32)
    changed = change(image.copy(), rng)
    assert changed.shape == image.shape
    assert changed.dtype == np.float32
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert np.abs(changed - image).mean() > 1e-3


def test_less_augmentation_changes_fewer_pictures_and_moves_them_less(draws):
    image = draws.images[0]
    rng = np.random.default_rng(3)
    changed = [np.mean([not np.array_equal(restyle(image, rng, s), image) for _ in range(300)]) for s in (1, 0.3, 0)]
    assert changed[0] > 0.9 > changed[1] > 0.3
    assert changed[2] == 0
    assert Geometry().weaker(0.5) == Geometry(0.04, 0.075, 0.025, 0.5)
    plain, _, _, _ = styled_batch(replace(draws, augmentation=0.0), epoch=0, step=0)
    assert np.array_equal(plain, draws.images[draws.indices(0)[0]])


def test_restyling_repeats_with_its_generator():
    image = np.random.default_rng(1).integers(0, 256, (64, 64), dtype=np.uint8)
    assert np.array_equal(restyle(image, np.random.default_rng(9)), restyle(image, np.random.default_rng(9)))
