"""The parts that the whole path needs, with the shipped models and an empty database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.records.demo import ensure_demo_accounts
from services.records.people import authenticate
from services.records.rights import Actor
from services.records.schema import migrate
from services.settings import Settings
from services.workflow import Workbench


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """Opened once a file of tests."""
    settings = Settings(demo=True, var_dir=tmp_path_factory.mktemp("workbench"))
    migrate(settings.database)
    opened = Workbench.open(settings)
    yield opened
    opened.store.close()


@pytest.fixture(scope="module")
def actors(bench: Workbench) -> dict[str, Actor]:
    """The demo's accounts by role."""
    return {a.role.value: authenticate(bench.store, a.username, a.password) for a in ensure_demo_accounts(bench.store)}


@pytest.fixture(scope="module")
def doctor(actors: dict[str, Actor]) -> Actor:
    """The demo's doctor."""
    return actors["doctor"]
