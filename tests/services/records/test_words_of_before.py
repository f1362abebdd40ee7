"""Patients who were entered before words were stored are found by the same words as those of today."""

from __future__ import annotations

from sqlalchemy import MetaData, select, text

from services.records.database import make_engine
from services.records.schema import migrate
from services.records.text import search_words
from tests.services.records.test_schema import fill

ODD_NAMES = (
    ("H-0042", "Müller^Anna"), (None, "Smith-Jones, Þór"), ("", "a" + 200 * "\u0301"), ("MR 7 ", " Ada  Lovelace "),
    ("😀-1", "山田太郎"), (None, "O’Neil (geb. Łucja)"), ("000", "\ufb01n"),
)  # fmt: skip


def test_patients_of_before_are_found_by_their_words(empty_database):
    """What the migration writes is what is written for a patient who is entered today, also where it was cut off."""
    migrate(empty_database, "0012")
    engine = make_engine(empty_database)
    with engine.connect() as connection, connection.execution_options(writes=True).begin():
        metadata = MetaData()
        metadata.reflect(connection)
        fill(connection, [metadata.tables["user"], metadata.tables["patient"]])
        first = dict(connection.execute(select(metadata.tables["patient"])).mappings().first())
        for number, (identifier, name) in enumerate(ODD_NAMES, start=10):
            other = {"id": number, "public_id": str(number), "identifier": identifier, "identifier_key": str(number)}
            own = {"name": name[:200], "account_id": None}
            connection.execute(metadata.tables["patient"].insert(), first | other | own)
        if connection.dialect.name == "mysql":
            connection.execute(text("CREATE TABLE patient_word (patient_id INTEGER, word VARCHAR(64))"))
    migrate(empty_database)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT p.id, p.identifier, p.name FROM patient p")).all()
        words = connection.execute(text("SELECT patient_id, word FROM patient_word")).all()
    engine.dispose()
    assert len(rows) == 2 + len(ODD_NAMES)
    for key, identifier, name in rows:
        assert {word for whose, word in words if whose == key} == search_words(f"{identifier or ''} {name}"), name
