"""A model that is asked once about each view."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from services.inference.networks import build
from training.evaluation.logits import Once, logits_of
from training.gate import FEATURES, Features, pooled_features


class Counting:
    """What stands for the model inside, and counts the views that it was asked about."""

    def __init__(self, model: keras.Model) -> None:
        self.model, self.output, self.asked = model, model.output, 0

    def predict_on_batch(self, views):
        self.asked += len(views)
        return self.model.predict_on_batch(views)


@pytest.mark.parametrize("flips", [False, True])
def test_what_was_said_is_not_asked_again_and_is_what_the_model_says(flips):
    model = build("smallcnn", 3, size=64)
    images = np.random.default_rng(4).integers(0, 256, (70, 64, 64), np.uint8)
    once = Once({"logits": model.output, FEATURES: pooled_features(model, "smallcnn")}, model)
    once._model = counting = Counting(once._model)
    alone = logits_of(model, images, flips=flips)
    assert np.allclose(logits_of(once, images, flips=flips), alone, atol=1e-5)
    shuffled = np.random.default_rng(5).permutation(70)
    assert np.allclose(logits_of(once, images[shuffled], flips=flips), alone[shuffled], atol=1e-5)
    features = Features(once, flips=flips)(images[:5])
    assert counting.asked == 70 * (1 + flips)
    inside = keras.Model(model.inputs, model.get_layer("small_dense").output)
    pooled = inside.predict_on_batch(images[:5, ..., None] / np.float32(255)).mean(axis=(1, 2))
    assert np.allclose(features, pooled, atol=1e-5) is not flips
