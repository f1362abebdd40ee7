"""What the records' functions work on: one database and one vault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from services.records.database import make_engine
from services.records.folder import FolderVault
from services.records.heads import FILE, NotedHeads, keep_heads
from services.records.keys import cookie_key
from services.records.sealing import make_keyring
from services.records.vault import Vault
from services.settings import Settings


@dataclass(frozen=True, eq=False)
class Store:
    """The open database and vault of one process, shared by all its sessions and threads.

    ``demo`` lets demo accounts sign in; ``sign_in_lasts`` is the age at which a sign-in ends, ``idle_after`` the time
    without a click. ``key`` gives the cookie's key, from which those for sealed secrets are made.
    """

    engine: Engine
    vault: Vault
    demo: bool
    sign_in_lasts: timedelta
    key: Callable[[], str]
    idle_after: timedelta = timedelta(hours=1)
    links_last: timedelta = timedelta(days=2)

    def close(self) -> None:
        """Give all connections back; the store is not used after this."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_store(settings: Settings) -> Store:
    """The store of these settings; connects when first used. Raises SettingsError or Unavailable."""
    engine, key = make_engine(settings.database), partial(cookie_key, settings)
    keep_heads(engine, NotedHeads(settings.var_dir / FILE, key))
    return Store(
        engine=engine,
        vault=_open_vault(settings, engine),
        demo=settings.demo,
        sign_in_lasts=timedelta(days=settings.cookie_days),
        key=key,
        idle_after=timedelta(minutes=settings.idle_minutes),
        links_last=timedelta(hours=settings.link_hours),
    )


def _open_vault(settings: Settings, engine: Engine) -> Vault:
    keys = make_keyring(settings.vault_key, settings.vault_old_keys)
    if not settings.vault_url:
        return FolderVault(settings.vault, keys)
    # The client of S3 costs half a second of start, which a folder need not pay.
    from services.records.bucket import BucketVault

    return BucketVault(settings.vault_url, settings.vault_endpoint, engine, keys)
