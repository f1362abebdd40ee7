"""Falx refuses to serve with an old database, a weak key or open demo accounts; and the commands."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.errors import SettingsError
from services.records.demo import ensure_demo_accounts
from services.records.people import authenticate
from services.records.schema import migrate, newest_revision
from services.records.startup import check_startup, cookie_key
from services.records.store import open_store
from services.settings import Settings

ROOT = Path(__file__).resolve().parents[3]


def settings(tmp_path, **more):
    return Settings(_env_file=None, var_dir=tmp_path / "var", **more)


def command(tmp_path, *words, **environment):
    """Run a command of the records as a person would; its exit code, standard output and standard error."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "services.records", *words],
        cwd=ROOT, env=kept | {"VAR_DIR": str(tmp_path / "var"), "DEMO": "0"} | environment, text=True,
        input=environment.get("TYPED", ""), capture_output=True, timeout=300,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_the_key_is_made_once_and_for_us_only(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(cookie_key, [settings(tmp_path)] * 16))
    assert len(keys) == 1
    assert len(keys.pop()) >= 32
    file = tmp_path / "var" / "cookie.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["cookie.key"]
    assert cookie_key(settings(tmp_path / "elsewhere")) != cookie_key(settings(tmp_path))


def test_the_environments_key_wins_and_makes_no_file(tmp_path):
    key = "0123456789abcdefghijklmnopqrstuvwxyz"
    assert cookie_key(settings(tmp_path, cookie_key=key)) == key
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(
    ("content", "mode"), [(b"", 0o600), (b"a" * 64, 0o600), (b"short but varied", 0o600), (b"\xff" * 64, 0o600),
                          (b"0123456789abcdefghijklmnopqrstuvwxyz", 0o644)]
)  # fmt: skip
def test_a_weak_or_open_key_is_refused(tmp_path, content, mode):
    file = tmp_path / "var" / "cookie.key"
    file.parent.mkdir()
    file.write_bytes(content)
    file.chmod(mode)
    with pytest.raises(SettingsError, match=r"cookie\.key.*\.$"):
        cookie_key(settings(tmp_path))


def test_a_folder_that_cannot_be_made_is_a_sentence():
    with pytest.raises(SettingsError, match="cannot be used"):
        cookie_key(Settings(_env_file=None, var_dir="/proc/none"))


def test_startup_asks_for_a_migration(empty_database, tmp_path):
    values = settings(tmp_path, database_url=empty_database)
    with open_store(values) as store:
        with pytest.raises(SettingsError, match=r"revision none.*migrate"):
            check_startup(store, values)
        migrate(empty_database)
        check_startup(store, values)


@pytest.mark.slow
def test_startup_outside_the_demo_refuses_open_demo_accounts(empty_database, tmp_path):
    migrate(empty_database)
    demo = settings(tmp_path, database_url=empty_database, demo=True)
    with open_store(demo) as store:
        ensure_demo_accounts(store)
        check_startup(store, demo)
    real = settings(tmp_path, database_url=empty_database)
    with open_store(real) as store, pytest.raises(SettingsError, match=r"doctor.*close-demo-accounts"):
        check_startup(store, real)
    code, said, _ = command(tmp_path, "close-demo-accounts", DATABASE_URL=empty_database)
    assert (code, said) == (0, "4 demo accounts closed.\n")
    with open_store(real) as store:
        check_startup(store, real)


@pytest.mark.slow
def test_commands_from_nothing_to_an_administrator(tmp_path, empty_database):
    def run(*words, **more):
        return command(tmp_path, *words, DATABASE_URL=empty_database, **more)

    assert run("check")[0] == 1
    needy = (
        ("create-admin", "--username", "chief"),
        ("sweep",),
        ("purge",),
        ("restore-study", "x"),
        ("close-demo-accounts",),
    )
    for words in needy:
        code, said, wrong = run(*words, TYPED="a long enough one\n")
        assert (code, said) == (2, "")
        assert "Run “python -m services.records migrate”." in wrong
    assert run("migrate")[:2] == (0, f"The database stands at revision {newest_revision()}.\n")
    assert run("check")[:2] == (0, "0 files named, 0 missing or damaged, 0 without a row.\n")
    assert run("purge")[:2] == (0, "0 studies purged, 0 files deleted.\n")
    assert "no deleted study" in run("restore-study", "x")[2]
    for typed, variable in (("", None), ("a long enough one", "short")):
        more = {"FALX_ADMIN_PASSWORD": variable} if variable else {}
        code, said, wrong = run("create-admin", "--username", "chief", TYPED=typed, **more)
        assert (code, said) == (2, "")
        assert "choose another" in wrong
    assert run("create-admin", "--username", "chief", TYPED="a long enough one\n")[0] == 0
    assert run("create-admin", "--username", "second", FALX_ADMIN_PASSWORD="a long enough one")[0] == 0
    with open_store(settings(tmp_path, database_url=empty_database)) as store:
        assert {authenticate(store, name, "a long enough one").role.value for name in ("chief", "second")} == {"admin"}


@pytest.mark.parametrize(
    "address",
    [
        "oracle://u:hunter2@h/n",
        "mysql+pymysql://db:hunter2/falx",
        "mysql+pymysql://u:hunter2@h:hunter2/falx",
        "mysql+pymysql://u:hunter2@h:70000/falx",
    ],
)
def test_a_command_with_unusable_settings_is_one_sentence(tmp_path, address):
    code, said, wrong = command(tmp_path, "migrate", DATABASE_URL=address)
    assert (code, said) == (2, "")
    assert "mysql+pymysql://USER:PASSWORD@HOST/NAME" in wrong
    assert wrong.count("\n") == 1
    assert "hunter2" not in wrong
