"""The model repository: <task>/<network>/<version>/ folders that never change, and live.json that names what serves."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from services.errors import InferenceError, ModelDamaged, ModelMismatch, ModelNotFound
from services.inference.card import CARD, CHANCE, EVALUATION, SCORES, SELF_TEST, WEIGHTS, Card
from services.inference.figures import Evaluation
from services.inference.findings import Findings
from services.inference.prediction import ModelRef
from services.inference.scores import Scores, read_scores

LIVE, LOCK, FINDINGS = "live.json", "live.lock", "findings.json"
Kind = TypeVar("Kind", Card, Evaluation)
# Given what is to serve and the step that replaces live.json: does that step, once, with what has to go along with it.
Replacing = Callable[[Mapping[str, "Serving"], Callable[[], None]], None]


class Change(BaseModel):
    """One promotion: which version began to serve, what stood before, why it was forced, and when it was undone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    when: datetime
    network: str
    version: str
    before: str | None
    default_before: str | None
    reason: str = ""
    undone: datetime | None = None


class Serving(BaseModel):
    """One task's part of live.json: each network's live version, the network that answers by default, and the past.

    ``history`` is oldest first; a live.json without it reads as one without a past. ``thresholds`` are the detection
    thresholds that an administrator chose, by <network>/<version>; they stay while another version serves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: str
    versions: dict[str, str]
    history: tuple[Change, ...] = ()
    thresholds: dict[str, float] = {}

    @model_validator(mode="after")
    def _default_serves(self) -> Serving:
        if self.default not in self.versions:
            raise ValueError(f"the default network {self.default} has no version")
        return self


class ModelRepository:
    """Reads (and, for registration, writes) one repository folder. Safe to share between threads."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def live(self) -> dict[str, Serving]:
        """What serves, by task; read again only when live.json was replaced.

        Raises InferenceError where the repository is no folder that can be entered, ModelMismatch where live.json does
        not read.
        """
        path = self.root / LIVE
        try:
            found = path.stat()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise InferenceError(
                f"The model repository “{self.root.name}” cannot be read ({error.strerror}). Name its folder with "
                "MODELS_DIR, or --models in training."
            ) from error
        # Two replacements may fall into one tick of the file system's clock.
        return _read_live(path, (found.st_mtime_ns, found.st_ino, found.st_size))

    def live_ref(self, task: str, network: str | None = None) -> ModelRef:
        """The version that serves ``task`` by ``network``, or by the task's default network."""
        serving = self.live().get(task)
        if serving is None:
            raise ModelNotFound(
                f"No model serves the task {task} yet. Register one: python -m training register --live"
            )
        chosen = network or serving.default
        if chosen not in serving.versions:
            raise ModelNotFound(
                f"No {chosen} model serves {task}. These do: {', '.join(sorted(serving.versions)) or 'none'}."
            )
        return ModelRef(task, chosen, serving.versions[chosen])

    def threshold(self, ref: ModelRef) -> float:
        """The version's threshold: the one that an administrator chose for it, or else that of its card."""
        serving = self.live().get(ref.task)
        chosen = serving.thresholds.get(f"{ref.network}/{ref.version}") if serving else None
        return self.card(ref).threshold if chosen is None else chosen

    def refs(self) -> list[ModelRef]:
        """Every registered version, oldest first within its network."""
        found = [ModelRef(*path.parent.relative_to(self.root).parts) for path in self.root.glob(f"*/*/[0-9]*/{CARD}")]
        return sorted(found, key=lambda ref: (ref.task, ref.network, int(ref.version)))

    def folder(self, ref: ModelRef) -> Path:
        """Where a version's files lie."""
        return self.root / ref.task / ref.network / ref.version

    def card(self, ref: ModelRef) -> Card:
        """The version's card; ModelNotFound where there is none, ModelDamaged where it does not read."""
        path = self.folder(ref) / CARD
        if not path.exists():
            raise ModelNotFound(f"The model repository has no version {ref}.")
        found: Card = _read(Card, "card", path, path.stat().st_mtime_ns)
        return found

    def evaluation(self, ref: ModelRef) -> Evaluation:
        """All of the version's figures; ModelNotFound where there is no such version, ModelDamaged if it has none."""
        self.card(ref)
        path = self.folder(ref) / EVALUATION
        stamp = path.stat().st_mtime_ns if path.exists() else 0
        found: Evaluation = _read(Evaluation, "evaluation", path, stamp)
        return found

    def scores(self, ref: ModelRef) -> Scores:
        """What the version answered for every image it was measured on; ModelDamaged where that does not read."""
        return read_scores(self.folder(ref) / SCORES)

    def findings(self, task: str) -> Findings:
        """What was found of the task beyond single versions; nothing where that was never looked for.

        Raises ModelDamaged where it does not read.
        """
        try:
            return Findings.model_validate_json((self.root / task / FINDINGS).read_bytes())
        except FileNotFoundError:
            return Findings()
        except (OSError, ValidationError) as error:
            raise ModelDamaged(
                f"{task}/{FINDINGS} of the model repository does not read: {error}. Restore it, or remove it and "
                "measure again with “python -m training compare”."
            ) from error

    def may_be_chance(self, ref: ModelRef) -> bool:
        """Whether an area under a ROC curve may lie below CHANCE, by the lower end of its interval.

        Of the version on test, by image and by patient, and of its network's recipe over the patient folds, which
        tests more patients. Raises ModelNotFound, or ModelDamaged where card or findings do not read.
        """
        card = self.card(ref)
        recipes = [one for one in self.findings(ref.task).crossval if one.network == ref.network]
        rows = [*card.presence, *(row for one in recipes for row in one.patients)]
        classes = [c for part in (card.test, *(one.pooled for one in recipes)) for c in part.classes.values()]
        areas = [*(row.auc for row in rows), *(figures.roc_auc for figures in classes)]
        return any(area.low < CHANCE for area in areas if area is not None)

    def keep(self, task: str, findings: Findings) -> None:
        """Put ``findings`` in the place of the task's; InferenceError where they cannot be written."""
        with self._disk(f"{task}/{FINDINGS}"):
            partial = self.root / task / f"{FINDINGS}.partial"
            # Cross-validation may come before the task's first version.
            partial.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(findings.model_dump_json(indent=1) + "\n", encoding="utf-8")
            partial.replace(self.root / task / FINDINGS)

    def verify(self, ref: ModelRef) -> Card:
        """The card, after every file it names was found to have the hash it states; ModelDamaged otherwise."""
        card = self.card(ref)
        needed = {SELF_TEST} if card.members else {WEIGHTS, SELF_TEST}
        if card.ref != ref or not needed <= card.files.keys():
            raise ModelDamaged(f"The card of {ref} is that of {card.ref}, or names too few files. Register it again.")
        for name, expected in card.files.items():
            path = self.folder(ref) / name
            try:
                found = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as error:
                raise ModelDamaged(
                    f"The model {ref} lacks its file {name}, or it cannot be read ({error.strerror}). Register it "
                    "again or choose another."
                ) from error
            if found != expected:
                raise ModelDamaged(
                    f"The model {ref} was changed after it was registered: {name} has another hash than its card says. "
                    "Register it again or choose another version."
                )
        return card

    def next_version(self, task: str, network: str) -> str:
        """One more than the highest registered version number."""
        return str(1 + max((int(r.version) for r in self.refs() if (r.task, r.network) == (task, network)), default=0))

    @contextmanager
    def changing(self, replacing: Replacing | None = None) -> Iterator[dict[str, Serving]]:
        """What serves, to be changed in place; live.json is replaced in one step at the block's end unless it raises.

        With ``replacing``, by that: it is called where something changed, and what it raises is raised.
        One process or thread at a time, and readers never wait. Raises ModelMismatch where live.json does not read,
        InferenceError where it cannot be replaced.
        """
        with self._disk():
            descriptor = os.open(self.root / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            with self._disk():
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            live = dict(self.live())
            before = dict(live)
            yield live
            if live != before:
                with self._disk():
                    if replacing is None:
                        self._write(live)
                    else:
                        replacing(live, lambda: self._write(live))
        finally:
            # Closing releases the lock, as the end of a killed process does.
            os.close(descriptor)

    def _write(self, live: dict[str, Serving]) -> None:
        partial = self.root / f"{LIVE}.partial"
        with partial.open("wb") as file:
            file.write(_LIVE_FILE.dump_json(dict(sorted(live.items())), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.root / LIVE)

    @contextmanager
    def _disk(self, file: str = LIVE) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InferenceError(
                f"Nothing was changed: {self.root.name}/{file} cannot be written ({error.strerror}). Look at the "
                "folder's permissions and free space."
            ) from error


_LIVE_FILE = TypeAdapter(dict[str, Serving])


@lru_cache(maxsize=8)
def _read_live(path: Path, stamp: tuple[int, ...]) -> dict[str, Serving]:
    try:
        return _LIVE_FILE.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelMismatch(f"{path.name} of the model repository does not read: {error}. Restore it.") from error


@lru_cache(maxsize=128)
def _read(kind: type[Kind], what: str, path: Path, stamp: int) -> Kind:
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelDamaged(f"The {what} {path.parent.name}/{path.name} does not read: {error}.") from error
