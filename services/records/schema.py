"""Bring a database to the newest revision of services/records/migrations, by command and by the tests."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from services.errors import SettingsError, Unavailable
from services.records.database import as_sentence, make_engine

SECONDS_TO_WAIT = 60


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return config


def newest_revision() -> str | None:
    """The revision that the tables in the code correspond to."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def current_revision(engine: Engine) -> str | None:
    """The revision a database stands at, None where it is empty. Raises Unavailable."""
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        raise as_sentence(error) from error


def migrate(address: str, revision: str = "head") -> None:
    """Upgrade or downgrade the database at ``address`` (a SQLAlchemy address) to ``revision``.

    Two processes that start at once take turns. On SQLite a failed migration leaves the database as it was; MariaDB
    commits each statement of a migration by itself. Raises SettingsError for an unusable address or
    an unknown revision, Unavailable otherwise.
    """
    engine = make_engine(address, for_migrations=True)
    try:
        with engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                _take_turn(connection)
                config = _config()
                config.attributes["connection"] = connection
                down = revision == "base" or (revision != "head" and _is_behind(connection, revision))
                (command.downgrade if down else command.upgrade)(config, revision)
                _check_references(connection)
    except SQLAlchemyError as error:
        raise as_sentence(error) from error
    except CommandError as error:
        raise SettingsError(
            "The database was made by another version of Falx, which this one cannot migrate. Start that version, or "
            "name another database with DATABASE_URL."
        ) from error
    finally:
        engine.dispose()


def _is_behind(connection: Connection, revision: str) -> bool:
    now = MigrationContext.configure(connection).get_current_revision()
    if now is None:
        return False
    behind = ScriptDirectory.from_config(_config()).iterate_revisions(now, "base")
    return revision in {script.revision for script in behind}


def _take_turn(connection: Connection) -> None:
    if connection.dialect.name == "mysql":
        # Freed when the connection ends. SQLite's write lock does the same by itself.
        taken = connection.scalar(
            text("SELECT GET_LOCK(CONCAT('falx ', MD5(DATABASE())), :seconds)"), {"seconds": SECONDS_TO_WAIT}
        )
        if taken != 1:
            raise Unavailable("Another process is migrating this database. Wait until it is done, then start again.")


def _check_references(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise Unavailable(f"The migration was undone: it would leave {len(broken)} rows that point to nothing.")
