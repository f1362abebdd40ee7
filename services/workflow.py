"""The path of an upload, from bytes to a finished study. The pages, the batch command and the tests all call it.

bytes ─ decode ─ Slice ─ gate ─ prepare ─ Prepared ─ predict and explain ─ Prediction, HeatMap ─ report ─ record
"""

from __future__ import annotations

from dataclasses import dataclass

from services.imaging.decode import Limits, decode
from services.imaging.gate import GateDecision, check
from services.imaging.prepare import Prepared, prepare
from services.imaging.slice import Slice
from services.inference.engine import Engine
from services.inference.prediction import HeatMap, Prediction
from services.tasks import get_task
from services.tasks.task import Task


@dataclass(frozen=True, eq=False)
class Upload:
    """A file as it came: its bytes and the name it had, which is shown and never trusted."""

    data: bytes
    name: str


@dataclass(frozen=True, eq=False)
class Analysis:
    """What became of one upload. ``prepared``, ``prediction`` and ``heat`` are None where the gate refused."""

    upload: Upload
    task: Task
    slice: Slice
    gate: GateDecision
    overrule_reason: str
    prepared: Prepared | None
    prediction: Prediction | None
    heat: HeatMap | None


def look(
    engine: Engine,
    upload: Upload,
    *,
    task_key: str,
    network: str | None = None,
    frame: int | None = None,
    overrule_reason: str = "",
    explain: bool = True,
    limits: Limits | None = None,
) -> Analysis:
    """Decode, check, prepare, predict and explain one upload; nothing is stored.

    A refusal by the gate is an answer, not an error; with an ``overrule_reason`` the model is asked all the same.
    Raises FalxError with a sentence for everything that is wrong with the file or the model.
    """
    task = get_task(task_key)
    image = decode(upload.data, frame=frame, limits=limits or Limits())
    gate = check(image, task)
    if not gate.accepted and not overrule_reason:
        return Analysis(upload, task, image, gate, "", None, None, None)
    prepared = prepare(image.pixels, task.preparation)
    if explain:
        prediction, heat = engine.answer(prepared, task, network)
        return Analysis(upload, task, image, gate, overrule_reason, prepared, prediction, heat)
    prediction = engine.predict(prepared, task, network)
    return Analysis(upload, task, image, gate, overrule_reason, prepared, prediction, None)
