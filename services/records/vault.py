"""The vault: files under the SHA-256 of their content, in a folder that only Falx's account may read.

    <folder>/ab/cd…   a file whose digest is abcd…
    <folder>/new/…    files still being written, under random names
    <folder>/lock     held shared while a study is saved, alone while a sweep deletes

No part of a path comes from a user. A digest names one content for ever, so a file is never changed, only replaced by
itself, and one that is there has been written to its end.
"""

from __future__ import annotations

import fcntl
import hashlib
import math
import os
import re
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import time

from services.errors import Unavailable

DIGEST = re.compile(r"[0-9a-f]{64}")
PREFIX = re.compile(r"[0-9a-f]{2}")
GRACE = timedelta(hours=1)


class Batch:
    """Files on their way into the vault, made by Vault.saving."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._staged: dict[str, Path] = {}

    def stage(self, content: bytes) -> str:
        """Write ``content`` under a random name, safely on the disk; its digest. Raises Unavailable."""
        digest = hashlib.sha256(content).hexdigest()
        if digest in self._staged:
            return digest
        temporary = self._vault.new / uuid.uuid4().hex
        with _disk("written"):
            self._staged[digest] = temporary
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        return digest

    def publish(self) -> None:
        """Give every staged file its name; doing it twice does no harm. Raises Unavailable."""
        with _disk("written"):
            for digest, temporary in self._staged.items():
                final = self._vault.path(digest)
                if not final.parent.exists():
                    final.parent.mkdir(mode=0o700, exist_ok=True)
                    _sync_folder(self._vault.folder)
                if temporary.exists():
                    # Also where the content is there already: that mends a damaged copy.
                    temporary.replace(final)
                    _sync_folder(final.parent)

    def discard(self) -> None:
        """Remove what was staged and not published."""
        for temporary in self._staged.values():
            temporary.unlink(missing_ok=True)


class Vault:
    """A content-addressed folder; safe to use from several threads and processes of one machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.new = self.folder / "new"
        with _disk("opened"):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.new.mkdir(mode=0o700, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Where the file of that digest lies; ValueError for anything that is no digest."""
        if not DIGEST.fullmatch(digest):
            raise ValueError("a vault path is made from a SHA-256 digest only")
        return self.folder / digest[:2] / digest[2:]

    @contextmanager
    def saving(self) -> Iterator[Batch]:
        """A batch to stage and publish in; no sweep runs meanwhile, and what is not published is removed in the end."""
        batch = Batch(self)
        with self._locked(fcntl.LOCK_SH):
            try:
                yield batch
            finally:
                with _disk("tidied"):
                    batch.discard()

    def read(self, digest: str) -> bytes:
        """The content of that digest, verified. Raises Unavailable where it is missing or damaged."""
        try:
            content = self.path(digest).read_bytes()
        except OSError as error:
            raise Unavailable(
                "The file is missing from the file store. Ask an administrator to run “python -m services.records "
                "check”."
            ) from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise Unavailable(
                "The stored file is damaged and is not shown. Ask an administrator to run “python -m services.records "
                "check”; uploading the same file again mends it."
            )
        return content

    def orphans(self, named: Callable[[Collection[str]], Collection[str]], grace: timedelta = GRACE) -> list[Path]:
        """Files older than ``grace`` that no row names, and leftovers of interrupted writes.

        ``named`` answers which of some digests a row names.
        """
        return [path for folder in self._folders() for path in self._unnamed(folder, named, grace)]

    def sweep(self, named: Callable[[Collection[str]], Collection[str]], grace: timedelta = GRACE) -> int:
        """Delete the orphans, and say how many. A study being saved meanwhile loses nothing: see ``saving``."""
        deleted = 0
        for folder in self._folders():
            # While this is held no file lies between its renaming and its row's commit, so a row that is not there
            # now will never name a file that is old now.
            with self._locked(fcntl.LOCK_EX), _disk("tidied"):
                for path in self._unnamed(folder, named, grace):
                    path.unlink(missing_ok=True)
                    deleted += 1
        return deleted

    def _folders(self) -> list[Path]:
        with _disk("read"):
            return sorted(path for path in self.folder.iterdir() if path == self.new or PREFIX.fullmatch(path.name))

    def _unnamed(
        self, folder: Path, named: Callable[[Collection[str]], Collection[str]], grace: timedelta
    ) -> list[Path]:
        latest = time() - grace.total_seconds()
        with _disk("read"):
            old = [path for path in sorted(folder.iterdir()) if _modified(path) <= latest]
        if folder == self.new:
            return old
        # A name that is no digest was not put here by Falx, and is left alone.
        digests = {f"{folder.name}{path.name}": path for path in old if DIGEST.fullmatch(f"{folder.name}{path.name}")}
        kept = set(named(list(digests)))
        return [path for digest, path in digests.items() if digest not in kept]

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        with _disk("locked"):
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            with _disk("locked"):
                fcntl.flock(descriptor, kind)
            yield
        finally:
            # Closing releases the lock, as the end of a killed process does.
            os.close(descriptor)


@contextmanager
def _disk(done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"The file store cannot be {done} ({error.strerror or 'input/output error'}), and nothing was changed. Ask "
            "an administrator to look at its free space and permissions."
        ) from error


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        # Published or discarded since the folder was listed: not old.
        return math.inf


def _sync_folder(folder: Path) -> None:
    # A new name survives a power cut only once its folder has been flushed too.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
