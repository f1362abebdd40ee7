"""The split that others publish figures of, measured as they do and again without the images that leaked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.inference.findings import PublishedFigures
from services.inference.networks import get_network
from services.inference.scores import Scores
from services.tasks.task import Task
from training.corpus import CorpusError, Sample
from training.evaluation.report import Known


def published_figures(
    task: Task, network: str, samples: Sequence[Sample], scores: Scores, temperature: float
) -> PublishedFigures:
    """Figures of ``scores`` for the val and test images of ``samples``, which one published split must be.

    Raises CorpusError where they are not.
    """
    if len({s.corpus for s in samples}) != 1 or all(s.turn == "0" for s in samples):
        raise CorpusError(
            "The run did not learn from a published split alone; train one with --data FILE, where FILE lists the "
            "split's part, label, image and transform."
        )
    trained = {s.path.name for s in samples if s.part != "test"}
    known = Known(task, scores, temperature)
    leaked = np.isin(scores.name, sorted(trained))
    return PublishedFigures(
        network=network,
        network_title=get_network(network).title,
        split=samples[0].corpus,
        trained=sum(s.part == "train" for s in samples),
        every=known.figures("every test image", known.test, areas=True),
        seen=known.figures("same slice in training", known.test & leaked),
        others=known.figures("others", known.test & ~leaked),
    )
