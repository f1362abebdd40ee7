"""The mean of several runs' weights, as one run: flatter, and so steadier on other scanners than each of them.

Source: Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
increasing inference time" (ICML 2022). It holds for runs that went on from one another or from the same start.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from services.inference.networks import build
from services.tasks import get_task
from training.run import BEST, HEAT, OUTLINE, SETTINGS, RunSettings


def average(settings: RunSettings, run: Path) -> Path:
    """Write the mean of the best weights of ``settings.averaged`` into the folder ``run``; returns their file.

    Where each of them has a head for outlines, the mean of these goes along.
    """
    run.mkdir(parents=True, exist_ok=True)
    (run / HEAT).unlink(missing_ok=True)
    model = build(settings.network, len(get_task(settings.task).classes))
    every = [_weights(model, Path(earlier)) for earlier in settings.averaged]
    model.set_weights([np.mean(same, axis=0) for same in zip(*every, strict=True)])
    model.save_weights(run / BEST)
    heads = [Path(earlier) / OUTLINE for earlier in settings.averaged]
    if all(head.exists() for head in heads):
        arrays = [dict(np.load(head, allow_pickle=False)) for head in heads]
        mean = {name: np.mean([each[name] for each in arrays], axis=0, dtype=np.float32) for name in arrays[0]}
        np.savez(run / OUTLINE, allow_pickle=False, **mean)
    (run / SETTINGS).write_text(json.dumps(asdict(settings), indent=2), encoding="utf-8")
    return run / BEST


def _weights(model: keras.Model, run: Path) -> list[np.ndarray]:
    model.load_weights(run / BEST)
    return [np.array(array) for array in model.get_weights()]
