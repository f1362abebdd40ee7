"""Encryption at rest: nothing readable without the key, switched on later, rotated, and interrupted on the way."""

from __future__ import annotations

import base64
import hashlib
import os

import pytest
from pydantic import SecretStr

from services.errors import SettingsError, Unavailable
from services.records.bucket import BucketVault
from services.records.folder import FolderVault
from services.records.sealing import HEAD_LENGTH, MARK, Keyring, make_keyring
from services.records.studies import read_file, save_study
from services.records.upkeep import check_by_command as check
from services.records.upkeep import rotate_key
from tests.services.records.test_vault import PLAIN, put

FIRST, SECOND = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))


def keyring(current, *older):
    return make_keyring(SecretStr(current) if current else None, SecretStr(",".join(older)))


def open_folder(tmp_path, keys):
    return FolderVault(tmp_path / "vault", keys)


def test_what_lies_in_the_vault_cannot_be_read_without_the_key(tmp_path):
    vault, content = open_folder(tmp_path, keyring(FIRST)), b"an upload" * 1000
    digest = put(vault, content)
    stored = vault.path(digest).read_bytes()
    assert digest == hashlib.sha256(content).hexdigest()
    assert stored.startswith(MARK)
    assert b"upload" not in stored
    assert vault.read(digest) == content
    # Nonces are fresh, so that equal contents do not look alike; but the file is one.
    assert put(vault, content) == digest
    assert vault.path(digest).read_bytes() != stored
    assert list(vault.digests()) == [digest]
    with pytest.raises(Unavailable, match=rf"{keyring(FIRST).name}, which is not set\. Add that key to VAULT_OLD_KEYS"):
        open_folder(tmp_path, keyring(SECOND)).read(digest)
    assert open_folder(tmp_path, keyring(SECOND, FIRST)).read(digest) == content
    assert open_folder(tmp_path, keyring(None, FIRST)).read(digest) == content


@pytest.mark.parametrize("where", [len(MARK) + 9, HEAD_LENGTH, -1])
def test_a_changed_byte_is_noticed(tmp_path, where):
    vault = open_folder(tmp_path, keyring(FIRST))
    path = vault.path(put(vault, b"x" * 100))
    stored = bytearray(path.read_bytes())
    stored[where] ^= 1
    path.write_bytes(stored)
    with pytest.raises(Unavailable, match="damaged"):
        vault.read(path.parent.name + path.name)


def test_a_file_cannot_be_put_in_anothers_place(tmp_path):
    vault = open_folder(tmp_path, keyring(FIRST))
    one, other = put(vault, b"one"), put(vault, b"other")
    vault.path(one).write_bytes(vault.path(other).read_bytes())
    with pytest.raises(Unavailable, match="damaged"):
        vault.read(one)
    with pytest.raises(Unavailable, match="damaged"):
        vault.keys.unseal(vault.path(other).read_bytes(), "another name")


def test_a_plain_upload_that_looks_sealed_is_read_as_it_is(tmp_path):
    hostile = MARK + os.urandom(100)
    for keys in (PLAIN, keyring(FIRST)):
        vault = open_folder(tmp_path / str(keys.name), keys)
        assert vault.read(put(vault, hostile)) == hostile
    assert open_folder(tmp_path / "None", keyring(FIRST)).read(hashlib.sha256(hostile).hexdigest()) == hostile


def seen(vault, digests):
    """How many of the files each key sealed, None for plain ones."""
    stored = [vault.stored(digest) for digest in digests]
    return [s[len(MARK) : len(MARK) + 8].hex() if s.startswith(MARK) else None for s in stored]


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_switched_on_later_rotated_and_switched_off(kind, tmp_path, request, s3_endpoint, store):
    address = request.getfixturevalue("new_bucket")() if kind == "bucket" else ""

    def opened(keys):
        return BucketVault(address, s3_endpoint, store.engine, keys) if address else open_folder(tmp_path, keys)

    contents = [os.urandom(100 + n) for n in range(5)]
    digests = [put(opened(PLAIN), content) for content in contents]
    steps = (keyring(FIRST), keyring(SECOND, FIRST), keyring(None, SECOND))
    for keys in steps:
        vault = opened(keys)
        # Before as after, every file can be read.
        assert [vault.read(digest) for digest in digests] == contents
        assert [vault.reseal(digest) for digest in digests] == [True] * 5
        assert [vault.reseal(digest) for digest in digests] == [False] * 5
        assert seen(vault, digests) == [keys.name] * 5
        assert [vault.read(digest) for digest in digests] == contents
    assert [opened(PLAIN).read(digest) for digest in digests] == contents


def with_keys(store, keys):
    store.vault.keys = keys
    return store


def test_an_interrupted_rotation_goes_on_where_it_stopped(store, doctor, make_study, monkeypatch):
    studies = [make_study() for _ in range(3)]
    for new in studies:
        save_study(with_keys(store, keyring(FIRST)), doctor, new)
    reseal, done = FolderVault.reseal, []

    def stop_after_two(vault, digest):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(digest)
        return reseal(vault, digest)

    monkeypatch.setattr(FolderVault, "reseal", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        rotate_key(with_keys(store, keyring(SECOND, FIRST)))
    monkeypatch.undo()
    digests = list(store.vault.digests())
    assert sorted(seen(store.vault, digests)) == sorted([keyring(SECOND).name] * 2 + [keyring(FIRST).name] * 4)
    assert check(store).whole
    # Without the first key the rest cannot be read, and the rotation says which.
    rotation = rotate_key(with_keys(store, keyring(SECOND)))
    assert (rotation.changed, rotation.kept, len(rotation.failed)) == (0, 2, 4)
    assert all("VAULT_OLD_KEYS" in reason for _, reason in rotation.failed)
    rotation = rotate_key(with_keys(store, keyring(SECOND, FIRST)))
    assert (rotation.changed, rotation.kept, rotation.failed) == (4, 2, ())
    with_keys(store, keyring(SECOND))
    assert check(store).whole
    for new in studies:
        assert read_file(store, doctor, new.public_id, "upload") == new.images[0].files["upload"][0]


@pytest.mark.parametrize(
    "word",
    ["short", "a" * 44, "!" * 44, base64.b64encode(b"a" * 32).decode(), FIRST[:-4]],
    ids=["short", "one letter", "no base64", "one byte", "cut off"],
)
def test_a_weak_key_is_refused_and_not_quoted(word):
    for values in ((word, ""), (FIRST, word)):
        with pytest.raises(SettingsError, match=r"VAULT_(KEY|OLD_KEYS) must be 32 random bytes.*openssl") as caught:
            keyring(*values)
        assert word not in str(caught.value)


def test_either_alphabet_of_base64_is_taken():
    assert keyring(base64.urlsafe_b64encode(base64.b64decode(FIRST)).decode()).name == keyring(FIRST).name
    assert isinstance(keyring(None), Keyring)
    assert keyring(None).name is None
