"""Accounts: mail addresses, sessions with their device, one-time links, second factors."""

from __future__ import annotations

import unicodedata
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
WORD = sa.String(16)
OPTIONS: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
LIKE = str.maketrans("ıłøđ^,;=", "ilod    ")
USER = sa.table("user", *(sa.column(name) for name in ("id", "username", "full_name", "search_key")))


def _column(name: str, kind: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, **{"nullable": False, **options})


def _of_a_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=f"fk_{table}_user_id_user")


def _fold(text: str) -> str:
    letters = (c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) != "Mn")
    plain = "".join(letters).casefold().translate(LIKE)
    return unicodedata.normalize("NFC", " ".join(unicodedata.normalize("NFC", plain).casefold().split()))


def _throttle(key: str, short: str) -> None:
    op.create_table(
        short,
        _column(key, sa.String(64)),
        _column("score", sa.Double()),
        _column("updated", TIME),
        sa.PrimaryKeyConstraint(key, name=f"pk_{short}"),
        **OPTIONS,
    )
    op.create_index(f"ix_{short}_updated", short, ["updated"])


def upgrade() -> None:
    """Add columns and tables. Everybody signs in anew, because nobody knows the devices of the sessions before."""
    op.add_column("user", sa.Column("email", sa.String(254), nullable=True))
    op.add_column("user", _column("search_key", sa.String(700), server_default=""))
    people = op.get_bind().execute(sa.select(USER.c.id, USER.c.username, USER.c.full_name)).all()
    for key, username, full_name in people:
        folded = _fold(f"{username} {full_name}")[:700]
        op.execute(USER.update().where(USER.c.id == key).values(search_key=folded))
    with op.batch_alter_table("user") as user:
        user.alter_column("search_key", existing_type=sa.String(700), existing_nullable=False, server_default=None)
    op.execute("DELETE FROM sign_in_session")
    with op.batch_alter_table("sign_in_session") as session:
        session.add_column(_column("public_id", sa.CHAR(32)))
        session.add_column(_column("device", sa.String(80)))
        session.add_column(_column("address", sa.String(64)))
        session.create_unique_constraint("uq_sign_in_session_public_id", ["public_id"])
    op.drop_table("sign_in_throttle")
    _throttle("key_hash", "sign_in_throttle")
    op.create_table(
        "one_time_link",
        _column("id", sa.Integer()),
        _column("user_id", sa.Integer()),
        _column("role", WORD),
        _column("purpose", WORD),
        _column("secret_hash", sa.String(64)),
        _column("created", TIME),
        _column("expires", TIME),
        _column("used", TIME, nullable=True),
        _of_a_user("one_time_link"),
        sa.UniqueConstraint("secret_hash", name="uq_one_time_link_secret_hash"),
        sa.PrimaryKeyConstraint("id", name="pk_one_time_link"),
        **OPTIONS,
    )
    op.create_index("ix_one_time_link_user_id", "one_time_link", ["user_id"])
    op.create_index("ix_one_time_link_expires", "one_time_link", ["expires"])
    op.create_table(
        "second_factor",
        _column("id", sa.Integer()),
        _column("user_id", sa.Integer()),
        _column("sealed_secret", sa.String(255)),
        _column("last_step", sa.BigInteger()),
        _column("since", TIME),
        _of_a_user("second_factor"),
        sa.UniqueConstraint("user_id", name="uq_second_factor_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_second_factor"),
        **OPTIONS,
    )
    op.create_table(
        "recovery_code",
        _column("id", sa.Integer()),
        _column("user_id", sa.Integer()),
        _column("code_hash", sa.String(64)),
        _column("used", TIME, nullable=True),
        _of_a_user("recovery_code"),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_code"),
        **OPTIONS,
    )
    op.create_index("ix_recovery_code_user_id", "recovery_code", ["user_id"])


def downgrade() -> None:
    """Drop them; whoever had a second factor signs in without it, and an invitation not yet taken ends."""
    for table in ("recovery_code", "second_factor", "one_time_link", "sign_in_throttle"):
        op.drop_table(table)
    _throttle("name_hash", "sign_in_throttle")
    with op.batch_alter_table("sign_in_session") as session:
        session.drop_constraint("uq_sign_in_session_public_id", type_="unique")
        session.drop_column("address")
        session.drop_column("device")
        session.drop_column("public_id")
    with op.batch_alter_table("user") as user:
        user.drop_column("search_key")
        user.drop_column("email")
