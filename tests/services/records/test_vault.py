"""The vault keeps what it is given, hands out nothing damaged, and loses nothing to a sweep; in a folder and on S3."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from datetime import timedelta

import pytest

from services.errors import SettingsError, Unavailable
from services.records.bucket import BucketVault
from services.records.database import make_engine
from services.records.folder import FolderVault
from services.records.sealing import make_keyring
from services.records.vault import GRACE, NEW

NOW = timedelta(0)
PLAIN = make_keyring(None, None)


@pytest.fixture
def folder(tmp_path):
    return FolderVault(tmp_path / "deep" / "vault", PLAIN)


@pytest.fixture
def bucket_beside(new_bucket, s3_endpoint):
    """A function that makes an empty vault in a bucket, beside the database of an address."""
    engines = []

    def make(address):
        engines.append(make_engine(address))
        return BucketVault(new_bucket(), s3_endpoint, engines[-1], PLAIN)

    yield make
    for engine in engines:
        engine.dispose()


@pytest.fixture(params=["folder", "bucket"])
def vault(request, tmp_path):
    if request.param == "folder":
        return request.getfixturevalue("folder")
    return request.getfixturevalue("bucket_beside")(f"sqlite:///{tmp_path}/falx.db")


def put(vault, content):
    with vault.saving() as batch:
        digest = batch.stage(content)
        batch.publish()
    return digest


def files(vault):
    return {f"{folder}/{entry.name}" for folder in vault.folders() for entry in vault.entries(folder)}


def test_content_comes_back_under_its_digest(vault):
    for content in (b"", b"x", os.urandom(3_000_000)):
        digest = put(vault, content)
        assert digest == hashlib.sha256(content).hexdigest()
        assert vault.read(digest) == content
    assert {len(name) for name in files(vault)} == {65}
    assert sorted(vault.digests()) == sorted(name.replace("/", "") for name in files(vault))


def test_only_the_owner_may_read(folder):
    digest = put(folder, b"x")
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [folder.folder, *folder.folder.rglob("*")]}
    assert set(modes.values()) == {0o700, 0o600}
    assert modes[folder.path(digest)] == 0o600


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


def test_publishing_twice_does_no_harm(vault):
    with vault.saving() as batch:
        digest = batch.stage(b"x")
        batch.publish()
        batch.publish()
    assert vault.read(digest) == b"x"
    assert len(files(vault)) == 1


def test_what_is_missing_or_damaged_is_a_sentence(vault):
    with pytest.raises(Unavailable, match=r"missing from the file store.*check"):
        vault.read("0" * 64)
    with vault.saving() as batch:
        batch.stage_stored("0" * 64, b"something else")
        batch.publish()
    with pytest.raises(Unavailable, match=r"damaged.*uploading the same file again mends it"):
        vault.read("0" * 64)


def test_a_sweep_takes_what_no_row_names_and_nothing_else(vault):
    kept, stray = put(vault, b"kept"), put(vault, b"stray")
    vault.write("leftover", b"half")
    foreign = f"{kept[:2]}README"
    with vault.saving() as batch:
        vault.write("foreign", b"put here by somebody")
        if isinstance(vault, FolderVault):
            (vault.new / "foreign").rename(vault.folder / kept[:2] / foreign)
        else:
            vault._do("pipe_file", str(vault.place(kept[:2], foreign)), b"put here by somebody")
            vault.delete(NEW, "foreign")
        batch.publish()

    def named(digests):
        return {kept} & set(digests)

    assert vault.orphans(named) == []
    assert vault.sweep(named) == 0
    assert {path.name for path in vault.orphans(named, NOW)} == {stray[2:], "leftover"}
    assert vault.sweep(named, NOW) == 2
    assert vault.read(kept) == b"kept"
    assert files(vault) == {f"{kept[:2]}/{kept[2:]}", f"{kept[:2]}/{foreign}"}


def assert_sweep_waits(vault):
    """The dangerous moment: a file has its name and is old, and the row that will name it is not committed yet."""
    rows = set()
    result = []
    with vault.saving() as batch:
        digest = batch.stage(b"x")
        batch.publish()
        sweeper = threading.Thread(target=lambda: result.append(vault.sweep(lambda asked: rows & set(asked), NOW)))
        sweeper.start()
        sweeper.join(0.3)
        assert sweeper.is_alive()
        rows.add(digest)
    sweeper.join(60)
    assert result == [0]
    assert vault.read(digest) == b"x"


def test_a_sweep_waits_for_a_study_being_saved(folder):
    assert_sweep_waits(folder)


def test_a_sweep_of_a_bucket_waits_by_its_databases_lock(bucket_beside, address):
    vault = bucket_beside(address)
    assert_sweep_waits(vault)
    # Savers do not wait for each other.
    with vault.saving() as one, vault.saving() as other:
        assert one.stage(b"a") != other.stage(b"b")
        one.publish()


def test_an_old_orphan_that_is_saved_again_is_young(folder):
    digest = put(folder, b"x")
    os.utime(folder.path(digest), (0, 0))
    put(folder, b"x")
    assert folder.sweep(lambda asked: ()) == 0
    assert folder.read(digest) == b"x"


def test_a_bucket_tells_the_age_of_its_objects(bucket_beside, tmp_path):
    vault = bucket_beside(f"sqlite:///{tmp_path}/falx.db")
    digest = put(vault, b"x")
    (entry,) = vault.entries(digest[:2])
    # The server counts in whole seconds.
    assert -2 < entry.age < 60 < GRACE.total_seconds()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match=r"file store cannot be opened \(.*\).*\.$"):
        FolderVault(tmp_path / "file" / "vault", PLAIN)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["no such bucket", "no server"])
def test_a_bucket_out_of_reach_is_a_sentence(wrong, new_bucket, s3_endpoint, tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path}/falx.db")
    address = new_bucket() if wrong == "no server" else "s3://falx-none/vault"
    vault = BucketVault(address, "http://127.0.0.1:1" if wrong == "no server" else s3_endpoint, engine, PLAIN)
    with pytest.raises(Unavailable, match=r"file store cannot be written \(.*(not exist|connect).*administrator"):
        put(vault, b"x")
    engine.dispose()


def test_a_bucket_needs_a_name(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path}/falx.db")
    with pytest.raises(SettingsError, match="name the bucket"):
        BucketVault("s3://", "", engine, PLAIN)
    engine.dispose()
