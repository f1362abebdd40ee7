"""The vault: files under the SHA-256 of their content, in a folder (folder.py) or a bucket (bucket.py).

    ab/cd…   a file whose digest is abcd…
    new/…    files still being written, under random names

No part of a path comes from a user. A digest names one content for ever, so a file is never changed, only replaced by
itself, and one that is there has been written to its end. The digest is that of the content as it was given: where a
key is set, what lies under it is sealed (sealing.py), and equal contents are still one file. Files that were stored
before a key was set stay readable; ``reseal`` seals them.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from pathlib import PurePath
from typing import NamedTuple

from services.errors import Unavailable
from services.records.sealing import Keyring, is_sealed, sealing_key

DIGEST = re.compile(r"[0-9a-f]{64}")
PREFIX = re.compile(r"[0-9a-f]{2}")
NEW = "new"
GRACE = timedelta(hours=1)
Named = Callable[[Collection[str]], Collection[str]]


class Entry(NamedTuple):
    """A file as a listing has it: its name in its folder, and its age in seconds."""

    name: str
    age: float


class Batch:
    """Files on their way into the vault, made by Vault.saving."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._known: set[str] = set()
        self._waiting: dict[str, str] = {}

    def stage(self, content: bytes) -> str:
        """Write ``content`` under a random name, safely on the disk; its digest. Raises Unavailable."""
        digest = hashlib.sha256(content).hexdigest()
        self.stage_stored(digest, self._vault.keys.seal(content, digest))
        return digest

    def stage_stored(self, digest: str, stored: bytes) -> None:
        """Write what is to lie under ``digest``, sealed or plain, under a random name. Raises Unavailable."""
        if digest in self._known:
            return
        with vault_errors("written"):
            self._known.add(digest)
            self._waiting[digest] = uuid.uuid4().hex
            self._vault.write(self._waiting[digest], stored)

    def publish(self) -> None:
        """Give every staged file its name; doing it twice does no harm. Raises Unavailable."""
        with vault_errors("written"):
            for digest, name in list(self._waiting.items()):
                # Also where the content is there already: that mends a damaged copy.
                self._vault.rename(name, digest)
                del self._waiting[digest]

    def discard(self) -> None:
        """Remove what was staged and not published. Raises OSError."""
        for name in self._waiting.values():
            self._vault.delete(NEW, name)


class Vault(ABC):
    """A content-addressed store; safe to use from several threads and processes.

    The two kinds of vault write, rename, read, list, delete and lock; all the rest is the same for both. ``keys`` seal
    what is stored.
    """

    def __init__(self, keys: Keyring) -> None:
        self.keys = keys

    @abstractmethod
    def place(self, folder: str, name: str) -> PurePath:
        """Where a file of one of ``folders`` lies."""

    @abstractmethod
    def write(self, name: str, stored: bytes) -> None:
        """Write a file under ``new``, to survive a power cut once this returns. Raises OSError."""

    @abstractmethod
    def rename(self, name: str, digest: str) -> None:
        """Give a file under ``new`` its digest as name, at once and whole. Raises OSError."""

    @abstractmethod
    def load(self, digest: str) -> bytes:
        """What lies under that digest, sealed or plain. Raises OSError."""

    @abstractmethod
    def folders(self) -> list[str]:
        """``new``, and the first two digits of every digest that is there. Raises OSError."""

    @abstractmethod
    def entries(self, folder: str) -> list[Entry]:
        """The files of one of ``folders`` by name. Raises OSError."""

    @abstractmethod
    def delete(self, folder: str, name: str) -> None:
        """Delete a file, if it is there. Raises OSError."""

    @abstractmethod
    def locked(self, *, alone: bool) -> AbstractContextManager[None]:
        """Hold the lock between saving (shared) and sweeping (``alone``). Raises Unavailable."""

    @abstractmethod
    def free_bytes(self) -> int | None:
        """Free space in bytes, None where nobody can say."""

    def path(self, digest: str) -> PurePath:
        """Where the file of that digest lies; ValueError for anything that is no digest."""
        if not DIGEST.fullmatch(digest):
            raise ValueError("a vault path is made from a SHA-256 digest only")
        return self.place(digest[:2], digest[2:])

    @contextmanager
    def saving(self) -> Iterator[Batch]:
        """A batch to stage and publish in; no sweep runs meanwhile, and what is not published is removed in the end."""
        batch = Batch(self)
        with self.locked(alone=False):
            try:
                yield batch
            finally:
                # Whatever went wrong is said by the error that is under way; what is left here is swept later.
                with suppress(OSError):
                    batch.discard()

    def read(self, digest: str) -> bytes:
        """The content of that digest, verified. Raises Unavailable where it is missing, damaged or its key is."""
        stored = self.stored(digest)
        if hashlib.sha256(stored).hexdigest() == digest:
            return stored
        # A plain file that begins as a sealed one does was found by its digest above.
        content = self.keys.unseal(stored, digest) if is_sealed(stored) else b""
        if not is_sealed(stored) or hashlib.sha256(content).hexdigest() != digest:
            raise Unavailable(
                "The stored file is damaged and is not shown. Ask an administrator to run “python -m services.records "
                "check”; uploading the same file again mends it."
            )
        return content

    def stored(self, digest: str) -> bytes:
        """What lies under that digest, sealed or plain, not verified. Raises Unavailable where it is missing."""
        try:
            with vault_errors("read"):
                return self.load(digest)
        except Unavailable as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
            raise Unavailable(
                "The file is missing from the file store. Ask an administrator to run “python -m services.records "
                "check”."
            ) from error.__cause__

    def digests(self) -> Iterator[str]:
        """The digest of every file, in order. Raises Unavailable."""
        for folder in self._folders():
            if folder != NEW:
                yield from self._digests(folder, -1)

    def reseal(self, digest: str) -> bool:
        """Seal a file with the current key, or without one make it plain; False where it is so already.

        Raises Unavailable where it cannot be read.
        """
        stored = self.stored(digest)
        plain = hashlib.sha256(stored).hexdigest() == digest
        if plain if self.keys.current is None else not plain and sealing_key(stored) == self.keys.current:
            return False
        content = self.read(digest)
        with self.saving() as batch:
            if batch.stage(content) != digest:
                raise AssertionError("read verifies the content")
            batch.publish()
        return True

    def orphans(self, named: Named, grace: timedelta = GRACE) -> list[PurePath]:
        """Files older than ``grace`` that no row names, and leftovers of interrupted writes.

        ``named`` answers which of some digests a row names.
        """
        return [self.place(folder, name) for folder in self._folders() for name in self._unnamed(folder, named, grace)]

    def sweep(self, named: Named, grace: timedelta = GRACE) -> int:
        """Delete the orphans, and say how many. A study being saved meanwhile loses nothing: see ``saving``."""
        deleted = 0
        for folder in self._folders():
            # While this is held no file lies between its renaming and its row's commit, so a row that is not there
            # now will never name a file that is old now.
            with self.locked(alone=True), vault_errors("tidied"):
                for name in self._unnamed(folder, named, grace):
                    self.delete(folder, name)
                    deleted += 1
        return deleted

    def _folders(self) -> list[str]:
        with vault_errors("read"):
            return sorted(name for name in self.folders() if name == NEW or PREFIX.fullmatch(name))

    def _digests(self, folder: str, seconds: float) -> list[str]:
        with vault_errors("read"):
            names = sorted(entry.name for entry in self.entries(folder) if entry.age >= seconds)
        # A name that is no digest was not put here by Falx, and is left alone.
        return [folder + name for name in names if DIGEST.fullmatch(folder + name)]

    def _unnamed(self, folder: str, named: Named, grace: timedelta) -> list[str]:
        if folder == NEW:
            with vault_errors("read"):
                return sorted(entry.name for entry in self.entries(folder) if entry.age >= grace.total_seconds())
        old = self._digests(folder, grace.total_seconds())
        kept = set(named(old))
        return [digest[len(folder) :] for digest in old if digest not in kept]


@contextmanager
def vault_errors(done: str) -> Iterator[None]:
    """Turn the system's errors into Unavailable, which says what could not be ``done``."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error) or "input/output error"
        raise Unavailable(
            f"The file store cannot be {done} ({reason}), and nothing was changed. Ask "
            "an administrator to look at its free space and permissions."
        ) from error
