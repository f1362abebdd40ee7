"""Which model versions serve: changed on behalf of an administrator, and every change noted in the trail once.

A change by command is noted by the running app that first sees it. The database remembers up to which state of
live.json the trail was told (table serving_noted). Whoever notes a change holds that row's lock, reads live.json only
then, and commits events and state together; an administrator's change replaces live.json within the same lock. So no
two processes note one change, and none takes a change of the page for one by command.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pydantic import TypeAdapter
from sqlmodel import Session

from services.errors import InferenceError
from services.inference import live
from services.inference.prediction import ModelRef
from services.inference.repository import Change, ModelRepository, Replacing, Serving
from services.inference.steps import REASON, Step, steps_between
from services.records import audit
from services.records.database import reading, write
from services.records.rights import Action, Actor, confirm, require
from services.records.store import Store
from services.records.tables import Outcome, ServingNoted

T = TypeVar("T")
_ROW = 1
_STATES = TypeAdapter(dict[str, Serving])
_ACTIONS = {
    "promote": Action.MODEL_PROMOTE,
    "rollback": Action.MODEL_ROLLBACK,
    "threshold": Action.MODEL_THRESHOLD,
}


def promote_model(
    store: Store, actor: Actor, repository: ModelRepository, ref: ModelRef, *, default: bool = False, forced: str = ""
) -> Serving:
    """Let ``ref`` serve once it has passed its checks; see live.promote. Raises NotAllowed, InferenceError."""
    return _noted(
        store,
        actor,
        Action.MODEL_PROMOTE,
        f"model {ref}",
        repository,
        lambda replacing: live.promote(repository, ref, default=default, forced=forced, replacing=replacing),
    )


def roll_back_model(
    store: Store, actor: Actor, repository: ModelRepository, task: str, network: str | None = None
) -> Change:
    """Undo the newest promotion of the task, or of its ``network``; see live.rollback.

    Raises NotAllowed, InferenceError.
    """
    return _noted(
        store,
        actor,
        Action.MODEL_ROLLBACK,
        f"task {task}",
        repository,
        lambda replacing: live.rollback(repository, task, network, replacing=replacing),
    )


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
        repository,
        lambda replacing: live.set_threshold(repository, ref, threshold, replacing=replacing),
    )


class ServingWatch:
    """Tells the trail of changes that nobody made on the page; one a process, for all of its sessions and threads."""

    def __init__(self, store: Store, repository: ModelRepository) -> None:
        self._store = store
        self._repository = repository
        self._seen: Mapping[str, Serving] | None = None

    def look(self) -> None:
        """Note what has changed since the trail was last told; the database is asked only where live.json was replaced.

        The events name nobody: who gives commands on the server is not known. Raises InferenceError, Unavailable.
        """
        seen = self._repository.live()
        if seen != self._seen:
            write(self._store.engine, lambda session: _tell(session, _told_row(session), self._repository.live()))
            self._seen = seen


def _noted(
    store: Store,
    actor: Actor,
    action: Action,
    what: str,
    repository: ModelRepository,
    work: Callable[[Replacing], T],
) -> T:
    """Do ``work`` for someone who may, and write down that it was done or refused.

    It takes seconds, of which only the replacement of live.json is within a transaction, with its event.
    """
    require(actor, action)
    with reading(store.engine) as session:
        confirm(session, actor)
    noted = False

    def replacing(serving: Mapping[str, Serving], replace: Callable[[], None]) -> None:
        nonlocal noted
        before = repository.live()

        def step(session: Session) -> None:
            told = _told_row(session)
            _tell(session, told, before)
            for said in _said(what, steps_between(before, serving)):
                audit.record(session, actor, action, said)
            told.live = _as_text(serving)
            replace()

        write(store.engine, step)
        noted = True

    outcome = Outcome.FAILED
    try:
        result = work(replacing)
        outcome = Outcome.DONE
        return result
    except InferenceError:
        outcome = Outcome.REFUSED
        raise
    finally:
        if not noted:
            audit.note(store.engine, actor, action, what, outcome)


def _said(what: str, steps: Sequence[Step]) -> list[str]:
    """``what`` was done, or which promotion it undid, and then why it was forced."""
    undone = [step.what for step in steps if step.kind == "rollback"]
    return [*(undone or [what]), *(step.what for step in steps if step.what.startswith(REASON))]


def _told_row(session: Session) -> ServingNoted:
    """The row that says what the trail was told, locked; made at its first use."""
    row = session.get(ServingNoted, _ROW, with_for_update=True)
    if row is None:
        row = ServingNoted(id=_ROW, live="{}")
        session.add(row)
        session.flush()
    return row


def _tell(session: Session, told: ServingNoted, now: Mapping[str, Serving]) -> None:
    """Note every step from what the trail was told to ``now``, by nobody who is known."""
    for step in steps_between(_STATES.validate_json(told.live), now):
        audit.record(session, None, _ACTIONS[step.kind], step.what)
    told.live = _as_text(now)


def _as_text(serving: Mapping[str, Serving]) -> str:
    """The state without the reasons, which may be long and decide nothing."""
    bare = {
        task: one.model_copy(update={"history": tuple(c.model_copy(update={"reason": ""}) for c in one.history)})
        for task, one in serving.items()
    }
    return _STATES.dump_json(bare).decode()
