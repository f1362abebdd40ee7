"""Are database and vault whole, and tidying what interrupted writes left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from sqlmodel import col, select

from services.errors import Unavailable
from services.records import audit
from services.records.database import reading, write
from services.records.rights import Action, Actor, confirm, require
from services.records.schema import current_revision, newest_revision
from services.records.store import Store
from services.records.tables import Outcome, Study, StudyFile

ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Health:
    """What ``check`` found. ``unreadable`` are (study and kind, what is wrong); ``orphans`` are files without a row."""

    revision: str | None
    newest: str | None
    files: int
    unreadable: tuple[tuple[str, str], ...]
    orphans: tuple[PurePath, ...]

    @property
    def whole(self) -> bool:
        """Nothing is wrong."""
        return self.revision == self.newest and not self.unreadable and not self.orphans


def check(store: Store, actor: Actor | None = None) -> Health:
    """Compare every row with its file, by content, and every file with the rows, changing none.

    ``actor`` is None on the command line only. Raises NotAllowed, Unavailable.
    """
    if actor is not None:
        require(actor, Action.STORE_CHECK)
        with reading(store.engine) as session:
            confirm(session, actor)
    revision, newest = current_revision(store.engine), newest_revision()
    if revision != newest:
        # The tables may lack what the code asks for.
        return Health(revision, newest, 0, (), ())
    seen, unreadable = 0, []
    for public_id, kind, digest in _rows(store):
        seen += 1
        try:
            store.vault.read(digest)
        except Unavailable as error:
            unreadable.append((f"study {public_id} {kind}", str(error)))
    orphans = store.vault.orphans(lambda digests: _named(store, digests))
    return Health(revision, newest, seen, tuple(unreadable), tuple(orphans))


def sweep(store: Store) -> int:
    """Delete the files that no row names and that are older than an hour, and say how many. Raises Unavailable."""
    return store.vault.sweep(lambda digests: _named(store, digests))


@dataclass(frozen=True)
class Rotation:
    """What ``rotate_key`` did: files sealed anew, files that were so already, and (digest, what is wrong)."""

    changed: int
    kept: int
    failed: tuple[tuple[str, str], ...]


def rotate_key(store: Store) -> Rotation:
    """Seal every file with the current key, also those stored before there was one; without a key make all plain.

    May be interrupted and begun again, and people may go on working. Raises Unavailable where the vault cannot be
    listed; a file that cannot be read is passed over and named.
    """
    done: Counter[bool] = Counter()
    failed = []
    for digest in store.vault.digests():
        try:
            done[store.vault.reseal(digest)] += 1
        except Unavailable as error:
            failed.append((digest, str(error)))
    what = f"{done[True]} files, key {store.vault.keys.name or 'none'}, {len(failed)} failed"
    outcome = Outcome.FAILED if failed else Outcome.DONE
    write(store.engine, lambda session: audit.record(session, None, "store.rotate-key", what, outcome))
    return Rotation(done[True], done[False], tuple(failed))


def _rows(store: Store) -> Iterator[tuple[str, str, str]]:
    last = 0
    while True:
        query = (
            select(StudyFile, Study.public_id)
            .join(Study, col(Study.id) == col(StudyFile.study_id))
            .where(col(StudyFile.id) > last)
            .order_by(col(StudyFile.id))
            .limit(ROWS_AT_ONCE)
        )
        with reading(store.engine) as session:
            rows = session.exec(query).all()
        if not rows:
            return
        yield from ((str(public_id), file.kind, file.sha256) for file, public_id in rows)
        last = rows[-1][0].id or 0


def _named(store: Store, digests: Collection[str]) -> set[str]:
    asked, named = list(digests), set[str]()
    with reading(store.engine) as session:
        for start in range(0, len(asked), ROWS_AT_ONCE):
            some = asked[start : start + ROWS_AT_ONCE]
            named.update(session.exec(select(StudyFile.sha256).where(col(StudyFile.sha256).in_(some))).all())
    return named
