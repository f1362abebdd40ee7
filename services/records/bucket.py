"""The vault in a bucket of S3 or of a server that speaks its language, through fsspec.

An object appears whole or not at all, and survives once the server has answered, so nothing is flushed here. Renaming
is the server's copy, which is as whole, and a deletion.

A bucket has no lock. What keeps a sweep from a study that is being saved is the database that both use: beside a SQLite
file it is a lock file, and on a server the row that holds the revision, which savers lock shared and a sweep alone. If
that connection is lost on the way, the age remains: what is being saved is young, and a sweep takes only what is old.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import fsspec
from botocore.exceptions import BotoCoreError
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from services.errors import SettingsError
from services.records.database import as_sentence
from services.records.sealing import Keyring
from services.records.vault import NEW, Entry, Vault, vault_errors

SECONDS_TO_CONNECT = 10
SECONDS_TO_WAIT = 60


class BucketVault(Vault):
    """A vault under ``address``, ``s3://BUCKET/PREFIX``; the bucket exists, and the keys are AWS's own variables.

    ``endpoint`` is the address of a server other than Amazon's, ``engine`` the database of the same store. Raises
    SettingsError for an address without a bucket.
    """

    def __init__(self, address: str, endpoint: str, engine: Engine, keys: Keyring) -> None:
        super().__init__(keys)
        self._engine = engine
        self._files, root = fsspec.url_to_fs(
            address,
            endpoint_url=endpoint or None,
            # A listing that is remembered would hide what other processes do.
            use_listings_cache=False,
            config_kwargs={"connect_timeout": SECONDS_TO_CONNECT, "read_timeout": SECONDS_TO_WAIT},
        )
        self.root = PurePosixPath(root)
        if not root or ".." in self.root.parts:
            raise SettingsError("VAULT_URL must be s3://BUCKET or s3://BUCKET/PREFIX; name the bucket.")

    def place(self, folder: str, name: str) -> PurePosixPath:
        """The bucket and the key of an object."""
        return self.root / folder / name

    def write(self, name: str, stored: bytes) -> None:
        """Put an object under ``new``. Raises OSError."""
        self._do("pipe_file", str(self.place(NEW, name)), stored)

    def rename(self, name: str, digest: str) -> None:
        """Copy an object from ``new`` to its digest, then delete the first. Raises OSError."""
        self._do("cp_file", str(self.place(NEW, name)), str(self.path(digest)))
        self.delete(NEW, name)

    def load(self, digest: str) -> bytes:
        """What lies under that digest, sealed or plain. Raises OSError."""
        content: bytes = self._do("cat_file", str(self.path(digest)))
        return content

    def folders(self) -> list[str]:
        """``new`` and every other prefix. Raises OSError."""
        return [PurePosixPath(info["name"]).name for info in self._list(self.root) if info["type"] == "directory"]

    def entries(self, folder: str) -> list[Entry]:
        """The objects under a prefix. Raises OSError."""
        now = datetime.now(UTC)
        return [
            Entry(PurePosixPath(info["name"]).name, (now - info["LastModified"]).total_seconds())
            for info in self._list(self.root / folder)
            if info["type"] == "file"
        ]

    def delete(self, folder: str, name: str) -> None:
        """Delete an object, if it is there. Raises OSError."""
        self._do("rm_file", str(self.place(folder, name)))

    @contextmanager
    def locked(self, *, alone: bool) -> Iterator[None]:
        """Hold the database's lock. Raises Unavailable."""
        with (self._locked_file if self._engine.dialect.name == "sqlite" else self._locked_row)(alone):
            yield

    @contextmanager
    def _locked_file(self, alone: bool) -> Iterator[None]:
        with vault_errors("locked"):
            descriptor = os.open(f"{self._engine.url.database}.vault-lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            with vault_errors("locked"):
                fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _locked_row(self, alone: bool) -> Iterator[None]:
        how = "FOR UPDATE" if alone else "LOCK IN SHARE MODE"
        try:
            connection = self._engine.connect()
            connection.execute(text(f"SELECT version_num FROM alembic_version {how}")).all()
        except SQLAlchemyError as error:
            raise as_sentence(error) from error
        try:
            yield
        finally:
            # Nothing was written; closing rolls back, which releases the row.
            connection.close()

    def free_bytes(self) -> None:
        """A bucket does not say."""
        return

    def _list(self, folder: PurePosixPath) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = self._do("ls", str(folder), detail=True, refresh=True)
        except FileNotFoundError:
            # A prefix without objects does not exist.
            return []
        return found

    def _do(self, what: str, *values: Any, **options: Any) -> Any:
        try:
            return getattr(self._files, what)(*values, **options)
        except BotoCoreError as error:
            # Its texts name addresses, never keys.
            raise OSError(errno.EIO, str(error)) from error
