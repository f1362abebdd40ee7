"""What tests of training share besides the corpora."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras

from services.inference.networks import NETWORKS, Network
from services.tasks import get_task
from training.run import BEST, SETTINGS, RunSettings

TASK = get_task("brain_tumor_type")


def write_settings(run: Path, settings: RunSettings) -> None:
    """A run's folder with its settings and no more than the name of its weights."""
    run.mkdir()
    (run / SETTINGS).write_text(json.dumps(asdict(settings)), encoding="utf-8")
    (run / BEST).touch()


def shallow(colour: Any) -> keras.Model:
    """One convolution a stage, under the names of ResNet50's layers: building its graphs takes seconds, not minutes."""
    x = colour
    for number, end in ((1, "relu"), (2, "block3_out"), (3, "block4_out"), (4, "block6_out"), (5, "block3_out")):
        x = keras.layers.Conv2D(16, 3, strides=2, padding="same", name=f"conv{number}_conv")(x)
        x = keras.layers.BatchNormalization(name=f"conv{number}_bn")(x)
        x = keras.layers.ReLU(name=f"conv{number}_{end}")(x)
    return keras.Model(keras.utils.get_source_inputs(colour), x)


SHALLOW_RESNET: Network = replace(NETWORKS["resnet50"], backbone=shallow)
