"""The first tables: accounts, patients, studies, answers, files, and what was done."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A revision is never changed once others have run it, so it spells its types out and takes none from the code.
TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
WORD = sa.String(16)
OPTIONS: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def _column(name: str, kind: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, **{"nullable": False, **options})


def _points(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}_{to}")


def _table(
    name: str, *parts: sa.Column[Any] | sa.ForeignKeyConstraint, unique: tuple[tuple[str, ...], ...] = ()
) -> None:
    keys = [sa.UniqueConstraint(*columns, name=f"uq_{name}_{'_'.join(columns)}") for columns in unique]
    op.create_table(
        name,
        _column("id", sa.Integer()),
        *parts,
        *keys,
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        **OPTIONS,
    )


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def upgrade() -> None:
    """Make every table and index."""
    _table(
        "user",
        _column("public_id", sa.CHAR(32)),
        _column("username", sa.String(64)),
        _column("full_name", sa.String(200)),
        _column("role", WORD),
        _column("password_hash", sa.String(255)),
        _column("active", sa.Boolean()),
        _column("demo", sa.Boolean()),
        _column("created", TIME),
        unique=(("public_id",), ("username",)),
    )
    _table(
        "sign_in_session",
        _column("user_id", sa.Integer()),
        _column("token_hash", sa.String(64)),
        _column("created", TIME),
        _column("last_seen", TIME),
        _column("expires", TIME),
        _column("revoked", TIME, nullable=True),
        _points("sign_in_session", "user_id", "user"),
        unique=(("token_hash",),),
    )
    _index("sign_in_session", "user_id")
    _index("sign_in_session", "expires")
    op.create_table(
        "sign_in_throttle",
        _column("name_hash", sa.String(64)),
        _column("score", sa.Double()),
        _column("updated", TIME),
        sa.PrimaryKeyConstraint("name_hash", name="pk_sign_in_throttle"),
        **OPTIONS,
    )
    _index("sign_in_throttle", "updated")
    _table(
        "patient",
        _column("public_id", sa.CHAR(32)),
        _column("identifier", sa.String(64), nullable=True),
        _column("identifier_key", sa.String(192), nullable=True),
        _column("name", sa.String(200)),
        _column("search_key", sa.String(700)),
        _column("birth_date", sa.Date(), nullable=True),
        _column("sex", WORD),
        _column("created_by_id", sa.Integer()),
        _column("created", TIME),
        _points("patient", "created_by_id", "user"),
        unique=(("public_id",), ("identifier_key",)),
    )
    _index("patient", "created_by_id")
    _table(
        "study",
        _column("public_id", sa.CHAR(32)),
        _column("patient_id", sa.Integer()),
        _column("reader_id", sa.Integer()),
        _column("task", sa.String(64)),
        _column("study_date", sa.Date()),
        _column("description", sa.String(200)),
        _column("notes", sa.Text()),
        _column("format", sa.String(16)),
        _column("frame", sa.Integer()),
        _column("frames", sa.Integer()),
        _column("modality", sa.String(16), nullable=True),
        _column("gate_accepted", sa.Boolean()),
        _column("gate_reasons", sa.Text()),
        _column("overrule_reason", sa.String(500)),
        _column("created", TIME),
        _points("study", "patient_id", "patient"),
        _points("study", "reader_id", "user"),
        unique=(("public_id",),),
    )
    _index("study", "reader_id", "created", "public_id")
    _index("study", "reader_id", "study_date")
    _index("study", "patient_id", "reader_id")
    _table(
        "prediction",
        _column("study_id", sa.Integer()),
        _column("task", sa.String(64)),
        _column("network", sa.String(64)),
        _column("version", sa.String(32)),
        _column("label", sa.String(64)),
        _column("confidence", sa.Double()),
        _column("threshold", sa.Double()),
        _column("verdict", WORD),
        _column("probabilities", sa.Text()),
        _column("milliseconds", sa.Double()),
        _column("heat_map_method", sa.String(64)),
        _column("heat_map_layer", sa.String(128)),
        _column("created", TIME),
        _points("prediction", "study_id", "study"),
        unique=(("study_id",),),
    )
    _index("prediction", "label", "verdict")
    _table(
        "file",
        _column("study_id", sa.Integer()),
        _column("kind", sa.String(32)),
        _column("sha256", sa.String(64)),
        _column("size", sa.BigInteger()),
        _column("media_type", sa.String(100)),
        _column("name", sa.String(255)),
        _column("created", TIME),
        _points("file", "study_id", "study"),
        unique=(("study_id", "kind"),),
    )
    _index("file", "sha256")
    _table(
        "audit_event",
        _column("at", TIME),
        _column("user_id", sa.Integer(), nullable=True),
        _column("who", sa.String(64)),
        _column("action", sa.String(40)),
        _column("object", sa.String(100)),
        _column("outcome", WORD),
        _points("audit_event", "user_id", "user"),
    )
    _index("audit_event", "at")
    _index("audit_event", "user_id")


def downgrade() -> None:
    """Drop them, those that point first."""
    for name in (
        "audit_event",
        "file",
        "prediction",
        "study",
        "patient",
        "sign_in_throttle",
        "sign_in_session",
        "user",
    ):
        op.drop_table(name)
