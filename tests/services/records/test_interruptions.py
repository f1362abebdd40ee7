"""Whatever is killed, full or out of reach: a study is there with all its files, or not there at all."""

from __future__ import annotations

import hashlib
import os
import pickle
import resource
import signal
import sqlite3
import subprocess
import sys
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlmodel import Session

from services.errors import Unavailable
from services.records.chain import verify_by_command as verify
from services.records.database import make_engine
from services.records.folder import FolderVault
from services.records.sealing import make_keyring
from services.records.store import Store
from services.records.studies import save_study
from services.records.upkeep import check_by_command as check
from services.records.upkeep import sweep
from tests.services.records.kept import assert_whole, make_all_old

ROOT = Path(__file__).resolve().parents[3]
# Saves a study again and again, each time in a process of its own that is killed one line of the records' code later,
# until one comes through. The first is saved by the parent, so that the children start with everything loaded.
KILLER = """
import os, pickle, signal, sys, traceback
from datetime import timedelta
from pathlib import Path
from services.records.store import Store
from services.records.studies import save_study
from services.records.database import make_engine
from services.records.folder import FolderVault
from services.records.sealing import make_keyring

address, vault, file = sys.argv[1:]
actor, studies = pickle.load(open(file, "rb"))
files = FolderVault(Path(vault), make_keyring(None, None))
store = Store(make_engine(address), files, demo=False, sign_in_lasts=timedelta(days=1), key=lambda: "")
save_study(store, actor, studies[0])
store.close()
NAMES = ("studies", "parts", "vault", "folder", "database", "audit")
TRACED = tuple(f"records/{name}.py" for name in NAMES)

def save(new, lines_to_live):
    left = lines_to_live
    def trace(frame, event, argument):
        nonlocal left
        if not frame.f_code.co_filename.endswith(TRACED):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace
    sys.settrace(trace)
    save_study(store, actor, new)
    os._exit(0)

for lines, new in enumerate(studies[1:], start=1):
    child = os.fork()
    if child == 0:
        try:
            save(new, lines)
        finally:
            traceback.print_exc()
            os._exit(3)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
        print(lines, os.waitstatus_to_exitcode(status))
        break
"""


@pytest.mark.slow
def test_killed_at_any_line(store, doctor, make_study, tmp_path, address):
    studies = [make_study() for _ in range(400)]
    (tmp_path / "studies").write_bytes(pickle.dumps((doctor, studies)))
    script = tmp_path / "killer.py"
    script.write_text(KILLER)
    done = subprocess.run(
        [sys.executable, script, address, tmp_path / "vault", tmp_path / "studies"],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines, code = map(int, done.stdout.split())
    assert code == 0, done.stderr
    # Fewer would mean that the trace does not reach the code.
    assert lines > 100
    stored = assert_whole(store, doctor, studies)
    # The last one came through; those killed after the commit are there too.
    assert studies[lines] in stored
    assert studies[1] not in stored
    # Some were killed between file and commit, and what they left is found and swept.
    make_all_old(store)
    orphans = check(store).orphans
    assert any(path.parent == store.vault.new for path in orphans)
    assert any(path.parent != store.vault.new for path in orphans)
    assert sweep(store) == len(orphans)
    assert check(store).whole
    assert verify(store).whole
    assert assert_whole(store, doctor, studies) == stored


@pytest.mark.parametrize("step", ["after_flush", "before_commit"])
def test_a_database_that_goes_away(store, doctor, make_study, monkeypatch, step, address):
    """The connection is really cut, by the server where there is one."""
    new, first = make_study(), make_study()
    save_study(store, doctor, first)

    def cut(session, *_):
        connection = session.connection()
        if address.startswith("mysql"):
            number = connection.scalar(text("SELECT CONNECTION_ID()"))
            other = make_engine(address)
            with other.connect() as killer:
                killer.exec_driver_sql(f"KILL CONNECTION {number}")
            other.dispose()
        else:
            connection.connection.dbapi_connection.interrupt()
            connection.connection.dbapi_connection.close()

    event.listen(Session, step, cut)
    try:
        with pytest.raises(Unavailable, match=r"cannot be used|not certain"):
            save_study(store, doctor, new)
    finally:
        event.remove(Session, step, cut)
    assert list(store.vault.new.iterdir()) == []
    assert assert_whole(store, doctor, [first, new]) == [first]
    # The same study can be saved once the database is back.
    save_study(store, doctor, new)
    assert_whole(store, doctor, [first, new])
    assert verify(store).whole


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_a_database_file_that_cannot_grow(store, doctor, make_study, address):
    studies = [make_study(study={"notes": "x" * 4000}) for _ in range(200)]

    @event.listens_for(store.engine, "connect")
    def limit(connection, _):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 5}")

    store.engine.dispose()

    def save_all():
        for new in studies:
            save_study(store, doctor, new)

    with pytest.raises(Unavailable, match="cannot be used"):
        save_all()
    event.remove(store.engine, "connect", limit)
    store.engine.dispose()
    stored = assert_whole(store, doctor, studies)
    assert 0 < len(stored) < 200
    assert list(store.vault.new.iterdir()) == []


def test_a_disk_that_is_full(store, doctor, make_study):
    """Files may not grow past a limit, which the system enforces as it does a full disk."""
    new = make_study(upload=os.urandom(2_000_000))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, before[1]))
    try:
        with pytest.raises(Unavailable, match=r"file store cannot be written \(File too large\)"):
            save_study(store, doctor, new)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(store.vault.new.iterdir()) == []
    assert assert_whole(store, doctor, [new]) == []


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of three megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small disk, and not in every container")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("full", ["vault", "database"])
def test_a_real_disk_that_is_full(full, small_disk, address, store, doctor, make_study):
    """Studies are saved until nothing fits; then files are deleted, and it goes on."""
    if full == "database":
        if address.startswith("mysql"):
            pytest.skip("the server's own disk is not ours to fill")
        copy = small_disk / "falx.db"
        copy.write_bytes(Path(store.engine.url.database).read_bytes())
        with sqlite3.connect(store.engine.url.database) as source, sqlite3.connect(copy) as target:
            source.backup(target)
        engine, vault = make_engine(f"sqlite:///{copy}"), store.vault
    else:
        engine, vault = store.engine, FolderVault(small_disk / "vault", make_keyring(None, None))
    filler = small_disk / "filler"
    filler.write_bytes(bytes(1_500_000))
    on_it = Store(engine, vault, demo=False, sign_in_lasts=timedelta(days=1), key=store.key)
    studies = [make_study(upload=os.urandom(60_000), study={"notes": "x" * 4000}) for _ in range(400)]
    refused = []

    def save_until_full():
        for new in studies:
            save_study(on_it, doctor, new)

    with pytest.raises(Unavailable) as caught:
        save_until_full()
    refused.append(str(caught.value))
    assert any(word in refused[0] for word in ("No space left", "cannot be used", "not certain"))
    filler.unlink()
    stored = assert_whole(on_it, doctor, studies)
    assert 0 < len(stored) < 199
    assert list(vault.new.iterdir()) == []
    make_all_old(on_it)
    sweep(on_it)
    assert check(on_it).whole
    save_study(on_it, doctor, make_study())
    on_it.close()


def test_a_vault_that_fails_at_the_renaming(store, doctor, make_study):
    new = make_study()
    digest = hashlib.sha256(new.images[0].files["upload"][0]).hexdigest()
    # A file where the folder should be.
    obstacle = store.vault.folder / digest[:2]
    obstacle.write_text("in the way")
    with pytest.raises(Unavailable, match="file store cannot be written"):
        save_study(store, doctor, new)
    obstacle.unlink()
    assert assert_whole(store, doctor, [new]) == []


def test_check_names_what_is_wrong(store, doctor, make_study):
    new, other = make_study(), make_study()
    saved, second = save_study(store, doctor, new), save_study(store, doctor, other)
    assert check(store).whole
    store.vault.path(saved.files["upload"].sha256).unlink()
    store.vault.path(second.files["report"].sha256).write_bytes(b"changed")
    with store.vault.saving() as batch:
        stray = batch.stage(uuid.uuid4().bytes)
        batch.publish()
    health = check(store)
    assert [what for what, _ in health.unreadable] == [
        f"study {new.public_id} upload",
        f"study {other.public_id} report",
    ]
    assert "missing" in health.unreadable[0][1]
    assert "damaged" in health.unreadable[1][1]
    # A young file may belong to a study that is being saved now.
    assert health.orphans == ()
    make_all_old(store)
    assert check(store).orphans == (store.vault.path(stray),)
    assert not check(store).whole
