"""The last layer of a network that answers from places, solved instead of stepped, since it is linear."""

from __future__ import annotations

import cv2
import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from services.inference.networks import DROPOUT, LOGITS
from training.augment import Draws
from training.run import RunError

STRENGTH = 2.0  # the inverse of the penalty on the weights of standardised features, where all places weigh one
INSIDE = 0.3  # from this share inside a lesion's outline on, a place shows it


def solve_places(model: keras.Model, draws: Draws) -> None:
    """Give the last layer of ``model``, of two classes, the logistic regression of the places of every picture, once.

    A place inside a lesion's outline is of the second class, one that no outline touches of the first; both classes
    weigh the same together. What lies on an outline's edge, and pictures whose lesion nobody has outlined, teach
    nothing. Raises RunError where there is nothing of one of the two.
    """
    features = keras.Model(model.inputs[0], model.get_layer(DROPOUT).output)
    seen, inside = [], []
    for start in range(0, len(draws.images), draws.batch):
        batch = slice(start, start + draws.batch)
        places, share = _places(features, draws.images[batch], draws.outlines[batch])
        teaches = ((share >= INSIDE) | (share == 0)) & draws.known[batch, None, None]
        seen.append(places[teaches])
        inside.append(share[teaches] > 0)
    places, kinds = np.concatenate(seen), np.concatenate(inside)
    if kinds.all() or not kinds.any():
        raise RunError(
            "No picture that it learns from shows a lesion with a circle or an outline, or none shows a place without "
            "one. Give the manifest a column roi or mask, or leave --places out."
        )
    scale = StandardScaler().fit(places)
    weights = np.where(kinds, 0.5 / kinds.sum(), 0.5 / (~kinds).sum())
    found = LogisticRegression(C=STRENGTH, max_iter=300).fit(scale.transform(places), kinds, weights)
    kernel = (found.coef_[0] / scale.scale_).astype(np.float32)
    bias = np.array([found.intercept_[0] - scale.mean_ @ kernel], np.float32)
    model.get_layer(LOGITS).set_weights([kernel[:, None], bias])


def _places(
    features: keras.Model, images: NDArray[np.uint8], outlines: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Float32 (batch, rows, columns, channels), and the share (batch, rows, columns) of each inside an outline."""
    views = images[..., None].astype(np.float32) / np.float32(255)
    maps = np.asarray(features.predict_on_batch(views), np.float32)
    places = maps.shape[2], maps.shape[1]
    shares = [cv2.resize(each, places, interpolation=cv2.INTER_AREA).astype(np.float32) / 255 for each in outlines]
    return maps, np.stack(shares)
