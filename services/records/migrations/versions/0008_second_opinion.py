"""An answer may keep what the model of another task says of the same slice."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; answers of before have no second opinion."""
    op.add_column("prediction", sa.Column("second_opinion", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop the column and the second opinions with it."""
    with op.batch_alter_table("prediction") as prediction:
        prediction.drop_column("second_opinion")
