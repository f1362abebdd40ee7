"""The model repository: <task>/<network>/<version>/ folders that never change, and live.json that names what serves."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from services.errors import ModelDamaged, ModelMismatch, ModelNotFound
from services.inference.card import CARD, Card
from services.inference.prediction import ModelRef

LIVE = "live.json"


class Serving(BaseModel):
    """One task's part of live.json: the live version of each network, and the network that answers by default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: str
    versions: dict[str, str]


class ModelRepository:
    """Reads (and, for registration, writes) one repository folder. Safe to share between threads."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def live(self) -> dict[str, Serving]:
        """What serves, by task; read again only when live.json was replaced."""
        path = self.root / LIVE
        try:
            stamp = path.stat().st_mtime_ns
        except FileNotFoundError:
            return {}
        return _read_live(path, stamp)

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

    def refs(self) -> list[ModelRef]:
        """Every registered version, oldest first within its network."""
        found = [ModelRef(*path.parent.relative_to(self.root).parts) for path in self.root.glob(f"*/*/*/{CARD}")]
        return sorted(found, key=lambda ref: (ref.task, ref.network, int(ref.version)))

    def folder(self, ref: ModelRef) -> Path:
        """Where a version's files lie."""
        return self.root / ref.task / ref.network / ref.version

    def card(self, ref: ModelRef) -> Card:
        """The version's card; ModelNotFound where there is none, ModelDamaged where it does not read."""
        path = self.folder(ref) / CARD
        if not path.exists():
            raise ModelNotFound(f"The model repository has no version {ref}.")
        return _read_card(path, path.stat().st_mtime_ns)

    def verify(self, ref: ModelRef) -> Card:
        """The card, after every file it names was found to have the hash it states; ModelDamaged otherwise."""
        card = self.card(ref)
        for name, expected in card.files.items():
            path = self.folder(ref) / name
            if not path.exists():
                raise ModelDamaged(f"The model {ref} lacks its file {name}. Register it again or choose another.")
            if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
                raise ModelDamaged(
                    f"The model {ref} was changed after it was registered: {name} has another hash than its card says. "
                    "Register it again or choose another version."
                )
        return card

    def next_version(self, task: str, network: str) -> str:
        """One more than the highest registered version number."""
        return str(1 + max((int(r.version) for r in self.refs() if (r.task, r.network) == (task, network)), default=0))

    def make_live(self, ref: ModelRef, *, default: bool = False) -> None:
        """Let ``ref`` serve from now on; live.json is replaced in one step."""
        self.card(ref)
        live = dict(self.live())
        old = live.get(ref.task)
        versions = {**(old.versions if old else {}), ref.network: ref.version}
        live[ref.task] = Serving(default=ref.network if default or old is None else old.default, versions=versions)
        partial = self.root / f"{LIVE}.partial"
        partial.write_text(
            json.dumps({key: serving.model_dump() for key, serving in sorted(live.items())}, indent=2) + "\n",
            encoding="utf-8",
        )
        partial.replace(self.root / LIVE)


@lru_cache(maxsize=8)
def _read_live(path: Path, stamp: int) -> dict[str, Serving]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {task: Serving.model_validate(value) for task, value in stored.items()}
    except (ValueError, ValidationError) as error:
        raise ModelMismatch(f"{path.name} of the model repository does not read: {error}. Restore it.") from error


@lru_cache(maxsize=64)
def _read_card(path: Path, stamp: int) -> Card:
    try:
        return Card.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ModelDamaged(f"The card {path.parent.name}/{path.name} does not read: {error}.") from error
