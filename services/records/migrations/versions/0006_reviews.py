"""Reviews, releases, deletion with a reason, several reports and several answers a study."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
WORD = sa.String(16)
OPTIONS: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
BY_DAY, BY_STATE = ["reader_id", "study_date", "public_id"], ["reader_id", "state", "created", "public_id"]


def _table(name: str, *columns: sa.Column[Any], people: tuple[str, ...]) -> None:
    """A table of what happened to a study, and the users whom its columns name."""
    points = {"study_id": "study", **dict.fromkeys(people, "user")}
    op.create_table(
        name,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        *columns,
        *(sa.ForeignKeyConstraint([c], [f"{t}.id"], name=f"fk_{name}_{c}_{t}") for c, t in points.items()),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        **OPTIONS,
    )
    for column in points:
        op.create_index(f"ix_{name}_{column}", name, [column])


def _add(table: str, name: str, kind: Any, value: str) -> None:
    """A column that must be filled, filled with ``value`` where rows exist."""
    with op.batch_alter_table(table) as changed:
        changed.add_column(sa.Column(name, kind, nullable=True))
    op.execute(f"UPDATE {table} SET {name} = {value}")
    with op.batch_alter_table(table) as changed:
        changed.alter_column(name, existing_type=kind, nullable=False)


def upgrade() -> None:
    """Add what was missing; every stored study awaits its review."""
    _add("study", "state", WORD, "'awaiting'")
    _add("study", "deletion_reason", sa.String(500), "''")
    with op.batch_alter_table("study") as study:
        study.add_column(sa.Column("deleted", TIME, nullable=True))
        study.add_column(sa.Column("deleted_by_id", sa.Integer(), nullable=True))
        study.create_foreign_key("fk_study_deleted_by_id_user", "user", ["deleted_by_id"], ["id"])
    op.create_index("ix_study_deleted_by_id", "study", ["deleted_by_id"])
    op.create_index("ix_study_reader_id_study_date_public_id", "study", BY_DAY)
    op.create_index("ix_study_reader_id_state_created_public_id", "study", BY_STATE)
    op.drop_index("ix_study_reader_id_study_date", "study")
    _add("prediction", "position", sa.Integer(), "1")
    with op.batch_alter_table("prediction") as prediction:
        # In this order: MariaDB keeps an index that a foreign key needs.
        prediction.create_unique_constraint("uq_prediction_study_id_position", ["study_id", "position"])
        prediction.create_unique_constraint(
            "uq_prediction_study_id_network_version", ["study_id", "network", "version"]
        )
        prediction.drop_constraint("uq_prediction_study_id", type_="unique")
    _add("file", "version", sa.Integer(), "1")
    with op.batch_alter_table("file") as file:
        file.create_unique_constraint("uq_file_study_id_kind_version", ["study_id", "kind", "version"])
        file.drop_constraint("uq_file_study_id_kind", type_="unique")
    _table(
        "review",
        sa.Column("decision", WORD, nullable=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("superseded", TIME, nullable=True),
        people=("reviewer_id",),
    )
    _table(
        "study_release",
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("released_by_id", sa.Integer(), nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("withdrawn", TIME, nullable=True),
        sa.Column("withdrawn_by_id", sa.Integer(), nullable=True),
        sa.Column("withdrawal_reason", sa.String(500), nullable=False),
        people=("released_by_id", "withdrawn_by_id"),
    )


def downgrade() -> None:
    """Drop reviews, releases, all reports but the one in force and further answers; deleted studies are seen again."""
    op.drop_table("study_release")
    op.drop_table("review")
    # MariaDB deletes from no table that the condition reads, unless it is read into another first.
    op.execute(
        "DELETE FROM file WHERE id IN (SELECT id FROM (SELECT earlier.id FROM file earlier JOIN file later "
        "ON later.study_id = earlier.study_id AND later.kind = earlier.kind AND later.version > earlier.version) "
        "AS amended)"
    )
    op.execute(
        "DELETE FROM prediction WHERE id IN (SELECT id FROM (SELECT later.id FROM prediction later JOIN prediction own "
        "ON own.study_id = later.study_id AND own.position < later.position) AS further)"
    )
    with op.batch_alter_table("file") as file:
        file.create_unique_constraint("uq_file_study_id_kind", ["study_id", "kind"])
        file.drop_constraint("uq_file_study_id_kind_version", type_="unique")
        file.drop_column("version")
    with op.batch_alter_table("prediction") as prediction:
        prediction.create_unique_constraint("uq_prediction_study_id", ["study_id"])
        prediction.drop_constraint("uq_prediction_study_id_network_version", type_="unique")
        prediction.drop_constraint("uq_prediction_study_id_position", type_="unique")
        prediction.drop_column("position")
    op.create_index("ix_study_reader_id_study_date", "study", ["reader_id", "study_date"])
    for columns in (BY_STATE, BY_DAY):
        op.drop_index(f"ix_study_{'_'.join(columns)}", "study")
    with op.batch_alter_table("study") as study:
        study.drop_constraint("fk_study_deleted_by_id_user", type_="foreignkey")
        study.drop_index("ix_study_deleted_by_id")
        for column in ("deletion_reason", "deleted_by_id", "deleted", "state"):
            study.drop_column(column)
