"""An administrator may be given the right to see images for some hours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    """Add until when the right lasts; nobody has it."""
    op.add_column("user", sa.Column("images_until", TIME, nullable=True))


def downgrade() -> None:
    """Drop the column: whoever had the right loses it."""
    with op.batch_alter_table("user") as table:
        table.drop_column("images_until")
