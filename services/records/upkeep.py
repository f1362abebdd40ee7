"""Are database and vault whole, and tidying what interrupted writes left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

from sqlalchemy import Connection, func, text
from sqlmodel import col, select

from services.errors import Unavailable
from services.records import audit
from services.records.database import reading
from services.records.parts import of_image
from services.records.rights import Action, Actor, confirm, require
from services.records.schema import current_revision, newest_revision
from services.records.store import Store
from services.records.tables import AuditEvent, Outcome, Study, StudyFile

ROWS_AT_ONCE = 500
BACKED_UP = "store.backup"


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


def check(store: Store, actor: Actor) -> Health:
    """Compare every row with its file, by content, and every file with the rows, changing none.

    Raises NotAllowed, Unavailable.
    """
    require(actor, Action.STORE_CHECK)
    with reading(store.engine) as session:
        confirm(session, actor)
    return check_by_command(store)


def check_by_command(store: Store) -> Health:
    """``check`` for the command line only: who runs it holds database and vault anyway. Raises Unavailable."""
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


@dataclass(frozen=True)
class Storage:
    """How the store stands, without reading any file.

    ``database`` says what it is and ``vault`` where; sizes are in bytes, ``free_bytes`` is None where nobody can say.
    ``key`` names the key that files are sealed with, None where they lie as they are; ``backed_up`` is the last backup
    that the trail knows of.
    """

    revision: str | None
    newest: str | None
    database: str
    database_bytes: int
    vault: str
    files: int
    file_bytes: int
    free_bytes: int | None
    key: str | None
    backed_up: datetime | None


def storage(store: Store, actor: Actor) -> Storage:
    """Sizes and states for administrators; a file that several studies share is counted once a study.

    Raises NotAllowed, Unavailable.
    """
    require(actor, Action.STORE_CHECK)
    size = (
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        if store.engine.dialect.name == "sqlite"
        else "SELECT SUM(data_length + index_length) FROM information_schema.tables WHERE table_schema = DATABASE()"
    )
    with reading(store.engine) as session:
        confirm(session, actor)
        connection = session.connection()
        product = "SQLite" if connection.dialect.name == "sqlite" else _server_name(connection)
        version = ".".join(map(str, connection.dialect.server_version_info or ()))
        files, file_bytes = session.exec(select(func.count(), func.sum(StudyFile.size)).select_from(StudyFile)).one()
        backups = select(AuditEvent.at).where(AuditEvent.action == BACKED_UP).order_by(col(AuditEvent.at).desc())
        return Storage(
            revision=current_revision(store.engine),
            newest=newest_revision(),
            database=f"{product} {version}".strip(),
            database_bytes=int(connection.scalar(text(size)) or 0),
            vault=str(store.vault.place("", "")),
            files=files,
            file_bytes=int(file_bytes or 0),
            free_bytes=store.vault.free_bytes(),
            key=store.vault.keys.name,
            backed_up=session.exec(backups.limit(1)).first(),
        )


def _server_name(connection: Connection) -> str:
    return "MariaDB" if getattr(connection.dialect, "is_mariadb", False) else "MySQL"


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
    audit.note(store.engine, None, "store.rotate-key", what, outcome)
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
        yield from ((str(public_id), f"{file.kind}{of_image(file.image)}", file.sha256) for file, public_id in rows)
        last = rows[-1][0].id or 0


def _named(store: Store, digests: Collection[str]) -> set[str]:
    asked, named = list(digests), set[str]()
    with reading(store.engine) as session:
        for start in range(0, len(asked), ROWS_AT_ONCE):
            some = asked[start : start + ROWS_AT_ONCE]
            named.update(session.exec(select(StudyFile.sha256).where(col(StudyFile.sha256).in_(some))).all())
    return named
