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


def upgrade() -> None:
    """Add what was missing; every stored study awaits its review."""
    with op.batch_alter_table("study") as study:
        study.add_column(sa.Column("state", WORD, nullable=False, server_default="awaiting"))
        study.add_column(sa.Column("deleted", TIME, nullable=True))
        study.add_column(sa.Column("deleted_by_id", sa.Integer(), nullable=True))
        study.add_column(sa.Column("deletion_reason", sa.String(500), nullable=False, server_default=""))
        study.create_foreign_key("fk_study_deleted_by_id_user", "user", ["deleted_by_id"], ["id"])
        study.alter_column("state", existing_type=WORD, existing_nullable=False, server_default=None)
        study.alter_column(
            "deletion_reason", existing_type=sa.String(500), existing_nullable=False, server_default=None
        )
    op.create_index("ix_study_deleted_by_id", "study", ["deleted_by_id"])
    op.create_index("ix_study_reader_id_study_date_public_id", "study", BY_DAY)
    op.create_index("ix_study_reader_id_state_created_public_id", "study", BY_STATE)
    op.drop_index("ix_study_reader_id_study_date", "study")
    with op.batch_alter_table("prediction") as prediction:
        prediction.add_column(sa.Column("position", sa.Integer(), nullable=False, server_default="1"))
        prediction.alter_column("position", existing_type=sa.Integer(), existing_nullable=False, server_default=None)
        # In this order: MariaDB keeps an index that a foreign key needs.
        prediction.create_unique_constraint("uq_prediction_study_id_position", ["study_id", "position"])
        prediction.create_unique_constraint(
            "uq_prediction_study_id_network_version", ["study_id", "network", "version"]
        )
        prediction.drop_constraint("uq_prediction_study_id", type_="unique")
    with op.batch_alter_table("file") as file:
        file.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        file.alter_column("version", existing_type=sa.Integer(), existing_nullable=False, server_default=None)
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
    """Drop reviews, releases, amended reports and further answers; deleted studies are seen again."""
    op.drop_table("study_release")
    op.drop_table("review")
    op.execute("DELETE FROM file WHERE version > 1")
    op.execute("DELETE FROM prediction WHERE position > 1")
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
