"""The vault in a folder that only Falx's account may read.

    <folder>/lock     held shared while a study is saved, alone while a sweep deletes

Files are written under temporary names, flushed and renamed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time

from services.records.sealing import Keyring
from services.records.vault import NEW, Entry, Vault, vault_errors


class FolderVault(Vault):
    """A vault in ``folder``, which is made where it is missing; shared by the processes of one machine.

    Raises Unavailable where it cannot be made.
    """

    def __init__(self, folder: Path, keys: Keyring) -> None:
        super().__init__(keys)
        self.folder = folder.resolve()
        self.new = self.folder / NEW
        with vault_errors("opened"):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.new.mkdir(mode=0o700, exist_ok=True)

    def place(self, folder: str, name: str) -> Path:
        """Where a file of a folder lies."""
        return self.folder / folder / name

    def write(self, name: str, stored: bytes) -> None:
        """Write a file under ``new`` and flush it. Raises OSError."""
        descriptor = os.open(self.new / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(stored)
            file.flush()
            os.fsync(file.fileno())

    def rename(self, name: str, digest: str) -> None:
        """Give a file under ``new`` its digest as name, safely on the disk. Raises OSError."""
        final = self.place(digest[:2], digest[2:])
        if not final.parent.exists():
            final.parent.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(self.folder)
        (self.new / name).replace(final)
        _sync_folder(final.parent)

    def load(self, digest: str) -> bytes:
        """What lies under that digest, sealed or plain. Raises OSError."""
        return Path(self.path(digest)).read_bytes()

    def folders(self) -> list[str]:
        """``new`` and every other folder. Raises OSError."""
        return [path.name for path in self.folder.iterdir() if path.is_dir()]

    def entries(self, folder: str) -> list[Entry]:
        """The files of a folder. Raises OSError."""
        now = time()
        found = []
        for path in (self.folder / folder).iterdir():
            try:
                found.append(Entry(path.name, now - path.stat().st_mtime))
            except FileNotFoundError:
                # Published or discarded since the folder was listed.
                continue
        return found

    def delete(self, folder: str, name: str) -> None:
        """Delete a file, if it is there. Raises OSError."""
        self.place(folder, name).unlink(missing_ok=True)

    @contextmanager
    def locked(self, *, alone: bool) -> Iterator[None]:
        """Hold the lock file. Raises Unavailable."""
        with vault_errors("locked"):
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            with vault_errors("locked"):
                fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            yield
        finally:
            # Closing releases the lock, as the end of a killed process does.
            os.close(descriptor)

    def free_bytes(self) -> int:
        """Free space of the folder's disk, in bytes. Raises Unavailable."""
        with vault_errors("read"):
            return shutil.disk_usage(self.folder).free


def _sync_folder(folder: Path) -> None:
    # A new name survives a power cut only once its folder has been flushed too.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
