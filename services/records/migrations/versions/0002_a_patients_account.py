"""A patient may have an account of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY, UNIQUE = "fk_patient_account_id_user", "uq_patient_account_id"


def upgrade() -> None:
    """Add the link."""
    with op.batch_alter_table("patient") as patient:
        patient.add_column(sa.Column("account_id", sa.Integer(), nullable=True))
        patient.create_foreign_key(KEY, "user", ["account_id"], ["id"])
        patient.create_unique_constraint(UNIQUE, ["account_id"])


def downgrade() -> None:
    """Drop the link; a patient's account then sees nothing."""
    with op.batch_alter_table("patient") as patient:
        # In this order: MariaDB keeps an index that a foreign key needs.
        patient.drop_constraint(KEY, type_="foreignkey")
        patient.drop_constraint(UNIQUE, type_="unique")
        patient.drop_column("account_id")
