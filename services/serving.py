"""Which model versions serve, changed on behalf of an administrator, and noted in the trail."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from services.errors import InferenceError
from services.inference import live
from services.inference.prediction import ModelRef
from services.inference.repository import Change, ModelRepository, Serving
from services.records import audit
from services.records.database import reading
from services.records.rights import Action, Actor, confirm, require
from services.records.store import Store
from services.records.tables import Outcome

T = TypeVar("T")


def promote_model(
    store: Store, actor: Actor, repository: ModelRepository, ref: ModelRef, *, default: bool = False, forced: str = ""
) -> Serving:
    """Let ``ref`` serve once it has passed its checks; see live.promote. Raises NotAllowed, InferenceError."""
    return _noted(
        store,
        actor,
        Action.MODEL_PROMOTE,
        f"model {ref}",
        lambda: live.promote(repository, ref, default=default, forced=forced),
    )


def roll_back_model(store: Store, actor: Actor, repository: ModelRepository, task: str) -> Change:
    """Undo the newest promotion of the task; see live.rollback. Raises NotAllowed, InferenceError."""
    return _noted(store, actor, Action.MODEL_ROLLBACK, f"task {task}", lambda: live.rollback(repository, task))


def set_detection_threshold(
    store: Store, actor: Actor, repository: ModelRepository, ref: ModelRef, threshold: float
) -> float:
    """Choose from which probability on ``ref`` calls its positive class; see live.set_threshold.

    The trail names the version and the new threshold. Raises NotAllowed, InferenceError.
    """
    return _noted(
        store,
        actor,
        Action.MODEL_THRESHOLD,
        f"model {ref} threshold {threshold:g}",
        lambda: live.set_threshold(repository, ref, threshold),
    )


def _noted(store: Store, actor: Actor, action: Action, what: str, work: Callable[[], T]) -> T:
    """Do ``work`` for someone who may, and write down that it was done or refused. It takes seconds: no transaction."""
    require(actor, action)
    with reading(store.engine) as session:
        confirm(session, actor)
    outcome = Outcome.FAILED
    try:
        result = work()
        outcome = Outcome.DONE
        return result
    except InferenceError:
        outcome = Outcome.REFUSED
        raise
    finally:
        audit.note(store.engine, actor, action, what, outcome)
