"""The storage page says how database and files stand, and what to do about it."""

from __future__ import annotations

import base64
import os
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from pages.view import acting
from services.records import backup, demo, people, upkeep
from services.records.columns import now
from services.records.schema import migrate, newest_revision
from services.records.store import open_store
from services.records.tables import Role
from services.settings import Settings
from tests.pages.conftest import PATIENCE, text


@pytest.fixture
def open_storage(tmp_path, monkeypatch):
    """A function that draws the page for the demo's administrator over a store of these settings."""
    opened = []

    def draw(**settings):
        values = Settings(demo=True, var_dir=tmp_path, **settings)
        migrate(values.database)
        store = open_store(values)
        opened.append(store)
        account = next(a for a in demo.ensure_demo_accounts(store) if a.role is Role.ADMIN)
        monkeypatch.setattr(acting, "store", lambda: store)
        app = AppTest.from_string(
            "from pages.view.administration import storage\nstorage.show()", default_timeout=PATIENCE
        )
        app.session_state["falx_actor"] = people.authenticate(store, account.username, account.password)
        return store, app.run()

    yield draw
    for store in opened:
        store.close()


def facts(app):
    table = app.table[0].value
    return dict(zip(table["What"], table["State"], strict=True))


def test_a_new_store_asks_for_a_backup_and_is_whole(open_storage, tmp_path, monkeypatch):
    store, app = open_storage()
    assert not app.exception
    found = facts(app)
    assert found["Revision"] == newest_revision()
    assert (found["Files"], found["Encryption of files"], found["Last backup"]) == ("0", "off", "none")
    assert found["Database"].startswith("SQLite 3")
    assert found["Free space"].endswith("B")
    assert "no backup of the last seven days" in text(app)
    backup.back_up(store, tmp_path / "backup")
    app.run()
    assert "no backup" not in text(app)
    assert f"{now():%d %b %Y}" in facts(app)["Last backup"]
    assert "Check database and files" in [button.label for button in app.button]
    app.button[0].click().run()
    assert "All is well" in text(app)
    later = now() + timedelta(days=8)
    monkeypatch.setattr("pages.view.administration.storage.now", lambda: later)
    assert "no backup of the last seven days" in text(app.run())


def test_encryption_is_named_by_its_key(open_storage):
    key = base64.b64encode(os.urandom(32)).decode()
    store, app = open_storage(vault_key=key)
    assert facts(app)["Encryption of files"] == f"on, key {store.vault.keys.name}"
    assert key not in text(app)


def test_an_old_database_is_an_error(open_storage, monkeypatch):
    _, app = open_storage()
    monkeypatch.setattr(upkeep, "newest_revision", lambda: "9999")
    assert "not 9999. Run “python -m services.records migrate”" in text(app.run())
