"""What a network may begin training from: a file that fits wholly or in part is taken, any other is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from services.errors import ModelDamaged, ModelNotFound
from services.inference.networks import build, get_arrays, get_network
from services.inference.starting import load_starting_weights

SIDE = 32


@pytest.fixture(scope="module")
def vgg16() -> keras.Model:
    return build("vgg16", 4, size=SIDE)


@pytest.fixture(scope="module")
def first_block() -> dict[str, np.ndarray[Any, Any]]:
    """A part of VGG16, drawn anew."""
    draw = np.random.default_rng(1)
    shapes = {"block1_conv1/kernel": (3, 3, 3, 64), "block1_conv1/bias": (64,)}
    return {name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def refused(model: keras.Model, key: str, path: Path, title: str) -> None:
    """The file is told in one line, and the weights stay what they were."""
    before = get_arrays(model)
    with pytest.raises(ModelDamaged, match=f"is damaged or holds no weights that fit {title}") as caught:
        load_starting_weights(model, key, str(path))
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)
    after = get_arrays(model)
    assert all(np.array_equal(after[name], before[name]) for name in before)


def test_a_file_with_some_of_the_layers_fills_those(vgg16, first_block, tmp_path):
    np.savez(tmp_path / "part.npz", **first_block)
    before = vgg16.get_layer("block1_conv2").get_weights()
    assert load_starting_weights(vgg16, "vgg16", str(tmp_path / "part.npz")) == "part.npz"
    for name, array in zip(("kernel", "bias"), vgg16.get_layer("block1_conv1").get_weights(), strict=True):
        assert np.array_equal(array, first_block[f"block1_conv1/{name}"])
    assert np.array_equal(vgg16.get_layer("block1_conv2").get_weights()[0], before[0])


def test_a_file_of_another_network_is_refused(first_block, tmp_path):
    np.savez(tmp_path / "vgg16.npz", **first_block)
    refused(build("resnet50", 4, size=SIDE), "resnet50", tmp_path / "vgg16.npz", "ResNet50")


def test_the_weights_of_another_backbone_are_refused(vgg16, tmp_path):
    other = get_network("efficientnet").backbone(keras.Input((SIDE, SIDE, 3)))
    other.save_weights(tmp_path / "efficientnet.weights.h5")
    refused(vgg16, "vgg16", tmp_path / "efficientnet.weights.h5", "VGG16")


def test_what_is_no_file_of_weights_is_refused(vgg16, first_block, tmp_path):
    for name in ("README.md", "text.npz", "text.h5", "text.weights.h5"):
        (tmp_path / name).write_text("# Starting points\n")
        refused(vgg16, "vgg16", tmp_path / name, "VGG16")
    np.savez(tmp_path / "whole.npz", **first_block)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:3000])
    (tmp_path / "empty.npz").write_bytes(b"")
    np.savez(tmp_path / "half.npz", **{"block1_conv1/bias": first_block["block1_conv1/bias"]})
    np.savez(tmp_path / "shape.npz", **first_block | {"block1_conv1/bias": np.zeros(3, np.float32)})
    for name in ("cut.npz", "empty.npz", "half.npz", "shape.npz"):
        refused(vgg16, "vgg16", tmp_path / name, "VGG16")
    with (tmp_path / "single.npz").open("wb") as target:
        np.save(target, np.zeros(3))
    refused(vgg16, "vgg16", tmp_path / "single.npz", "VGG16")


def test_a_file_that_is_not_there_is_told(vgg16, tmp_path):
    with pytest.raises(ModelNotFound, match="are not there"):
        load_starting_weights(vgg16, "vgg16", str(tmp_path / "none.npz"))


def test_the_real_blocks_begin_vgg16_and_no_other(vgg16, shared_data):
    blocks = shared_data / "weights" / "vgg16_blocks123.npz"
    load_starting_weights(vgg16, "vgg16", str(blocks))
    with np.load(blocks) as arrays:
        wanted = np.asarray(arrays["block3_conv3/kernel"], np.float32)
    assert np.array_equal(vgg16.get_layer("block3_conv3").get_weights()[0], wanted)
    refused(build("resnet50", 4, size=SIDE), "resnet50", blocks, "ResNet50")
