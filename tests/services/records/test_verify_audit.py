"""The command that verifies the trail, and the trails of databases that were there before the chain."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import DateTime, String, column, delete, insert, table, text, update
from sqlalchemy.dialects import mysql

from services.records import audit
from services.records.chain import ROWS_AT_ONCE, Head
from services.records.chain import verify_by_command as verify
from services.records.columns import now
from services.records.database import make_engine
from services.records.schema import migrate
from services.records.store import open_store
from services.records.tables import AuditEvent, AuditHead
from services.settings import Settings
from tests.services.records.test_startup import command
from tests.services.records.trail_rows import chained, change, rows

EVENT, HEAD = AuditEvent.__table__, AuditHead.__table__
TIME = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
OLD = table(
    "audit_event", column("id"), column("at", TIME), column("user_id"),
    *(column(name, String) for name in ("who", "action", "object", "outcome")),
)  # fmt: skip


@pytest.fixture
def house(address, tmp_path):
    """A store with five events, which the command finds by the environment."""
    settings = Settings(_env_file=None, database_url=address, var_dir=tmp_path / "var")
    with open_store(settings) as store:
        for n in range(5):
            audit.note(store.engine, None, "a", f"study {n}")
        yield store


@pytest.fixture
def verify_audit(house, address, tmp_path):
    def run(*words):
        return command(tmp_path, "verify-audit", *words, DATABASE_URL=address)

    return run


def test_the_command(house, verify_audit):
    code, said, _ = verify_audit()
    assert code == 0
    assert said.startswith("5 events, nothing wrong.\nNote this head")
    head = re.search(r"5:[0-9a-f]{64}", said)[0]
    assert head == str(verify(house).head)
    audit.note(house.engine, None, "a", "study 5")
    assert verify_audit("--expect", head)[0] == 0
    change(house, update(EVENT).where(EVENT.c.id == 3).values(who="somebody"))
    change(house, delete(EVENT).where(EVENT.c.id > 4))
    change(house, update(HEAD).values(count=4, hash=rows(house)[-1].hash))
    code, said, _ = verify_audit("--expect", head)
    assert code == 1
    assert "Event 3 was altered" in said
    assert "Event 5 is missing, which the expected head counts." in said
    assert "Events 5 to 6 are missing, which" in said
    assert said.endswith("4 events, 3 wrong.\n")


def test_an_inserted_event_ends_with_code_1(house, verify_audit):
    change(house, insert(EVENT).values(id=6, **chained(rows(house)[-1].hash)))
    code, said, _ = verify_audit()
    assert code == 1
    assert "Event 6 was inserted: it stands behind the end of the trail." in said


def test_a_head_that_is_none_is_a_sentence(verify_audit):
    code, said, error = verify_audit("--expect", "five")
    assert (code, said) == (2, "")
    assert "COUNT:HASH" in error


def test_a_trail_from_before_the_chain_is_chained(empty_database, tmp_path):
    """Its rows keep their order, and lose the gaps that undone transactions left on a server."""
    migrate(empty_database, "0002")
    engine = make_engine(empty_database)
    said = [
        {"id": 3 * n + 2, "at": now().replace(tzinfo=None, microsecond=n % 3), "user_id": None, "who": f"zoë {n}",
         "action": "study.view", "object": f"study {n} “x”", "outcome": "refused" if n % 2 else "done"}
        for n in range(ROWS_AT_ONCE + 5)
    ]  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(OLD), said)
    engine.dispose()
    migrate(empty_database)
    settings = Settings(_env_file=None, database_url=empty_database, var_dir=tmp_path / "var")
    with open_store(settings) as store:
        verification = verify(store)
        assert verification.whole, verification.faults
        found = rows(store)
        assert verification.head == Head(len(said), found[-1].hash)
        assert [row.id for row in found] == list(range(1, len(said) + 1))
        assert [row.who for row in found] == [row["who"] for row in said]
        assert found[1].at.microsecond == 1
        audit.note(store.engine, None, "a", "o")
        assert verify(store).whole
    # Down and up again: the events stay, and are chained anew.
    migrate(empty_database, "0002")
    engine = make_engine(empty_database)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT COUNT(*) FROM audit_event")) == len(said) + 1
    engine.dispose()
    migrate(empty_database)
    with open_store(settings) as store:
        assert verify(store).whole
        assert verify(store).head.count == len(said) + 1
