"""Heads of the trail noted outside the database, so that an end that was cut off is missed.

Nothing secret goes into the chain of hashes, so who can write to the database can delete the last events and set the
head back. But each head that was ever committed stands in a file beside the database, a line an event:

    COUNT:HASH MAC

The MAC is HMAC-SHA-256 over COUNT:HASH, cut to 128 bits, under a key made from COOKIE_KEY (HKDF), which does not lie in
the database: a line cannot be made for a trail that was made anew. Each line must still be in the chain; where one is
not, events were removed, all of them perhaps, or others put in their place. What is not found: the end is cut off the
file as well, or the file is removed. That takes rights on the server, not in the database; where the file can only be
appended to (chattr +a), or is copied elsewhere, it takes more.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Engine

from services.errors import FalxError, Unavailable

log = logging.getLogger(__name__)
FILE = "audit-heads.log"
_OPTION = "falx_heads"
_LINE = re.compile(r"([0-9]{1,18}):([0-9a-f]{64}) ([0-9a-f]{32})")


@dataclass(frozen=True)
class NotedHeads:
    """The file of noted heads; ``secret`` gives what its key is made from."""

    path: Path
    secret: Callable[[], str]

    def note(self, count: int, digest: str) -> None:
        """Append a head that was committed. What goes wrong is logged: the event itself is stored."""
        try:
            line = f"{count}:{digest} {self._mac(count, digest)}\n".encode()
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                # One write at the end of the file: lines of several processes do not mix.
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
        except (OSError, FalxError) as error:
            log.error("The head of the trail was not noted. event=head-not-noted error=%s", type(error).__name__)

    def lines(self) -> Iterator[tuple[int, str] | None]:
        """The noted heads (number, hash) in the order of the file, None for a line that this key did not make.

        Raises Unavailable where the file cannot be read.
        """
        try:
            with self.path.open(encoding="ascii", errors="replace") as file:
                for line in file:
                    found = _LINE.fullmatch(line.rstrip("\n"))
                    if found and hmac.compare_digest(self._mac(int(found[1]), found[2]), found[3]):
                        yield int(found[1]), found[2]
                    else:
                        yield None
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unavailable(
                f"The noted heads in {self.path} cannot be read ({error.strerror}), so the trail was not verified. "
                "Give this account the right to read the file."
            ) from error

    def set_aside(self, moment: datetime) -> None:
        """Begin a new file, for a trail that goes on from an earlier point; the old one is kept under another name.

        Raises Unavailable where it cannot be renamed.
        """
        try:
            self.path.rename(self.path.with_name(f"{self.path.name}.{moment:%Y%m%dT%H%M%S%f}"))
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unavailable(
                f"The noted heads in {self.path} cannot be set aside ({error.strerror}). Rename the file yourself, or "
                "verify-audit misses the events that are not in the backup."
            ) from error

    def _mac(self, count: int, digest: str) -> str:
        return hmac.new(self._key, f"{count}:{digest}".encode(), hashlib.sha256).hexdigest()[:32]

    @cached_property
    def _key(self) -> bytes:
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"falx trail").derive(self.secret().encode())


def keep_heads(engine: Engine, heads: NotedHeads) -> None:
    """Let every head that is committed through ``engine`` be noted."""
    engine.update_execution_options(**{_OPTION: heads})


def heads_of(engine: Engine) -> NotedHeads | None:
    """Where the heads of this engine's trail are noted."""
    found: NotedHeads | None = engine.get_execution_options().get(_OPTION)
    return found
