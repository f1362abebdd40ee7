"""Which of a study's images leads: the one that a tired reader must not miss."""

from __future__ import annotations

from collections.abc import Sequence

from services.inference.prediction import Prediction, Verdict
from services.tasks.task import Task


def leading(task: Task, answers: Sequence[Prediction | None]) -> int:
    """The index of the image whose answer is the study's; ``answers`` hold None where the check refused an image.

    The most serious leads: an answer that the task calls positive, the most confident first; then an uncertain one, the
    one with most probability on positive classes first; then a refused one, since nobody has answered it; then an
    answer that is not positive, the least confident first. So a study says that nothing was found only where that is
    the answer to all its images. Of equals the first leads.
    """
    return min(range(len(answers)), key=lambda index: _rank(task, answers[index]))


def _rank(task: Task, answer: Prediction | None) -> tuple[int, float]:
    if answer is None:
        return 2, 0.0
    if answer.verdict is Verdict.UNCERTAIN:
        shares = zip(answer.classes, answer.probabilities, strict=True)
        return 1, -sum(share for key, share in shares if task.class_info(key).positive)
    return (0, -answer.confidence) if task.class_info(answer.label).positive else (3, answer.confidence)
