"""A network with what it learns from besides labels and outlines: what a better network says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

TEACHER = "teacher"


@keras.saving.register_keras_serializable("falx")
class Taught(keras.layers.Layer):
    """Gives the student's logits on and adds ``weight`` times their cross-entropy against the teachers' mean answer.

    Both see the same changed and blended pictures: Beyer et al., "Knowledge distillation: A good teacher is patient
    and consistent" (CVPR 2022).
    """

    def __init__(self, weight: float, **others: Any) -> None:
        super().__init__(dtype="float32", **others)
        self.weight = weight

    def call(self, student: Any, teachers: Any) -> Any:
        """The student's logits (batch, classes), and a list of the teachers' of the same shape."""
        answers = ops.stack([ops.softmax(ops.cast(teacher, "float32")) for teacher in teachers])
        said = ops.stop_gradient(ops.mean(answers, axis=0))
        self.add_loss(-self.weight * ops.mean(ops.sum(said * ops.log_softmax(student), axis=-1)))
        return student

    def get_config(self) -> dict[str, Any]:
        """What rebuilds the layer."""
        return {**super().get_config(), "weight": self.weight}


@keras.saving.register_keras_serializable("falx")
class Regrouped(keras.layers.Layer):
    """Logits of one task's classes as those of another's, each of which holds the classes at its group's places.

    The probability of a class is the sum of its group's, so its logit is the logarithm of their exponentials' sum.
    """

    def __init__(self, groups: Sequence[Sequence[int]], **others: Any) -> None:
        super().__init__(dtype="float32", **others)
        self.groups = [list(group) for group in groups]

    def call(self, logits: Any) -> Any:
        """Of (batch, the one's classes), (batch, groups)."""
        taken = [ops.logsumexp(ops.take(logits, group, axis=-1), axis=-1) for group in self.groups]
        return ops.stack(taken, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """What rebuilds the layer."""
        return {**super().get_config(), "groups": self.groups}


def with_teachers(learner: keras.Model, teachers: Sequence[keras.Model], weight: float) -> keras.Model:
    """``learner`` with ``weight`` of its lesson taken from ``teachers``, which learn nothing."""
    said = []
    for index, teacher in enumerate(teachers):
        teacher.trainable = False
        said.append(keras.Model(teacher.inputs, teacher.outputs[0], name=f"{TEACHER}_{index}")(learner.inputs[0]))
    outputs = dict(learner.output)
    outputs["logits"] = Taught(weight, name="taught")(outputs["logits"], said)
    return keras.Model(learner.inputs[0], outputs)
