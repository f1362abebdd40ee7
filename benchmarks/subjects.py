"""What is measured with: the engine over the shipped models, and the drawn samples as uploads and as model inputs."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from services.analysis import Upload
from services.imaging.decode import decode
from services.imaging.phantom import PHANTOMS, as_png
from services.imaging.prepare import prepare
from services.inference.engine import Engine
from services.inference.repository import ModelRepository
from services.settings import get_settings
from services.tasks import get_task

TASK = "brain_tumor_type"


@lru_cache(maxsize=1)
def the_engine() -> Engine:
    """One engine a process, warmed up, over the model repository in force."""
    engine = Engine(ModelRepository(get_settings().models_dir))
    engine.warm_up(get_task(TASK))
    return engine


@lru_cache(maxsize=1)
def uploads() -> tuple[Upload, ...]:
    """Every drawn sample as the PNG that the upload page takes."""
    return tuple(Upload(as_png(info.key), f"{info.key}.png") for info in PHANTOMS)


@lru_cache(maxsize=1)
def prepared_squares() -> NDArray[np.uint8]:
    """Every drawn sample as training holds it: uint8 (samples, size, size)."""
    settings = get_task(TASK).preparation
    squares = [prepare(decode(upload.data).pixels, settings).pixels for upload in uploads()]
    return np.round(np.stack(squares) * 255).astype(np.uint8)
