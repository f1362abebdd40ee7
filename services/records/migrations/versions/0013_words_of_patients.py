"""Patients are found by the beginnings of words, along an index, and so are images that the check refused."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

OPTIONS: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
LIKE: dict[int, str | int | None] = {
    **str.maketrans("ıłøđðħŋ’‘ʼ´`‐‑–−^,;=", "iloddhn" + 5 * "'" + "----    ", ""),
    **{ord(letter): two for letter, two in (("æ", "ae"), ("œ", "oe"), ("þ", "th"))},
}
SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
PART = re.compile(r"[^\W\d_]+|\d+")
PATIENT = sa.table("patient", *(sa.column(name) for name in ("id", "identifier", "name", "search_key")))
WORD = sa.table("patient_word", sa.column("patient_id"), sa.column("word"))
AT_ONCE = 1000


def _fold(text: str) -> str:
    letters = (c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) != "Mn")
    plain = "".join(letters).casefold().translate(LIKE)
    return unicodedata.normalize("NFC", " ".join(unicodedata.normalize("NFC", plain).casefold().split()))


def _words(text: str) -> set[str]:
    found = set()
    spelt_out = unicodedata.normalize("NFC", text).casefold().translate(SPELT_OUT)
    for word in f"{_fold(text)} {_fold(spelt_out)}".split():
        starts = [part.start() for part in PART.finditer(word)]
        starts += [at for at, letter in enumerate(word) if ord(letter) >= 0x2E80]
        ends = {word, "".join(PART.findall(word)), *(word[start:] for start in starts)}
        found |= ends | {end.lstrip("0") for end in ends}
    return {word[:64] for word in found if word}


def _patients() -> Any:
    """All of them, some at a time."""
    last = 0
    columns = sa.select(PATIENT.c.id, PATIENT.c.identifier, PATIENT.c.name).order_by(PATIENT.c.id).limit(AT_ONCE)
    while some := op.get_bind().execute(columns.where(PATIENT.c.id > last)).all():
        yield [(key, f"{identifier or ''} {name}") for key, identifier, name in some]
        last = some[-1].id


def _tables() -> list[str]:
    return sa.inspect(op.get_bind()).get_table_names()


def _indexes() -> set[str | None]:
    return {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("image")}


def _columns() -> set[str]:
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns("patient")}


def upgrade() -> None:
    """Take the words of every patient apart."""
    # MariaDB keeps what a migration that was cut off had done; what is half filled is made anew.
    if "patient_word" in _tables():
        op.drop_table("patient_word")
    op.create_table(
        "patient_word",
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("word", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_patient_word_patient_id_patient"),
        sa.PrimaryKeyConstraint("patient_id", "word", name="pk_patient_word"),
        **OPTIONS,
    )
    op.create_index("ix_patient_word_word_patient_id", "patient_word", ["word", "patient_id"])
    for some in _patients():
        op.bulk_insert(WORD, [{"patient_id": key, "word": word} for key, text in some for word in sorted(_words(text))])
    if "ix_image_gate_accepted_study_id" not in _indexes():
        op.create_index("ix_image_gate_accepted_study_id", "image", ["gate_accepted", "study_id"])
    if "search_key" in _columns():
        with op.batch_alter_table("patient") as patient:
            patient.drop_column("search_key")


def downgrade() -> None:
    """Put the text that was searched back beside each patient."""
    if "ix_image_gate_accepted_study_id" in _indexes():
        op.drop_index("ix_image_gate_accepted_study_id", "image")
    if "search_key" not in _columns():
        op.add_column("patient", sa.Column("search_key", sa.String(700), nullable=False, server_default=""))
    for some in _patients():
        for key, text in some:
            op.execute(PATIENT.update().where(PATIENT.c.id == key).values(search_key=_fold(text)[:700]))
    with op.batch_alter_table("patient") as patient:
        patient.alter_column("search_key", existing_type=sa.String(700), existing_nullable=False, server_default=None)
    op.drop_table("patient_word")
