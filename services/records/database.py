"""The engine for an address, and the only two ways to use it: ``reading`` and ``write``.

Sessions are short: nothing is shown, computed or waited for inside one, and what leaves it is a plain value.
"""

from __future__ import annotations

import json
import logging
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError
from sqlmodel import Session, SQLModel
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from services.errors import InvalidRecord, RecordsError, SettingsError, Unavailable

T = TypeVar("T")
log = logging.getLogger(__name__)

SECONDS_TO_CONNECT = 10
SECONDS_TO_WAIT = 30
ATTEMPTS = 6
_LAST = "last"
# Deadlock, lock wait timeout, and MariaDB's "record has changed since last read": the server has rolled back, and the
# same work done again is expected to succeed.
TRANSIENT = {(1213,), (1205,), (1020,)}
# MariaDB's numbers for what an administrator can do something about.
REASONS = {
    1040: "it serves as many connections as it may",
    1044: "the account may not use that database",
    1045: "it refuses the user name or password",
    1049: "it has no database of that name",
    2003: "no server answers at its address",
    2005: "its host name is unknown",
    2006: "it closed the connection",
    2013: "it was lost during a query",
}
STRICT = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION'"


def make_engine(address: str, *, for_migrations: bool = False) -> Engine:
    """An engine for ``sqlite:///FILE`` or ``mysql+pymysql://USER:PASSWORD@HOST/NAME``.

    SQLite: foreign keys on (off ``for_migrations``, which rebuild tables), write-ahead log, waiting for a lock instead
    of failing. MariaDB and MySQL: utf8mb4 whatever the address says, strict mode, so that nothing is cut off silently.
    Raises SettingsError for any other address; its text never holds the password.
    """
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        # ValueError is SQLAlchemy's for a port that is no number, and quotes what stands there: often the password.
        raise SettingsError(
            "DATABASE_URL is no database address; write it like mysql+pymysql://USER:PASSWORD@HOST/NAME, or leave it "
            "empty for SQLite."
        ) from None
    # hide_parameters keeps names and hashes out of logs and error texts.
    common: dict[str, Any] = {"pool_pre_ping": True, "hide_parameters": True, "pool_timeout": SECONDS_TO_WAIT}
    if url.drivername in ("sqlite", "sqlite+pysqlite") and url.database not in (None, "", ":memory:") and not url.query:
        return _sqlite(url, common, foreign_keys=not for_migrations)
    if url.drivername == "mysql+pymysql" and url.database and (url.port is None or 0 < url.port < 2**16):
        return create_engine(
            url.update_query_dict({"charset": "utf8mb4"}),
            # Repeatable read would take gap locks, on which writers of different studies deadlock.
            isolation_level="READ COMMITTED",
            pool_recycle=1800,
            pool_size=10,
            max_overflow=30,
            connect_args={
                "connect_timeout": SECONDS_TO_CONNECT,
                "read_timeout": 2 * SECONDS_TO_WAIT,
                "write_timeout": 2 * SECONDS_TO_WAIT,
                "init_command": STRICT,
            },
            **common,
        )
    raise SettingsError(
        "DATABASE_URL must be sqlite:///FILE or mysql+pymysql://USER:PASSWORD@HOST/NAME, with a file or a name; a port "
        "after HOST is 1 to 65535."
    )


def _sqlite(url: URL, common: dict[str, Any], *, foreign_keys: bool) -> Engine:
    file = Path(url.database or "")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # It holds names and hashes; its log files take over its mode.
        file.touch(mode=0o600)
    except OSError as error:
        raise SettingsError(
            f"The database file {file} cannot be made ({error.strerror}). Choose another folder with VAR_DIR or "
            "another address with DATABASE_URL."
        ) from error
    engine = create_engine(
        url,
        pool_size=10,
        max_overflow=30,
        connect_args={"timeout": SECONDS_TO_WAIT, "check_same_thread": False},
        **common,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # The driver would begin transactions late and commit before some statements; `begin` below does it instead.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        _write_ahead(cursor)
        # A study that was said to be stored survives a power cut.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A reader that turns writer may not wait for another writer (SQLite would have to show it two pasts), so
        # writers take the lock at once.
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _busy(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY


# SQLite does not wait by itself where two connections turn the same new file to the write-ahead log: that might lock
# each other out for good, so one is told at once that the file is busy.
@retry(retry=retry_if_exception(_busy), wait=wait_random(0, 0.05), stop=stop_after_delay(SECONDS_TO_WAIT), reraise=True)
def _write_ahead(cursor: sqlite3.Cursor) -> None:
    cursor.execute("PRAGMA journal_mode = WAL")


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session that only reads and is rolled back at the end; database errors become RecordsError."""
    try:
        with Session(engine, expire_on_commit=False, autoflush=False) as session:
            yield session
    except SQLAlchemyError as error:
        raise as_sentence(error) from error


def write(engine: Engine, work: Callable[[Session], T]) -> T:
    """Do ``work`` in one transaction and commit it: all of it or nothing.

    ``work`` may be called again when another writer was in the way, so it must start from scratch each time. Raises
    what ``work`` raises (rolled back), InvalidRecord where the database refuses a value, Unavailable otherwise.
    """
    for attempt in range(1, ATTEMPTS + 1):
        committing = False
        try:
            with Session(engine, expire_on_commit=False) as session:
                session.connection(execution_options={"writes": True})
                session.info[_LAST] = []
                result = work(session)
                session.flush()
                for step in session.info.pop(_LAST):
                    step(session)
                session.flush()
                committing = True
                session.commit()
                return result
        except SQLAlchemyError as error:
            if attempt < ATTEMPTS and _again(error, attempt):
                time.sleep(random.uniform(0, 0.02 * 2**attempt))
                continue
            if committing:
                _log("commit-uncertain", "The database failed while it stored something", error)
                raise Unavailable(
                    "The database failed at the last moment, so it is not certain whether this was stored. Look "
                    "whether it is there before you try again."
                ) from error
            raise as_sentence(error) from error
    raise AssertionError("the last attempt returns or raises")


def last(session: Session, step: Callable[[Session], None]) -> None:
    """Let ``write`` do ``step`` when all else of its transaction is done, right before the commit.

    A session of any other making would lose it, and raises KeyError.
    """
    session.info[_LAST].append(step)


def _again(error: SQLAlchemyError, attempt: int) -> bool:
    if isinstance(error, IntegrityError):
        # Another writer may have made the same row first; the next attempt finds it, or fails for good.
        return attempt <= 2
    return isinstance(error, DBAPIError) and error.orig is not None and error.orig.args[:1] in TRANSIENT


def key_of(row: SQLModel) -> int:
    """The integer key of a row that has been flushed."""
    key: int | None = getattr(row, "id", None)
    if key is None:
        raise InvalidRecord("This record has not been stored yet: store it first.")
    return key


def _log(event: str, sentence: str, error: SQLAlchemyError) -> None:
    """One line for the log: a sentence, then what to search for as ``key=value``.

    MariaDB's texts quote the value they refuse, which may be somebody's hospital identifier; its numbers do not, nor do
    SQLite's texts.
    """
    code = error.orig.args[0] if isinstance(error, DBAPIError) and error.orig and error.orig.args else ""
    why = f": {REASONS[code]}" if code in REASONS else ""
    log.error(
        "%s%s. event=%s error=%s code=%s", sentence, why, event, type(error).__name__, json.dumps(code, default=str)
    )


def as_sentence(error: SQLAlchemyError) -> RecordsError:
    """The RecordsError for a database error; the cause goes to the log, without any value."""
    # A StatementError that is no DBAPIError never reached the database: the value was refused on the way.
    unfit = isinstance(error, StatementError) and not isinstance(error, DBAPIError)
    if unfit or isinstance(error, IntegrityError | DataError):
        _log("record-refused", "The database refused a record", error)
        return InvalidRecord(
            "The database refused this record because it contradicts another or does not fit. Check what you entered."
        )
    _log("database-unavailable", "The database cannot be used", error)
    return Unavailable(
        "The database cannot be used at the moment, and nothing was changed. Try again in a minute; if it stays like "
        "this, let an administrator see whether the database runs and DATABASE_URL names it."
    )
