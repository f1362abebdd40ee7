"""What happened between two states of live.json, in the words of the trail."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.inference.prediction import ModelRef
from services.inference.repository import Change, Serving

# An object of the trail has 100 characters.
_WIDTH = 90
# How the step begins that says why a promotion was forced.
REASON = "reason: "


@dataclass(frozen=True)
class Step:
    """One change of what serves; ``what`` says in 100 characters which version of which network took whose place."""

    kind: Literal["promote", "rollback", "threshold"]
    what: str


def steps_between(before: Mapping[str, Serving], now: Mapping[str, Serving]) -> list[Step]:
    """Every promotion, rollback and choice of a threshold that leads from one state of live.json to another.

    Of a task that did not serve ``before``, what serves now is told and not its past. Versions and defaults that
    changed without a line in the history, by hand, are told too. A forced promotion is followed by its reason.
    """
    return [step for task in sorted(before.keys() | now.keys()) for step in _of(task, before.get(task), now.get(task))]


def _of(task: str, old: Serving | None, new: Serving | None) -> Iterator[Step]:
    past, history = (old or new), (new.history if new else ())
    known = {_key(change): change.undone for change in past.history} if past else {}
    told = set()
    for change in history:
        if _key(change) not in known:
            told.add(change.network)
            yield from _promoted(task, change.network, change.version, change.before, change)
        if change.undone and not known.get(_key(change)):
            told.add(change.network)
            ref = ModelRef(task, change.network, change.version)
            yield Step("rollback", f"model {ref} for {change.before or 'none'} undone {_moment(change.undone)}")
    versions, earlier = (new.versions if new else {}), (old.versions if old else {})
    for network in sorted((versions.keys() | earlier.keys()) - told):
        version = versions.get(network)
        if version != earlier.get(network):
            fitting = [c for c in history if (c.network, c.version, c.undone) == (network, version, None)]
            yield from _promoted(task, network, version, earlier.get(network), fitting[-1] if fitting else None)
    if old and new and old.default != new.default:
        yield Step("promote", f"task {task} answered by {new.default} for {old.default}")
    chosen, before = (new.thresholds if new else {}), (old.thresholds if old else {})
    for name in sorted(chosen.keys() | before.keys()):
        if chosen.get(name) != before.get(name):
            value = f"{chosen[name]:g}" if name in chosen else "of its card"
            yield Step("threshold", f"model {task}/{name} threshold {value}")


def _promoted(
    task: str, network: str, version: str | None, before: str | None, change: Change | None
) -> Iterator[Step]:
    ref = ModelRef(task, network, version or "none")
    yield Step("promote", f"model {ref} for {before or 'none'}{f' at {_moment(change.when)}' if change else ''}")
    for line in textwrap.wrap(change.reason, _WIDTH) if change else ():
        yield Step("promote", f"{REASON}{line}")


def _key(change: Change) -> tuple[datetime, str, str]:
    return change.when, change.network, change.version


def _moment(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
