"""Cross-validation over the patient folds: each is once the test set of a run that learnt nothing from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from services.inference.findings import CrossvalFigures
from services.inference.networks import get_network
from services.inference.scores import joined
from services.tasks import get_task
from training.corpus import FOLDS
from training.evaluation.report import Known, by_patient
from training.finished import FinishedRun
from training.fit import fit
from training.run import CALIBRATION, HEAD, RunSettings, read_settings
from training.scoring import score


def crossval(recipe: RunSettings, home: Path, cache: Path | None, folds: Sequence[str] = FOLDS) -> CrossvalFigures:
    """Train, calibrate and score one run a fold inside ``home``, then pool the folds' test images.

    What is done stays: a fold that was calibrated is not trained again, one that was cut goes on. The temperature is
    each fold's own, from its val.
    """
    task, by_fold, tested = get_task(recipe.task), [], []
    for fold in folds:
        run, settings = home / f"fold{fold}", replace(recipe, test_fold=fold)
        if not (run / CALIBRATION).exists():
            goes_on = (run / HEAD).exists()
            fit(read_settings(run) if goes_on else settings, run, resume=goes_on, cache=cache)
            FinishedRun(run, cache).calibrate()
        finished = FinishedRun(run, cache)
        calibration, flips = finished.calibrated()
        scores = score(finished.model, finished.samples, task, cache, flips=flips)
        known = Known(task, scores, calibration.temperature)
        by_fold.append(known.figures(f"fold {fold}", known.test))
        own = scores.take(known.test)
        tested.append(replace(own, logits=own.logits / np.float32(calibration.temperature)))
        keras.utils.clear_session()
    pooled = Known(task, joined(tested), 1.0)
    sources = pooled.scores.source
    several = [s for s in np.unique(sources).tolist() if len(np.unique(pooled.truth[sources == s])) > 1]
    return CrossvalFigures(
        network=recipe.network,
        network_title=get_network(recipe.network).title,
        passes=recipe.passes,
        folds=tuple(by_fold),
        pooled=pooled.figures("every fold", pooled.test, areas=True),
        patients=by_patient(pooled),
        sources=tuple(pooled.figures(f"source: {s}", sources == s) for s in several),
    )
