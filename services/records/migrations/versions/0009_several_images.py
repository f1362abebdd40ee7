"""A study has several images, each with its answers and files; one of them leads."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
OPTIONS: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
# What an image has that its study had before: the kind of column, and whether it may be empty.
MOVED: dict[str, tuple[Any, bool]] = {
    "format": (sa.String(16), False),
    "frame": (sa.Integer(), False),
    "frames": (sa.Integer(), False),
    "modality": (sa.String(16), True),
    "gate_accepted": (sa.Boolean(), False),
    "gate_reasons": (sa.Text(), False),
    "overrule_reason": (sa.String(500), False),
}


def _add(table: str, name: str, value: str) -> None:
    """A number that must be there, ``value`` where rows exist."""
    with op.batch_alter_table(table) as changed:
        changed.add_column(sa.Column(name, sa.Integer(), nullable=True))
    op.execute(f"UPDATE {table} SET {name} = {value}")
    with op.batch_alter_table(table) as changed:
        changed.alter_column(name, existing_type=sa.Integer(), nullable=False)


def upgrade() -> None:
    """Every stored study has one image, which leads; the report stays the whole study's, all else is the image's."""
    op.create_table(
        "image",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        *(sa.Column(name, kind, nullable=empty) for name, (kind, empty) in MOVED.items()),
        sa.Column("added_by_id", sa.Integer(), nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_image_study_id_study"),
        sa.ForeignKeyConstraint(["added_by_id"], ["user.id"], name="fk_image_added_by_id_user"),
        sa.UniqueConstraint("study_id", "number", name="uq_image_study_id_number"),
        sa.PrimaryKeyConstraint("id", name="pk_image"),
        **OPTIONS,
    )
    op.create_index("ix_image_added_by_id", "image", ["added_by_id"])
    moved = ", ".join(MOVED)
    op.execute(
        f"INSERT INTO image (study_id, number, added_by_id, created, {moved}) "
        f"SELECT id, 1, reader_id, created, {moved} FROM study ORDER BY id"
    )
    with op.batch_alter_table("study") as study:
        for name in MOVED:
            study.drop_column(name)
    _add("study", "leading_image", "1")
    _add("prediction", "image", "1")
    with op.batch_alter_table("prediction") as prediction:
        # In this order: MariaDB keeps an index that a foreign key needs.
        prediction.create_unique_constraint("uq_prediction_study_id_image_position", ["study_id", "image", "position"])
        prediction.create_unique_constraint(
            "uq_prediction_study_id_image_network_version", ["study_id", "image", "network", "version"]
        )
        prediction.create_foreign_key(
            "fk_prediction_study_id_image_image", "image", ["study_id", "image"], ["study_id", "number"]
        )
        prediction.drop_constraint("fk_prediction_study_id_study", type_="foreignkey")
        prediction.drop_constraint("uq_prediction_study_id_position", type_="unique")
        prediction.drop_constraint("uq_prediction_study_id_network_version", type_="unique")
    _add("file", "image", "CASE WHEN kind = 'report' THEN 0 ELSE 1 END")
    with op.batch_alter_table("file") as file:
        file.create_unique_constraint("uq_file_study_id_image_kind_version", ["study_id", "image", "kind", "version"])
        file.drop_constraint("uq_file_study_id_kind_version", type_="unique")


def downgrade() -> None:
    """A study keeps its leading image, with that image's answers and files, and its reports."""
    for table in ("file", "prediction"):
        op.execute(
            f"DELETE FROM {table} WHERE image <> 0 AND image <> "
            f"(SELECT leading_image FROM study WHERE study.id = {table}.study_id)"
        )
    with op.batch_alter_table("file") as file:
        file.create_unique_constraint("uq_file_study_id_kind_version", ["study_id", "kind", "version"])
        file.drop_constraint("uq_file_study_id_image_kind_version", type_="unique")
        file.drop_column("image")
    with op.batch_alter_table("prediction") as prediction:
        prediction.create_unique_constraint("uq_prediction_study_id_position", ["study_id", "position"])
        prediction.create_unique_constraint(
            "uq_prediction_study_id_network_version", ["study_id", "network", "version"]
        )
        prediction.create_foreign_key("fk_prediction_study_id_study", "study", ["study_id"], ["id"])
        prediction.drop_constraint("fk_prediction_study_id_image_image", type_="foreignkey")
        prediction.drop_constraint("uq_prediction_study_id_image_position", type_="unique")
        prediction.drop_constraint("uq_prediction_study_id_image_network_version", type_="unique")
        prediction.drop_column("image")
    with op.batch_alter_table("study") as study:
        for name, (kind, _) in MOVED.items():
            study.add_column(sa.Column(name, kind, nullable=True))
    for name in MOVED:
        op.execute(
            f"UPDATE study SET {name} = (SELECT image.{name} FROM image "
            "WHERE image.study_id = study.id AND image.number = study.leading_image)"
        )
    with op.batch_alter_table("study") as study:
        for name, (kind, empty) in MOVED.items():
            study.alter_column(name, existing_type=kind, nullable=empty)
        study.drop_column("leading_image")
    op.drop_table("image")
