"""Two models on the same images: which one is right more often, and how often they say the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from services.inference.findings import Pair
from services.inference.prediction import ModelRef
from services.inference.scores import Scores
from services.tasks.task import Task
from training.corpus import CorpusError
from training.evaluation.figures import estimate, multiplicities
from training.evaluation.report import Known


def compare(task: Task, first: tuple[ModelRef, Scores], second: tuple[ModelRef, Scores]) -> Pair:
    """Raises CorpusError where they were not measured on the same images."""
    (one, scores), (other, others) = first, second
    # The temperature changes no answer, so 1 serves.
    a, b = Known(task, scores, 1.0), Known(task, others, 1.0)
    files = [known.scores.name[known.test].tolist() for known in (a, b)]
    if files[0] != files[1]:
        raise CorpusError(f"{one} and {other} were not measured on the same test images; register one of them again.")
    truth = a.truth[a.test]
    answers = a.shares[a.test].argmax(axis=1), b.shares[b.test].argmax(axis=1)
    right = [answer == truth for answer in answers]
    same = answers[0] == answers[1]
    drawn, index = multiplicities(scores.group[a.test].tolist())
    weights = drawn[:, index].astype(np.float64)
    gain = right[0].astype(np.float64) - right[1]
    only = [int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())]
    return Pair(
        first=str(one),
        second=str(other),
        images=len(truth),
        groups=drawn.shape[1],
        both_right=int((right[0] & right[1]).sum()),
        only_first=only[0],
        only_second=only[1],
        neither=int((~right[0] & ~right[1]).sum()),
        p_value=float(f"{binomtest(only[0], sum(only)).pvalue if sum(only) else 1.0:.3g}"),
        difference=estimate(gain.mean(), weights @ gain / weights.sum(axis=1)),
        agreement=estimate(same.mean(), weights @ same.astype(np.float64) / weights.sum(axis=1)),
        kappa=round(float(cohen_kappa_score(*answers)), 4),
    )


def compare_all(task: Task, scored: Sequence[tuple[ModelRef, Scores]]) -> list[Pair]:
    """Every two of them, in their order."""
    return [compare(task, one, other) for index, one in enumerate(scored) for other in scored[index + 1 :]]
