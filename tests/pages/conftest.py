"""The whole app in one process, with its real services, an empty SQLite database and the shipped model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.context import ContextProxy
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import script_runner
from streamlit.testing.v1 import AppTest

from pages.view import acting
from services.records.demo import DEMO_ACCOUNTS
from services.records.people import authenticate, create_user
from services.records.rights import Actor
from services.records.schema import migrate
from services.records.tables import Role, UserCreate
from services.settings import Settings, get_settings
from services.tasks import TASKS
from services.workflow import Workbench

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 180


@dataclass(frozen=True)
class Room:
    """What the tests of a session share; its pages are cached once a process, so there is one room."""

    folder: Path
    bench: Workbench

    def actor(self, role: Role) -> Actor:
        account = next(account for account in DEMO_ACCOUNTS if account.role is role)
        return authenticate(self.bench.store, account.username, account.password)


def enter(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the settings in force be those of a demo in ``folder``."""
    patch.setenv("DEMO", "1")
    patch.setenv("VAR_DIR", str(folder))
    get_settings.cache_clear()


def _router_first(main_script: str) -> None:
    """Run app.py, as a server does that has called st.navigation once.

    AppTest forgets that before each of its runs, and has no public way to be told.
    """
    PagesManager.uses_pages_directory = False
    code = compile(Path(main_script).read_text(encoding="utf-8"), main_script, "exec")
    exec(code, sys.modules["__main__"].__dict__)


@pytest.fixture(scope="session", autouse=True)
def _packages_are_read_once() -> Iterator[None]:
    """Each AppTest looks through every installed package for components, which a server does once."""
    found = cache(manifest_scanner.scan_component_manifests)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", found)
        yield


@pytest.fixture(autouse=True)
def _as_a_running_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script_runner, "_mpa_v1", _router_first)
    # AppTest has no connection that could have an address.
    monkeypatch.setattr(ContextProxy, "ip_address", property(lambda _: "192.0.2.7"))


@pytest.fixture(scope="session")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Database, demo accounts and a loaded model, behind the very functions that the pages call."""
    folder = tmp_path_factory.mktemp("room")
    migrate(Settings(demo=True, var_dir=folder).database)
    with pytest.MonkeyPatch.context() as patch:
        enter(patch, folder)
        acting.records()
        bench = acting.workbench()
        acting.start_warm_up().join(PATIENCE)
    bench.engine.warm_up(TASKS[acting.TASK])
    yield Room(folder, bench)
    bench.store.close()
    acting.store().close()


@pytest.fixture
def sign_in(room: Room, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Role], AppTest]]:
    """Signs in by the form, as the demo's buttons fill it in."""
    enter(monkeypatch, room.folder)

    def through_the_form(role: Role) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE).run()
        app.button(key=f"role_{role.value}").click().run()
        submit(app).click().run()
        assert not app.exception
        return app

    yield through_the_form
    get_settings.cache_clear()


def another_doctor(room: Room, username: str, password: str) -> Actor:
    """A second reader beside the demo's, signed in."""
    new = UserCreate(username=username, full_name=f"Dr {username.capitalize()}", role=Role.DOCTOR)
    create_user(room.bench.store, room.actor(Role.ADMIN), new, password)
    return authenticate(room.bench.store, username, password)


def submit(app: AppTest):
    """The sign-in form's button."""
    return next(button for button in app.button if button.label == "Sign in")


def text(app: AppTest) -> str:
    """Every word on the page."""
    kinds = (
        app.title,
        app.header,
        app.subheader,
        app.markdown,
        app.caption,
        app.error,
        app.warning,
        app.info,
        app.success,
    )
    return "\n".join(str(element.value) for elements in kinds for element in elements)


def address(link) -> dict[str, str]:
    """The query that a link leads to, by name."""
    return {name: values[0] for name, values in parse_qs(link.proto.query_string).items()}


def follow(app: AppTest, link) -> None:
    """Open what a link of the page leads to, as a click on it does."""
    app.query_params.clear()
    app.query_params.update(address(link))
    app.switch_page(f"pages/{link.proto.page}.py").run()
    assert not app.exception
    assert not app.error
