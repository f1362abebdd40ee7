"""What the model of another task says of the same slice, so that the two can be compared."""

from __future__ import annotations

import logging

from services.errors import InferenceError
from services.imaging.prepare import prepare
from services.imaging.slice import FloatImage
from services.inference.engine import Engine
from services.inference.prediction import Opinion, Prediction
from services.tasks import get_task
from services.tasks.task import Task

log = logging.getLogger(__name__)


def second_opinion(engine: Engine, pixels: FloatImage, task: Task, prediction: Prediction) -> Opinion | None:
    """What the model of the task's second opinion says; None where the task asks for none or no model can give it."""
    if not task.second_opinion or task.second_opinion not in engine.repository.live():
        return None
    other = get_task(task.second_opinion)
    try:
        said = engine.answer(prepare(pixels, other.preparation, whole=True), other).prediction
    except InferenceError as error:
        # The answer that was asked for does not hang on it.
        log.warning("no second opinion from %s: %s", other.key, error)
        return None
    found = [each.class_info(label).positive for each, label in ((task, prediction.label), (other, said.label))]
    return Opinion(said.model, said.label, said.confidence, agrees=found[0] == found[1])
