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
from numpy.typing import NDArray

from benchmarks.measure import Result, by_turns, milliseconds, pair_ratios
from benchmarks.subjects import TASK, the_engine, uploads
from services.imaging.decode import decode
from services.imaging.gate import check
from services.imaging.prepare import prepare
from services.inference import networks
from services.inference.calibration import probabilities
from services.inference.card import WEIGHTS
from services.inference.engine import Engine
from services.tasks import get_task
from services.workflow import look

PAIRS = 60
CALLERS, BLOCK, BLOCK_PAIRS = 8, 24, 7


def results() -> list[Result]:
    """The ratios of answering."""
    engine = the_engine()
    network = bare_network(engine)
    views = 2 if engine.loaded(get_task(TASK)).card.flips else 1
    bare = compiled(network, views)
    answer = _asker(engine)
    with tempfile.TemporaryDirectory() as folder:
        usual = usual_way(network, Path(folder))
        return [
            _compare(
                f"Upload to answer / bare network ({views} views)",
                "decode, checks, preparation, network, calibration and heat map from an upload's bytes, over one "
                "compiled forward pass of the same network, its weights fixed as in serving, on what it answers from "
                "(the prepared square and its mirror image)",
                answer, bare, 1.4,
            ),
            _compare(
                "Upload to answer / bare network (1 view)",
                "the same, over a pass on the prepared square alone; half of what an answer rests on is then left out",
                answer, compiled(network, 1), None,
            ),
            _compare(
                "Upload to answer / usual way",
                "the same, over cv2.imread, resize and model.predict on one image",
                answer, usual, 0.5,
            ),
            _compare(
                "With heat map / answer alone",
                "upload to answer with its heat map at the slice's size, over the same path with a compiled forward "
                "pass that explains nothing in the place of the engine's call",
                answer, without_heat(bare), 1.4,
            ),
            eight_callers(engine),
        ]  # fmt: skip


def _asker(engine: Engine) -> Callable[[], object]:
    waiting = itertools.cycle(uploads())
    return lambda: look(engine, next(waiting), task_key=TASK)


def without_heat(forward: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Callable[[], object]:
    """Decode, check, prepare, network, calibration: what an answer would take where nobody asks for a map."""
    waiting, task = itertools.cycle(uploads()), get_task(TASK)

    def answer() -> object:
        image = decode(next(waiting).data)
        gate = check(image, task)
        assert gate.accepted
        return probabilities(forward(prepare(image.pixels, task.preparation).pixels).mean(axis=0), 1.0)

    return answer


def bare_network(engine: Engine) -> Any:
    """The live model's network with its weights, as Keras has it."""
    task = get_task(TASK)
    ref = engine.repository.live_ref(TASK)
    side = engine.repository.card(ref).side
    network = networks.build(ref.network, len(task.classes), size=task.preparation.size, side=side)
    with np.load(engine.repository.folder(ref) / WEIGHTS, allow_pickle=False) as arrays:
        networks.set_arrays(network, arrays)
    return network


def compiled(network: Any, views: int) -> Callable[..., NDArray[np.float32]]:
    """One compiled forward pass of fixed shape on a square (size, size), and on its mirror image with two ``views``.

    The logits (views, classes); asked without a square it answers a random one.
    """
    import tensorflow as tf

    from services.inference.explain import with_fixed_weights

    side = network.input_shape[1]
    some = np.random.default_rng(0).random((side, side), np.float32)
    fixed = with_fixed_weights(network)

    @tf.function(input_signature=[tf.TensorSpec((side, side), tf.float32)])
    def forward(square: Any) -> Any:
        return fixed(tf.stack([square, tf.reverse(square, axis=[1])][:views])[..., None])

    return lambda square=some: np.asarray(forward(tf.constant(square)))


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
    name: str, meaning: str, subject: Callable[[], object], reference: Callable[[], object], target: float | None
) -> Result:
    ours, theirs = by_turns(subject, reference, pairs=PAIRS)
    return Result(name, meaning, pair_ratios(ours, theirs), target, milliseconds(ours), milliseconds(theirs), "ms")


def eight_callers(engine: Engine) -> Result:
    """Answers a second of eight threads that ask at once, over those of one; blocks of the same length by turns."""

    def work(count: int) -> None:
        ask = _asker(engine)
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
