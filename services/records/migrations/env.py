"""Run by Alembic; services/records/schema.py hands it an open connection inside a transaction."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

import services.records.tables  # noqa: F401  fills the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    # SQLite cannot alter most of a table; Alembic copies it instead.
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
