"""A network with what it learns from besides labels: the tumour's outline, and what a better network says."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from services.inference.networks import get_network

# Outlines fill a few hundredths of a slice.
OUTLINE_PRIOR = keras.initializers.Constant(-3.0)
TEACHER = "teacher"


def with_outline(model: keras.Model, network: str) -> keras.Model:
    """``model`` with a second output, the logits of a map of the tumour's outline, for training only.

    Where the tumour is makes the features of the layer that explains the answer truer, and so the answer.
    """
    known = get_network(network)
    fine, top = model.get_layer(known.outline_layer).output, model.get_layer(known.top_layer).output
    top = keras.layers.Conv2D(64, 1, activation="relu", name="outline_top")(top)
    factor = fine.shape[1] // top.shape[1]
    if factor > 1:
        top = keras.layers.UpSampling2D(factor, interpolation="bilinear", name="outline_larger")(top)
    both = keras.layers.Concatenate(name="outline_both")([fine, top])
    both = keras.layers.Conv2D(64, 3, padding="same", activation="relu", name="outline_mix")(both)
    outline = keras.layers.Conv2D(1, 1, bias_initializer=OUTLINE_PRIOR, dtype="float32", name="outline")(both)
    return keras.Model(model.inputs[0], {"logits": model.outputs[0], "outline": outline})


@keras.saving.register_keras_serializable("falx")
class Taught(keras.layers.Layer):
    """Gives the student's logits on and adds ``weight`` times their cross-entropy against the teacher's answer.

    Both see the same changed and blended pictures: Beyer et al., "Knowledge distillation: A good teacher is patient
    and consistent" (CVPR 2022).
    """

    def __init__(self, weight: float, **others: Any) -> None:
        super().__init__(dtype="float32", **others)
        self.weight = weight

    def call(self, student: Any, teacher: Any) -> Any:
        """Both (batch, classes)."""
        said = ops.stop_gradient(ops.softmax(ops.cast(teacher, "float32")))
        self.add_loss(-self.weight * ops.mean(ops.sum(said * ops.log_softmax(student), axis=-1)))
        return student

    def get_config(self) -> dict[str, Any]:
        """What rebuilds the layer."""
        return {**super().get_config(), "weight": self.weight}


def with_teacher(learner: keras.Model, teacher: keras.Model, weight: float) -> keras.Model:
    """``learner`` with ``weight`` of its lesson taken from ``teacher``, which learns nothing."""
    teacher.trainable = False
    said = keras.Model(teacher.inputs, teacher.outputs[0], name=TEACHER)(learner.inputs[0])
    outputs = dict(learner.output)
    outputs["logits"] = Taught(weight, name="taught")(outputs["logits"], said)
    return keras.Model(learner.inputs[0], outputs)
