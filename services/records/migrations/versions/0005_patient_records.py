"""Patients' records: how they are reached, notes, a count of changes, and the doctors who are assigned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NEW = {"phone": sa.String(40), "mail": sa.String(254), "address": sa.String(300), "notes": sa.Text()}
TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    """Add the columns and the table; who entered a patient whom others examined is assigned to them."""
    # Filled before they must be, because MySQL gives a TEXT no default.
    with op.batch_alter_table("patient") as patient:
        for name, kind in NEW.items():
            patient.add_column(sa.Column(name, kind, nullable=True))
        patient.add_column(sa.Column("version", sa.Integer(), nullable=True))
    op.execute("UPDATE patient SET phone = '', mail = '', address = '', notes = '', version = 1")
    with op.batch_alter_table("patient") as patient:
        for name, kind in NEW.items():
            patient.alter_column(name, existing_type=kind, nullable=False)
        patient.alter_column("version", existing_type=sa.Integer(), nullable=False)
    op.create_table(
        "patient_doctor",
        sa.Column("doctor_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.ForeignKeyConstraint(["doctor_id"], ["user.id"], name="fk_patient_doctor_doctor_id_user"),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_patient_doctor_patient_id_patient"),
        sa.PrimaryKeyConstraint("doctor_id", "patient_id", name="pk_patient_doctor"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_index("ix_patient_doctor_patient_id", "patient_doctor", ["patient_id"])
    op.execute(
        "INSERT INTO patient_doctor (doctor_id, patient_id, created) "
        "SELECT created_by_id, id, created FROM patient WHERE EXISTS (SELECT 1 FROM study "
        "WHERE study.patient_id = patient.id AND study.reader_id <> patient.created_by_id)"
    )


def downgrade() -> None:
    """Drop them; contacts, notes and assignments are lost."""
    op.drop_table("patient_doctor")
    with op.batch_alter_table("patient") as patient:
        for name in ("version", *reversed(NEW)):
            patient.drop_column(name)
