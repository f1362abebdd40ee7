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
from services.records.keys import cookie_key
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
    return Store(
        engine=make_engine(settings.database),
        vault=Vault(settings.vault),
        demo=settings.demo,
        sign_in_lasts=timedelta(days=settings.cookie_days),
        key=partial(cookie_key, settings),
        idle_after=timedelta(minutes=settings.idle_minutes),
        links_last=timedelta(hours=settings.link_hours),
    )
