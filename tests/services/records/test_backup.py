"""A backup brings everything back into an empty place, on either database, sealed or plain; or it says why not."""

from __future__ import annotations

import gzip
import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel

from services.errors import InvalidRecord, Unavailable
from services.records import backup
from services.records.backup import back_up, restore
from services.records.database import write
from services.records.people import authenticate
from services.records.portable import read_line, write_line
from services.records.schema import migrate, newest_revision
from services.records.studies import save_study
from services.records.tables import AuditEvent, User
from services.records.upkeep import check_by_command as check
from tests.services.records.kept import assert_as_given, contents
from tests.services.records.test_sealing import FIRST, SECOND, keyring

PASSWORD = "a passphrase for tests"


def everything(store):
    """Every row of every table, but for what a restoration adds to the trail."""
    with store.engine.connect() as connection:
        found = {
            name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for name, table in SQLModel.metadata.tables.items()
        }
    found["audit_event"] = [row for row in found["audit_event"] if not {"store.restore", "store.backup"} & {*row}]
    return {name: rows for name, rows in found.items() if name != "audit_head"}


def filled(store, actors, make_study):
    """Two doctors' studies: refused, answered, with names of any script, and one upload that two share."""
    shared = os.urandom(1000)
    studies = [
        (actors["doctor"], make_study(name="Олександр Шевченко", identifier="H-1", upload=shared)),
        (actors["doctor"], make_study(refused=True, study={"notes": "line\nline\t“…” \u2028 🧠"})),
        (actors["colleague"], make_study(birth_date=None, upload=shared)),
    ]
    for actor, new in studies:
        save_study(store, actor, new)
    return studies


def assert_same(restored, before, studies):
    assert everything(restored) == before
    for actor, new in studies:
        assert_as_given(restored, actor, new)
    assert check(restored).whole
    assert authenticate(restored, "doctor", PASSWORD).full_name == "doctor Ångström"


KINDS = ["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)]


@pytest.mark.parametrize("into", KINDS)
def test_round_trip_into_either_database(store, actors, make_study, place, tmp_path, into, doctor):
    studies = filled(store, actors, make_study)
    before = everything(store)
    made = back_up(store, tmp_path / "backup")
    assert (made.files, made.rows) == (5, sum(len(rows) for rows in before.values()) + extra_rows(store))
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "backup").rglob("*")} == {0}
    restored = place(into)
    assert restore(restored, tmp_path / "backup") == made
    assert_same(restored, before, studies)
    # And it is as good as the first: it can be worked with, and backed up again.
    save_study(restored, doctor, make_study(name="Олександр Шевченко", identifier="h-1"))
    again = back_up(restored, tmp_path / "again")
    assert again.files == made.files + 2


def extra_rows(store):
    with store.engine.connect() as connection:
        head = SQLModel.metadata.tables.get("audit_head")
        return 0 if head is None else len(connection.execute(select(head)).all())


def test_from_a_folder_into_a_bucket_and_back(store, actors, make_study, place, tmp_path):
    studies = filled(store, actors, make_study)
    before = everything(store)
    back_up(store, tmp_path / "first")
    inside = place("sqlite", in_bucket=True)
    restore(inside, tmp_path / "first")
    assert_same(inside, before, studies)
    before = everything(inside)
    back_up(inside, tmp_path / "second")
    outside = place("sqlite")
    restore(outside, tmp_path / "second")
    assert_same(outside, before, studies)


def test_with_a_key_all_but_the_manifest_is_sealed(store, actors, make_study, place, tmp_path):
    """Also files from before there was a key; the same key, or the same among the old ones, opens it."""
    studies = filled(store, actors, make_study)
    store.vault.keys = keyring(FIRST)
    studies.append((actors["doctor"], make_study()))
    save_study(store, *studies[-1])
    before = everything(store)
    made = back_up(store, tmp_path / "backup")
    assert made.key == keyring(FIRST).name
    given = [content for _, new in studies for _, _, content in contents(new)]
    for path in (tmp_path / "backup").rglob("*"):
        if path.is_file() and path.name != "manifest.json":
            lies = path.read_bytes()
            assert lies not in given
            assert path.name == "files.jsonl" or lies.startswith(b"FALXSEAL1")
    with pytest.raises(Unavailable, match="Add that key to VAULT_OLD_KEYS"):
        restore(place("sqlite"), tmp_path / "backup")
    restored = place("sqlite", keyring(SECOND, FIRST))
    restore(restored, tmp_path / "backup")
    assert_same(restored, before, studies)


def test_a_backup_while_people_work_is_one_moment(store, actors, make_study, place, tmp_path, monkeypatch):
    """Studies are saved while the tables are read: each is in the backup whole, or not at all."""
    filled(store, actors, make_study)
    monkeypatch.setattr(backup, "ROWS_IN_A_PART", 2)
    going = True

    def keep_saving():
        saved = 0
        while going:
            save_study(store, actors["doctor"], make_study())
            saved += 1
        return saved

    with ThreadPoolExecutor(2) as pool:
        savers = [pool.submit(keep_saving) for _ in range(2)]
        try:
            for number in range(3):
                back_up(store, tmp_path / f"backup-{number}")
        finally:
            going = False
        assert sum(saver.result(60) for saver in savers) > 3
    for number in range(3):
        restored = place("sqlite")
        restore(restored, tmp_path / f"backup-{number}")
        assert check(restored).whole
        rows = everything(restored)
        assert len(rows["study"]) == len(rows["patient"]) == len(rows["file"]) / 2 == len(rows["prediction"]) + 1


def damage(folder, what):
    manifest = folder / "manifest.json"
    part = sorted((folder / "tables").iterdir())[0]
    match what:
        case "a row":
            part.write_bytes(gzip.compress(gzip.decompress(part.read_bytes()).replace(b"0", b"1", 1)))
        case "a part":
            part.unlink()
        case "a file":
            file = next((folder / "files").glob("*/*"))
            file.write_bytes(file.read_bytes()[:-1])
        case "the list":
            (folder / "files.jsonl").write_text("")
        case "no manifest":
            manifest.unlink()
        case "half a manifest":
            manifest.write_text(manifest.read_text()[:100])
        case "a table":
            found = json.loads(manifest.read_text())
            del found["tables"]["study"]
            manifest.write_text(json.dumps(found))
        case "another revision":
            manifest.write_text(manifest.read_text().replace(f'"{newest_revision()}"', '"9999"'))


@pytest.mark.parametrize(
    ("what", "said"),
    [("a row", "another hash"), ("a part", "missing"), ("a file", "another hash"), ("the list", "another hash"),
     ("no manifest", "no finished backup"), ("half a manifest", "no finished backup"),
     ("a table", "does not name every table"), ("another revision", "at revision 9999.*with that version")],
)  # fmt: skip
def test_a_damaged_backup_leaves_the_database_empty(store, actors, make_study, place, tmp_path, what, said):
    filled(store, actors, make_study)
    back_up(store, tmp_path / "backup")
    damage(tmp_path / "backup", what)
    fresh = place("sqlite")
    migrate(f"sqlite:///{fresh.engine.url.database}")
    with pytest.raises(InvalidRecord, match=said):
        restore(fresh, tmp_path / "backup")
    assert not any(everything(fresh).values())


def test_only_an_empty_place_is_restored_into(store, actors, make_study, place, tmp_path):
    filled(store, actors, make_study)
    back_up(store, tmp_path / "backup")
    before = everything(store)
    with pytest.raises(InvalidRecord, match="Restore into an empty one"):
        restore(store, tmp_path / "backup")
    assert everything(store) == before
    fresh = place("sqlite")
    with fresh.vault.saving() as batch:
        batch.stage(b"somebody else's")
        batch.publish()
    with pytest.raises(InvalidRecord, match="vault holds other files"):
        restore(fresh, tmp_path / "backup")
    with pytest.raises(InvalidRecord, match="never overwrites another"):
        back_up(store, tmp_path / "backup")


def test_an_interrupted_restoration_is_begun_again(store, actors, make_study, place, tmp_path, monkeypatch):
    studies = filled(store, actors, make_study)
    before = everything(store)
    back_up(store, tmp_path / "backup")
    fresh = place("sqlite")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(backup, "_rows_of", stop)
    with pytest.raises(KeyboardInterrupt):
        restore(fresh, tmp_path / "backup")
    monkeypatch.undo()
    assert len(list(fresh.vault.digests())) == 5
    restore(fresh, tmp_path / "backup")
    assert_same(fresh, before, studies)


@pytest.mark.parametrize("what", ["missing", "damaged"])
def test_no_backup_is_made_of_what_is_not_whole(store, doctor, make_study, tmp_path, what):
    saved = save_study(store, doctor, make_study())
    path = store.vault.path(saved.files["upload"].sha256)
    path.unlink() if what == "missing" else path.write_bytes(b"changed")
    with pytest.raises(Unavailable, match=what):
        back_up(store, tmp_path / "backup")
    assert not list(tmp_path.glob("backup*"))


def test_every_column_can_be_written_and_read(store, actors, make_study):
    """A new table with a type that backups do not know fails here first."""
    filled(store, actors, make_study)
    rows = 0
    with store.engine.connect() as connection:
        for table in SQLModel.metadata.sorted_tables:
            write_line(table, dict.fromkeys(table.columns.keys()))
            for row in connection.execute(select(table)).mappings():
                assert read_line(table, write_line(table, row)) == dict(row)
                rows += 1
    assert rows > 20
    with pytest.raises(InvalidRecord, match="table user"):
        read_line(User.__table__, '{"id": 1}')


def test_backups_are_noted_in_the_trail(store, actors, tmp_path):
    back_up(store, tmp_path / "backup")
    event = write(store.engine, lambda s: s.exec(select(AuditEvent.action, AuditEvent.object)).all())[-1]
    assert event[0] == "store.backup"
    assert event[1].endswith("rows, 0 files")
