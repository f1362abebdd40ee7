"""The trail remembers up to which state of live.json it was told of changes."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

OPTIONS: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Make the table; without its row the trail was told of nothing that serves."""
    op.create_table(
        "serving_noted",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("live", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_serving_noted")),
        **OPTIONS,
    )


def downgrade() -> None:
    """Drop it; the next upgrade notes once more what serves."""
    op.drop_table("serving_noted")
