"""Migrations go up and down on both databases and end at what the models say."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, Date, DateTime, Float, Integer, MetaData, inspect, select, text
from sqlmodel import SQLModel

from services.errors import SettingsError, Unavailable
from services.records import schema, tables  # noqa: F401  fills the metadata
from services.records.database import make_engine
from services.records.schema import current_revision, migrate, newest_revision


def differences(address: str) -> list[object]:
    engine = make_engine(address)
    try:
        with engine.connect() as connection:
            options = {"compare_type": True, "compare_server_default": True}
            return list(compare_metadata(MigrationContext.configure(connection, opts=options), SQLModel.metadata))
    finally:
        engine.dispose()


def table_names(address: str) -> set[str]:
    engine = make_engine(address)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_up_down_up(empty_database):
    migrate(empty_database)
    assert table_names(empty_database) == {*SQLModel.metadata.tables, "alembic_version"}
    migrate(empty_database, "base")
    assert table_names(empty_database) == {"alembic_version"}
    migrate(empty_database)
    migrate(empty_database)
    assert differences(empty_database) == []
    engine = make_engine(empty_database)
    assert current_revision(engine) == newest_revision()
    engine.dispose()


def revisions() -> list[str]:
    scripts = ScriptDirectory.from_config(schema._config())
    return [script.revision for script in scripts.walk_revisions()][::-1]


def common(row, other):
    return {key: value for key, value in row.items() if key in other}


def fill(connection, found) -> None:
    """Two rows in every table that the database has at this revision, and none of its columns empty."""
    for table in found:
        if connection.execute(select(table)).first() is not None:
            # A migration has put its own row there.
            continue
        pointers = {key.parent.name: key.column for key in table.foreign_keys}
        for number in (1, 2):
            row = {}
            for column in table.columns:
                if column.name in pointers:
                    there = pointers[column.name]
                    # In the order of their keys, whatever index the database would read them from.
                    values = connection.scalars(select(there).order_by(*there.table.primary_key.columns)).all()
                    row[column.name] = values[number - 1]
                elif column.name == "search_key":
                    # Written anew from two other columns on the way down.
                    row[column.name] = f"{number} {number}"
                elif isinstance(column.type, Boolean):
                    row[column.name] = number == 1
                elif isinstance(column.type, Integer):
                    row[column.name] = number
                elif isinstance(column.type, DateTime):
                    row[column.name] = datetime(2026, 1, number, 12, 30, 1, 250_000)  # noqa: DTZ001 - as stored
                elif isinstance(column.type, Date):
                    row[column.name] = date(2026, 1, number)
                elif isinstance(column.type, Float):
                    row[column.name] = number / 4
                else:
                    row[column.name] = f"{number}"
            connection.execute(table.insert(), row)


# Revision 0004 counts failed sign-ins by another key and ends every sign-in, which then says whose browser it is.
FADING = ("sign_in_throttle", "sign_in_session")


def ordered(table):
    return select(table).order_by(*table.primary_key.columns)


def rows_at(address: str, *, filling: bool = False) -> dict[str, list[dict[str, object]]]:
    """Every row by table, filled first where asked."""
    engine = make_engine(address)
    with engine.connect() as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():
            metadata = MetaData()
            metadata.reflect(connection)
            there = [table for table in metadata.sorted_tables if table.name not in ("alembic_version", *FADING)]
            if filling:
                fill(connection, there)
            found = {
                table.name: [dict(row) for row in connection.execute(ordered(table)).mappings()] for table in there
            }
    engine.dispose()
    return found


@pytest.mark.parametrize("revision", revisions())
def test_rows_survive_from_every_revision_up_and_down_again(empty_database, revision):
    """What was in the tables at a revision is there at the newest, and again after going back."""
    migrate(empty_database, revision)
    before = rows_at(empty_database, filling=True)
    assert all(before.values())
    migrate(empty_database)
    assert differences(empty_database) == []
    after = rows_at(empty_database)
    for name, rows in before.items():
        kept = after.get(name, [])
        assert len(kept) == len(rows), name
        for old, new in zip(rows, kept, strict=True):
            assert {key: value for key, value in new.items() if key in old} == {
                k: v for k, v in old.items() if k in new
            }
    migrate(empty_database, revision)
    assert rows_at(empty_database) == before
    migrate(empty_database, "base")
    assert table_names(empty_database) == {"alembic_version"}
    migrate(empty_database)
    assert differences(empty_database) == []


@pytest.mark.parametrize("revision", revisions()[:-1])
def test_rows_of_today_survive_the_way_down_to_every_revision(empty_database, revision):
    migrate(empty_database)
    before = rows_at(empty_database, filling=True)
    migrate(empty_database, revision)
    after = rows_at(empty_database)
    for name in before.keys() & after.keys():
        for old, new in zip(before[name], after[name], strict=True):
            assert common(old, new) == common(new, old)
    migrate(empty_database, "base")
    assert table_names(empty_database) == {"alembic_version"}


def test_on_the_way_down_a_study_keeps_its_leading_image(empty_database):
    """Study 1 gets a second image that leads, with an answer, an upload and a report; its first image goes."""
    migrate(empty_database)
    before = rows_at(empty_database, filling=True)
    engine = make_engine(empty_database)
    metadata = MetaData()
    metadata.reflect(engine)

    def more(connection, table: str, **changes) -> None:
        connection.execute(metadata.tables[table].insert(), before[table][0] | {"id": 9} | changes)

    with engine.connect() as connection, connection.execution_options(writes=True).begin():
        more(connection, "image", number=2, format="DICOM", frame=7)
        more(connection, "prediction", image=2, label="leads")
        more(connection, "file", image=2, sha256="leads")
        more(connection, "file", id=10, image=0, kind="report", sha256="report")
        connection.execute(text("UPDATE study SET leading_image = 2 WHERE id = 1"))
    engine.dispose()
    migrate(empty_database, "0008")
    after = rows_at(empty_database)
    other = before["image"][1]["format"]
    assert [(row["format"], row["frame"]) for row in after["study"]] == [("DICOM", 7), (other, 2)]
    assert [row["label"] for row in after["prediction"] if row["study_id"] == 1] == ["leads"]
    assert [row["sha256"] for row in after["file"] if row["study_id"] == 1] == ["leads", "report"]
    migrate(empty_database)
    again = rows_at(empty_database)
    assert [(row["study_id"], row["number"], row["format"]) for row in again["image"]] == [
        (1, 1, "DICOM"), (2, 1, other),
    ]  # fmt: skip
    assert [(row["image"], row["kind"]) for row in again["file"] if row["study_id"] == 1] == [(1, "1"), (0, "report")]


MARIADB = (
    "SELECT table_name, column_name, column_type, is_nullable, column_default, collation_name, column_key, extra "
    "FROM information_schema.columns WHERE table_schema = DATABASE()",
    "SELECT table_name, index_name, seq_in_index, column_name, non_unique "
    "FROM information_schema.statistics WHERE table_schema = DATABASE()",
    "SELECT table_name, constraint_name, column_name, referenced_table_name, referenced_column_name "
    "FROM information_schema.key_column_usage WHERE table_schema = DATABASE()",
    "SELECT table_name, engine, table_collation FROM information_schema.tables WHERE table_schema = DATABASE()",
)
SQLITE = (
    'SELECT t.name, c.name, c.type, c."notnull", c.dflt_value, c.pk '
    "FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'",
    # SQLite numbers the indexes of unique constraints in their order, which does not matter.
    "SELECT t.name, CASE i.origin WHEN 'c' THEN i.name END, i.origin, c.seqno, c.name "
    "FROM sqlite_master t, pragma_index_list(t.name) i, pragma_index_info(i.name) c WHERE t.type = 'table'",
    'SELECT t.name, f."from", f."table", f."to", f.on_delete '
    "FROM sqlite_master t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table'",
)


def catalogue(address: str) -> set[tuple[object, ...]]:
    """Everything that the database itself says of its tables, except the order of their columns."""
    engine = make_engine(address)
    with engine.connect() as connection:
        queries = MARIADB if address.startswith("mysql") else SQLITE
        rows = {tuple(row) for query in queries for row in connection.exec_driver_sql(query).all()}
    engine.dispose()
    return {row for row in rows if row[0] != "alembic_version"}


def test_the_models_make_exactly_what_the_migrations_make(empty_database, request, tmp_path):
    mysql = empty_database.startswith("mysql")
    other = request.getfixturevalue("new_mariadb")() if mysql else f"sqlite:///{tmp_path}/models.db"
    migrate(empty_database)
    engine = make_engine(other)
    SQLModel.metadata.create_all(engine)
    engine.dispose()
    assert catalogue(empty_database) == catalogue(other)
    assert len(catalogue(other)) > 80


def test_a_difference_would_be_seen(empty_database):
    migrate(empty_database)
    engine = make_engine(empty_database)
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX ix_file_sha256" + ("" if "sqlite" in empty_database else " ON file")))
        connection.execute(text("ALTER TABLE patient ADD COLUMN stray INTEGER"))
    engine.dispose()
    assert len(differences(empty_database)) == 2


def test_two_processes_migrate_at_once(empty_database):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, [empty_database] * 4))
    assert differences(empty_database) == []


def test_a_database_of_a_newer_version_is_a_sentence(empty_database):
    migrate(empty_database)
    engine = make_engine(empty_database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(SettingsError, match="another version of Falx"):
        migrate(empty_database)


def test_mariadb_keeps_any_script_and_microseconds_whatever_the_server_is_set_to(new_mariadb):
    address = new_mariadb()
    migrate(address)
    engine = make_engine(address)
    with engine.connect() as connection:
        collations = connection.execute(
            text("SELECT DISTINCT collation_name FROM information_schema.columns WHERE table_schema = DATABASE() AND "
                 "table_name <> 'alembic_version' AND collation_name IS NOT NULL")
        ).scalars().all()  # fmt: skip
        precisions = connection.execute(
            text("SELECT DISTINCT datetime_precision FROM information_schema.columns WHERE table_schema = DATABASE() "
                 "AND data_type = 'datetime'")
        ).scalars().all()  # fmt: skip
        assert "STRICT_ALL_TABLES" in str(connection.scalar(text("SELECT @@sql_mode")))
    engine.dispose()
    assert collations == ["utf8mb4_bin"]
    assert precisions == [6]


@pytest.mark.parametrize(
    "address",
    ["", "sqlite://", "sqlite:///:memory:", "postgresql://u:hunter2@h/n", "mysql://u:hunter2@h/n", "nonsense hunter2",
     "mysql+pymysql://u:hunter2@h/", "sqlite:////proc/none/falx.db"],
)  # fmt: skip
def test_unusable_addresses_are_sentences_without_the_password(address):
    with pytest.raises(SettingsError) as caught:
        make_engine(address)
    assert "hunter2" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_database_out_of_reach_is_a_sentence():
    with pytest.raises(Unavailable, match="cannot be used"):
        migrate("mysql+pymysql://root@127.0.0.1:1/falx")
