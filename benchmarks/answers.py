"""Upload to answer, against the bare network, the usual way, itself without heat map, and eight callers at once."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.measure import Result, by_turns, milliseconds, pair_ratios
from benchmarks.subjects import TASK, the_engine, uploads
from services.inference import networks
from services.inference.card import WEIGHTS
from services.inference.engine import Engine
from services.tasks import get_task
from services.workflow import look

PAIRS = 60
CALLERS, BLOCK, BLOCK_PAIRS = 8, 24, 7


def results() -> list[Result]:
    """The four ratios of answering."""
    engine = the_engine()
    network = bare_network(engine)
    answer, explained = _asker(engine, explain=False), _asker(engine, explain=True)
    with tempfile.TemporaryDirectory() as folder:
        usual = usual_way(network, Path(folder))
        return [
            _compare(
                "Upload to answer / bare network",
                "decode, checks, preparation, network and calibration from an upload's bytes, over one compiled "
                "forward pass of the same network on what it answers from (the prepared square and its mirror image)",
                answer, compiled(network, 2 if engine.loaded(get_task(TASK)).card.flips else 1), 1.4,
            ),
            _compare(
                "Upload to answer / usual way",
                "the same, over cv2.imread, resize and model.predict on one image",
                answer, usual, 0.5,
            ),
            _compare(
                "With heat map / answer alone",
                "upload to answer with Grad-CAM laid over the slice, over upload to answer without",
                explained, answer, 1.4,
            ),
            eight_callers(engine),
        ]  # fmt: skip


def _asker(engine: Engine, *, explain: bool) -> Callable[[], object]:
    waiting = itertools.cycle(uploads())
    return lambda: look(engine, next(waiting), task_key=TASK, explain=explain)


def bare_network(engine: Engine) -> Any:
    """The live model's network with its weights, as Keras has it."""
    task = get_task(TASK)
    ref = engine.repository.live_ref(TASK)
    network = networks.build(ref.network, len(task.classes), size=task.preparation.size)
    with np.load(engine.repository.folder(ref) / WEIGHTS, allow_pickle=False) as arrays:
        networks.set_arrays(network, arrays)
    return network


def compiled(network: Any, views: int) -> Callable[[], object]:
    """One compiled forward pass of fixed shape on ``views`` squares that are already a tensor."""
    import tensorflow as tf

    square = tf.constant(np.random.default_rng(0).random((views, *network.input_shape[1:]), np.float32))
    shape = tf.TensorSpec(square.shape, square.dtype)
    forward = tf.function(lambda batch: network(batch, training=False), input_signature=[shape])
    return lambda: forward(square).numpy()


def usual_way(network: Any, folder: Path) -> Callable[[], object]:
    """What most projects do: read with OpenCV, resize, model.predict on a batch of one."""
    for index, upload in enumerate(uploads()):
        (folder / f"{index}.png").write_bytes(upload.data)
    waiting = itertools.cycle(sorted(folder.iterdir()))
    side = network.input_shape[1]

    def answer() -> object:
        image = cv2.imread(str(next(waiting)), cv2.IMREAD_GRAYSCALE)
        assert image is not None
        square = cv2.resize(image, (side, side)).astype(np.float32) / 255
        return network.predict(square[None, ..., None], verbose=0)

    return answer


def _compare(
    name: str, meaning: str, subject: Callable[[], object], reference: Callable[[], object], target: float
) -> Result:
    ours, theirs = by_turns(subject, reference, pairs=PAIRS)
    return Result(name, meaning, pair_ratios(ours, theirs), target, milliseconds(ours), milliseconds(theirs), "ms")


def eight_callers(engine: Engine) -> Result:
    """Answers a second of eight threads that ask at once, over those of one; blocks of the same length by turns."""

    def work(count: int) -> None:
        ask = _asker(engine, explain=True)
        for _ in range(count):
            ask()

    with ThreadPoolExecutor(CALLERS) as pool:
        together, alone = by_turns(
            lambda: list(pool.map(work, [BLOCK // CALLERS] * CALLERS)),
            lambda: work(BLOCK),
            pairs=BLOCK_PAIRS,
            warm_up=1,
        )
    return Result(
        "Eight callers at once / one",
        f"answers with heat map a second, {CALLERS} threads over one thread, blocks of {BLOCK} answers",
        pair_ratios(alone, together),
        0.9,
        BLOCK / float(np.median(together)),
        BLOCK / float(np.median(alone)),
        "/s",
        at_least=True,
    )
