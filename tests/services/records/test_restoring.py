"""A restored backup opens no old session or link, and with a key nobody without it can have written it."""

from __future__ import annotations

import gzip
import hashlib
import json

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel

from services.errors import InvalidRecord, LinkRefused
from services.records.accounts import make_link
from services.records.backup import back_up, restore
from services.records.links import open_link
from services.records.passwords import hash_password
from services.records.people import actor_for_token, authenticate, close_session, open_session
from services.records.portable import write_line
from tests.services.records.conftest import PASSWORD
from tests.services.records.test_backup import KINDS, assert_same, everything, filled
from tests.services.records.test_sealing import FIRST, keyring


@pytest.mark.parametrize("into", KINDS)
def test_what_was_ended_since_the_backup_opens_nothing(store, actors, place, tmp_path, into):
    ended, still = (open_session(store, authenticate(store, "doctor", PASSWORD)) for _ in range(2))
    _, link = make_link(store, actors["admin"], actors["doctor"].public_id)
    back_up(store, tmp_path / "backup")
    close_session(store, ended)
    restored = place(into)
    restore(restored, tmp_path / "backup")
    assert [actor_for_token(restored, token) for token in (ended, still)] == [None, None]
    with pytest.raises(LinkRefused):
        open_link(restored, link)
    fresh = open_session(restored, authenticate(restored, "doctor", PASSWORD))
    assert actor_for_token(restored, fresh) == actors["doctor"]


def rewrite(folder, row, **more):
    """Give every account another password in a backup, as somebody without its key would."""
    manifest = json.loads((folder / "manifest.json").read_text()) | more
    line = json.loads(row) | {"password_hash": hash_password("chosen by somebody else")}
    content = gzip.compress(json.dumps(line).encode())
    (folder / "tables" / "user-0.gz").write_bytes(content)
    manifest["tables"]["user"] = [[1, hashlib.sha256(content).hexdigest()]]
    (folder / "manifest.json").write_text(json.dumps(manifest))


def row_of_a_user(store):
    table = SQLModel.metadata.tables["user"]
    with store.engine.connect() as connection:
        return write_line(table, dict(connection.execute(select(table)).mappings().first()))


@pytest.mark.parametrize("seal", ["kept", "of another file", "plain", "gone", "of another backup"])
def test_a_sealed_backup_takes_no_password_from_somebody_without_the_key(store, actors, place, tmp_path, seal):
    store.vault.keys = keyring(FIRST)
    for name in ("backup", "other"):
        back_up(store, tmp_path / name)
    folder, restored = tmp_path / "backup", place("sqlite", keyring(FIRST))
    there = folder / "manifest.seal"
    sealed_part = (folder / "tables" / "user-0.gz").read_bytes()
    rewrite(folder, row_of_a_user(store))
    match seal:
        case "of another file":
            there.write_bytes(sealed_part)
        case "plain":
            there.write_text(hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest())
        case "gone":
            there.unlink()
        case "of another backup":
            there.write_bytes((tmp_path / "other" / "manifest.seal").read_bytes())
    with pytest.raises(InvalidRecord, match=r"is not what was written|is missing"):
        restore(restored, folder)
    # Nor is it taken for one that was made without a key, unless whoever restores it says so.
    rewrite(folder, row_of_a_user(store), key=None)
    with pytest.raises(InvalidRecord, match="made without a key"):
        restore(restored, folder)


def test_a_plain_backup_goes_into_a_sealed_place_where_that_is_said(store, actors, make_study, place, tmp_path):
    studies = filled(store, actors, make_study)
    before = everything(store)
    back_up(store, tmp_path / "backup")
    restored = place("sqlite", keyring(FIRST))
    with pytest.raises(InvalidRecord, match="--plain"):
        restore(restored, tmp_path / "backup")
    restore(restored, tmp_path / "backup", plain=True)
    assert_same(restored, before, studies)
