"""Filtered lists in their order: studies of a task and by day, newest patients, and answers that are rare."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ADDED = (
    ("study", ["reader_id", "task", "created", "public_id"]),
    ("study", ["reader_id", "task", "study_date", "public_id"]),
    ("study", ["study_date", "public_id"]),
    ("study", ["task", "study_date", "public_id"]),
    ("prediction", ["network", "study_id"]),
    ("prediction", ["confidence", "study_id"]),
    ("patient", ["created"]),
    ("patient", ["created_by_id", "created"]),
)


def _name(table: str, columns: list[str]) -> str:
    return f"ix_{table}_{'_'.join(columns)}"


def upgrade() -> None:
    """Add the indexes; the last of them takes the place of one on its first column."""
    for table, columns in ADDED:
        op.create_index(_name(table, columns), table, columns)
    # In this order: MariaDB keeps an index that a foreign key needs.
    op.drop_index("ix_patient_created_by_id", "patient")


def downgrade() -> None:
    """Drop them; no data is touched."""
    op.create_index("ix_patient_created_by_id", "patient", ["created_by_id"])
    for table, columns in ADDED:
        op.drop_index(_name(table, columns), table)
