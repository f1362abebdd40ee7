"""The vault keeps what it is given, hands out nothing damaged, and loses nothing to a sweep."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from datetime import timedelta

import pytest

from services.errors import Unavailable
from services.records.vault import Vault

NOW = timedelta(0)


@pytest.fixture
def vault(tmp_path):
    return Vault(tmp_path / "deep" / "vault")


def put(vault, content):
    with vault.saving() as batch:
        digest = batch.stage(content)
        batch.publish()
    return digest


def files(vault):
    return {path.relative_to(vault.folder).as_posix() for path in vault.folder.rglob("*") if path.is_file()} - {"lock"}


def test_content_comes_back_under_its_digest(vault):
    for content in (b"", b"x", os.urandom(3_000_000)):
        digest = put(vault, content)
        assert digest == hashlib.sha256(content).hexdigest()
        assert vault.read(digest) == content
    assert {len(name) for name in files(vault)} == {65}


def test_only_the_owner_may_read(vault):
    digest = put(vault, b"x")
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [vault.folder, *vault.folder.rglob("*")]}
    assert set(modes.values()) == {0o700, 0o600}
    assert modes[vault.path(digest)] == 0o600


@pytest.mark.parametrize(
    "digest", ["", "..", "../../../etc/passwd", "a" * 63, "A" * 64, "a" * 63 + "/", "a" * 64 + "\n"]
)
def test_a_path_is_made_from_a_digest_only(vault, digest):
    with pytest.raises(ValueError, match="digest"):
        vault.read(digest)


def test_what_is_not_published_is_gone(vault):
    def fail():
        with vault.saving() as batch:
            batch.stage(b"x")
            assert len(files(vault)) == 1
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail()
    assert files(vault) == set()


def test_a_sweep_takes_what_no_row_names_and_nothing_else(vault):
    kept, stray = put(vault, b"kept"), put(vault, b"stray")
    (vault.new / "leftover").write_bytes(b"half")
    foreign = vault.folder / "ab" / "README"
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("put here by somebody")

    def named(digests):
        return {kept} & set(digests)

    assert vault.orphans(named) == []
    assert vault.sweep(named) == 0
    assert {path.name for path in vault.orphans(named, NOW)} == {stray[2:], "leftover"}
    assert vault.sweep(named, NOW) == 2
    assert vault.read(kept) == b"kept"
    assert foreign.exists()
    assert len(files(vault)) == 2


def test_a_sweep_waits_for_a_study_being_saved(vault):
    """The dangerous moment: a file has its name and is old, and the row that will name it is not committed yet."""
    rows = set()
    result = []
    with vault.saving() as batch:
        digest = batch.stage(b"x")
        batch.publish()
        os.utime(vault.path(digest), (0, 0))
        sweeper = threading.Thread(target=lambda: result.append(vault.sweep(lambda asked: rows & set(asked))))
        sweeper.start()
        sweeper.join(0.3)
        assert sweeper.is_alive()
        rows.add(digest)
    sweeper.join(60)
    assert result == [0]
    assert vault.read(digest) == b"x"


def test_an_old_orphan_that_is_saved_again_is_young(vault):
    digest = put(vault, b"x")
    os.utime(vault.path(digest), (0, 0))
    put(vault, b"x")
    assert vault.sweep(lambda asked: ()) == 0
    assert vault.read(digest) == b"x"


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match=r"file store cannot be opened \(.*\).*\.$"):
        Vault(tmp_path / "file" / "vault")
