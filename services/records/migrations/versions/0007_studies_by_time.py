"""All studies, newest first: what an administrator's numbers are counted along."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NAME = "ix_study_created_public_id"


def upgrade() -> None:
    """Add the index."""
    op.create_index(NAME, "study", ["created", "public_id"])


def downgrade() -> None:
    """Drop it; no data is touched."""
    op.drop_index(NAME, "study")
