"""Each event of the trail says from where, and is chained to the one before; so are those that exist."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROWS_AT_ONCE = 1000
FORM = 1
BEGINNING = "0" * 64
OPTIONS: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
NEW: dict[str, Any] = {"address": sa.String(64), "form": sa.Integer(), "previous": sa.String(64), "hash": sa.String(64)}
SEARCHED = ("who", "action", "object", "outcome")
# The time as the database gives it: SQLite's is text, MariaDB's a datetime.
EVENT = sa.table(
    "audit_event",
    sa.column("id", sa.Integer()),
    *(sa.column(name, sa.String()) for name in ("at", "user_id", "who", "action", "object", "outcome")),
    *(sa.column(name, kind) for name, kind in NEW.items()),
)
HEAD = sa.table("audit_head", *(sa.column(name) for name in ("id", "count", "hash")))


def upgrade() -> None:
    """Add the columns, chain the rows in the order of their keys, and number them without gaps."""
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
        **OPTIONS,
    )
    with op.batch_alter_table("audit_event") as event:
        for name, kind in NEW.items():
            event.add_column(sa.Column(name, kind, nullable=True))
    number, last = _chain(op.get_bind())
    op.execute(HEAD.insert().values(id=1, count=number, hash=last))
    with op.batch_alter_table("audit_event") as event:
        for name, kind in NEW.items():
            event.alter_column(name, existing_type=kind, nullable=False)
    for name in SEARCHED:
        op.create_index(f"ix_audit_event_{name}_at", "audit_event", [name, "at"])


def _chain(connection: sa.Connection) -> tuple[int, str]:
    """Number and hash of the last event. Numbers only shrink, so none is taken when it is given."""
    key, number, previous = 0, 0, BEGINNING
    change = (
        EVENT.update()
        .where(EVENT.c.id == sa.bindparam("old"))
        .values({name: sa.bindparam(f"new_{name}") for name in ("id", *NEW)})
    )
    while True:
        page = EVENT.select().where(EVENT.c.id > key).order_by(EVENT.c.id).limit(ROWS_AT_ONCE)
        rows = connection.execute(page).all()
        if not rows:
            return number, previous
        changes = []
        for row in rows:
            number += 1
            # The first form of services/records/chain.py.
            at = row.at if isinstance(row.at, str) else f"{row.at:%Y-%m-%d %H:%M:%S.%f}"
            fields = [FORM, at, row.user_id, row.who, "", row.action, row.object, row.outcome, previous]
            digest = hashlib.sha256(json.dumps(fields, separators=(",", ":")).encode("ascii")).hexdigest()
            changes.append(
                {"old": row.id, "new_id": number, "new_address": "", "new_form": FORM, "new_previous": previous,
                 "new_hash": digest}
            )  # fmt: skip
            previous = digest
        connection.execute(change, changes)
        key = rows[-1].id


def downgrade() -> None:
    """Drop the chain; the events stay."""
    for name in SEARCHED:
        op.drop_index(f"ix_audit_event_{name}_at", "audit_event")
    with op.batch_alter_table("audit_event") as event:
        for name in NEW:
            event.drop_column(name)
    op.drop_table("audit_head")
