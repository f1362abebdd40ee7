"""One folder that holds database and vault as they were at one moment, and the way back into an empty place.

    manifest.json        versions, revision, counts, and the SHA-256 of every part of every table
    manifest.seal        where a key is set: the manifest's SHA-256, sealed, so that nobody without the key can write it
    files.jsonl          (digest, SHA-256 of what lies under it) of every file
    tables/user-0.gz     rows as lines of JSON (portable.py), at most ROWS_IN_A_PART
    files/ab/cd…         the vault's files

Rows come from one transaction that sees one moment, files afterwards: a row that is visible has its files, and no sweep
runs meanwhile. Written under another name and renamed in the end, so that an unfinished backup never looks like one.
What is sealed stays sealed; where a key is set, everything but manifest and list is sealed with it, so that a backup
needs the key as the vault does, and no part can be changed or exchanged: the manifest holds the hash of each, and the
seal that of the manifest. It goes back into SQLite as into MariaDB, and into a folder as into a bucket.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import SQLModel

from services.errors import InvalidRecord, Unavailable
from services.records import audit
from services.records.columns import now
from services.records.database import as_sentence
from services.records.heads import heads_of
from services.records.portable import read_line, write_line
from services.records.schema import current_revision, migrate, newest_revision
from services.records.sealing import is_sealed, sealing_key
from services.records.startup import check_revision
from services.records.store import Store
from services.records.tables import OneTimeLink, SignInSession, StudyFile
from services.records.upkeep import BACKED_UP
from services.records.vault import vault_errors
from services.settings import VERSION

FORM = 2
ROWS_IN_A_PART = 20_000
MANIFEST, SEAL, FILES = "manifest.json", "manifest.seal", "files.jsonl"


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. ``tables`` are, by name, the (rows, SHA-256) of each part; ``key`` names the sealing key."""

    form: int
    falx: str
    revision: str
    made: str
    key: str | None
    files: int
    files_sha256: str
    tables: dict[str, list[tuple[int, str]]]

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(rows for parts in self.tables.values() for rows, _ in parts)


def back_up(store: Store, target: Path) -> Manifest:
    """Write a backup of ``store`` into the new folder ``target``, and note it in the trail.

    People may go on working. Raises SettingsError where the database is not migrated, InvalidRecord where the folder is
    there already, Unavailable where a file is missing or something cannot be read or written: then nothing is left.
    """
    check_revision(store)
    if target.exists():
        raise InvalidRecord(f"{target} is there already, and a backup never overwrites another. Name a new folder.")
    part = target.with_name(f"{target.name}.part")
    try:
        with vault_errors("backed up"):
            shutil.rmtree(part, ignore_errors=True)
            for folder in (part, part / "tables", part / "files"):
                folder.mkdir(mode=0o700, parents=True)
        with store.vault.saving():
            manifest = _write_all(store, part)
        with vault_errors("backed up"):
            digest = _put(part / MANIFEST, json.dumps(asdict(manifest), indent=1).encode())
            if manifest.key:
                _put(part / SEAL, store.vault.keys.seal(digest.encode(), MANIFEST))
            part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    what = f"{manifest.rows} rows, {manifest.files} files"
    audit.note(store.engine, None, BACKED_UP, what)
    return manifest


def restore(store: Store, source: Path, *, plain: bool = False) -> Manifest:
    """Put a backup back into an empty database, which is migrated first where it has no tables, and an empty vault.

    Every part is compared with its hash before its rows are stored, and the rows become visible all together. One that
    was interrupted may be begun again. No session and no one-time link of the backup opens anything afterwards, since
    some may have been ended or used. Where a key is set, a backup made without one is taken only if it is said to be
    ``plain``. Raises InvalidRecord for a damaged or forged backup, one of another version, or a place that is not
    empty; Unavailable where a key is missing or something cannot be read or written.
    """
    manifest = _read_manifest(store, source, plain=plain)
    listed = list(_listed_files(source, manifest))
    if current_revision(store.engine) is None:
        migrate(store.engine.url.render_as_string(hide_password=False))
    check_revision(store)
    foreign = set(store.vault.digests()) - {digest for digest, _ in listed}
    if foreign:
        raise InvalidRecord("The vault holds other files already. Restore into an empty folder or bucket.")
    with store.vault.saving() as batch, _all_or_nothing(store.engine) as connection:
        _empty(connection)
        for digest, expected in listed:
            batch.stage_stored(digest, _get(source / "files" / digest[:2] / digest[2:], expected))
            batch.publish()
        for table in SQLModel.metadata.sorted_tables:
            for number, (rows, expected) in enumerate(manifest.tables[table.name]):
                name = _part_name(table, number)
                content = _get(source / name, expected)
                found = _rows_of(table, store.vault.keys.unseal(content, name) if manifest.key else content)
                if len(found) != rows:
                    raise InvalidRecord(f"{name} holds {len(found)} rows, not {rows}. Take another backup.")
                connection.execute(table.insert(), found)
        connection.execute(update(_SESSION).where(_SESSION.c.revoked.is_(None)).values(revoked=now()))
        connection.execute(_LINK.delete().where(_LINK.c.used.is_(None)))
    if heads := heads_of(store.engine):
        # They may go further than the backup's trail.
        heads.set_aside(now())
    what = f"{manifest.rows} rows, {manifest.files} files, made {manifest.made[:19]}"
    audit.note(store.engine, None, "store.restore", what)
    return manifest


def _write_all(store: Store, folder: Path) -> Manifest:
    tables: dict[str, list[tuple[int, str]]] = {}
    made = now()
    with _snapshot(store.engine) as connection:
        for table in SQLModel.metadata.sorted_tables:
            tables[table.name] = []
            for number, rows in enumerate(_parts(connection, table)):
                name = _part_name(table, number)
                lines = "\n".join(write_line(table, row) for row in rows)
                content = store.vault.keys.seal(gzip.compress(lines.encode(), 6, mtime=0), name)
                tables[table.name].append((len(rows), _put(folder / name, content)))
        digests = connection.scalars(select(_FILE.c.sha256).distinct().order_by(_FILE.c.sha256)).all()
    list_of_files = []
    for digest in digests:
        list_of_files.append(json.dumps([digest, _copy(store, digest, folder)]))
    listed = "\n".join(list_of_files).encode()
    return Manifest(
        form=FORM,
        falx=VERSION,
        revision=newest_revision() or "",
        made=made.isoformat(),
        key=store.vault.keys.name,
        files=len(digests),
        files_sha256=_put(folder / FILES, listed),
        tables=tables,
    )


def _copy(store: Store, digest: str, folder: Path) -> str:
    stored = store.vault.stored(digest)
    if hashlib.sha256(stored).hexdigest() == digest:
        stored = store.vault.keys.seal(stored, digest)
    elif not is_sealed(stored):
        raise Unavailable(
            f"The stored file {digest} is damaged, so no backup was made. Run “python -m services.records check”; "
            "uploading the same file again mends it."
        )
    return _put(folder / "files" / digest[:2] / digest[2:], stored)


def _parts(connection: Connection, table: Table) -> Iterator[list[Any]]:
    rows = connection.execution_options(yield_per=ROWS_IN_A_PART).execute(
        select(table).order_by(*table.primary_key.columns)
    )
    for part in rows.mappings().partitions(ROWS_IN_A_PART):
        yield list(part)


def _rows_of(table: Table, packed: bytes) -> list[dict[str, Any]]:
    return [read_line(table, line) for line in gzip.decompress(packed).decode().split("\n")]


def _part_name(table: Table, number: int) -> str:
    return f"tables/{table.name}-{number}.gz"


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees the database as it is at its first look."""
    try:
        with engine.connect() as connection:
            if engine.dialect.name != "sqlite":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection
    except SQLAlchemyError as error:
        raise as_sentence(error) from error


@contextmanager
def _all_or_nothing(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                yield connection
    except SQLAlchemyError as error:
        raise as_sentence(error) from error


def _empty(connection: Connection) -> None:
    """Refuse a database that anybody has used; take away what its migrations put there."""
    tables = SQLModel.metadata.tables
    for name in ("user", "patient", "study", "audit_event"):
        if connection.scalar(select(func.count()).select_from(tables[name])):
            raise InvalidRecord(
                f"The database holds rows already (table {name}). Restore into an empty one: name it with DATABASE_URL."
            )
    for table in reversed(SQLModel.metadata.sorted_tables):
        connection.execute(table.delete())


def _put(path: Path, content: bytes) -> str:
    with vault_errors("backed up"):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    return hashlib.sha256(content).hexdigest()


def _get(path: Path, expected: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidRecord(f"{path} is missing or cannot be read ({error.strerror}). Take another backup.") from error
    if hashlib.sha256(content).hexdigest() != expected:
        raise InvalidRecord(f"{path} is not what was written: it has another hash. Take another backup.")
    return content


def _read_manifest(store: Store, source: Path, *, plain: bool) -> Manifest:
    try:
        content = (source / MANIFEST).read_bytes()
        found = json.loads(content)
        tables = {name: [(int(rows), str(sha)) for rows, sha in parts] for name, parts in found.pop("tables").items()}
        manifest = Manifest(**found, tables=tables)
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise InvalidRecord(f"{source} is no finished backup: its {MANIFEST} cannot be read.") from error
    if manifest.form != FORM or manifest.revision != newest_revision():
        raise InvalidRecord(
            f"This backup was made by Falx {manifest.falx} at revision {manifest.revision}, and this version has "
            f"{newest_revision()}. Restore it with that version, then migrate."
        )
    if tables.keys() != SQLModel.metadata.tables.keys():
        raise InvalidRecord(f"The {MANIFEST} of {source} does not name every table. Take another backup.")
    if manifest.key:
        _check_seal(store, source, content)
    elif store.vault.keys.keys and not plain:
        raise InvalidRecord(
            "This backup was made without a key, so anybody who can write to it may have changed it. If it lay where "
            "nobody else can write, restore it with --plain."
        )
    return manifest


def _check_seal(store: Store, source: Path, manifest: bytes) -> None:
    try:
        seal = (source / SEAL).read_bytes()
    except OSError as error:
        raise InvalidRecord(f"{source / SEAL} is missing or cannot be read. Take another backup.") from error
    forged = InvalidRecord(f"The {MANIFEST} of {source} is not what was written. Take another backup.")
    if not is_sealed(seal):
        raise forged
    try:
        sealed = store.vault.keys.unseal(seal, MANIFEST)
    except Unavailable:
        # A key that is not set is said as it is; a seal that one of ours did not make is a forgery.
        if sealing_key(seal) not in store.vault.keys.keys:
            raise
        raise forged from None
    if sealed != hashlib.sha256(manifest).hexdigest().encode():
        raise forged


def _listed_files(source: Path, manifest: Manifest) -> Iterator[tuple[str, str]]:
    for line in _get(source / FILES, manifest.files_sha256).decode().splitlines():
        digest, expected = json.loads(line)
        yield digest, expected


_FILE, _SESSION, _LINK = (
    SQLModel.metadata.tables[str(table.__tablename__)] for table in (StudyFile, SignInSession, OneTimeLink)
)
