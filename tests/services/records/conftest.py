"""Both databases for the records' tests: a SQLite file, and a MariaDB server of our own on a free port."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pymysql
import pytest


def run_server(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A MariaDB server over an empty data folder; its process and port."""
    user = getpass.getuser()
    install, server = shutil.which("mariadb-install-db"), shutil.which("mariadbd")
    assert install
    assert server
    subprocess.run(
        [install, "--no-defaults", f"--datadir={folder}/data", f"--user={user}", "--skip-test-db"]
        + ["--auth-root-authentication-method=normal", "--skip-name-resolve"],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [server, "--no-defaults", f"--datadir={folder}/data", f"--socket={folder}/socket", f"--user={user}"]
            + [f"--pid-file={folder}/pid", "--bind-address=127.0.0.1", f"--port={port}", "--skip-name-resolve"]
            + ["--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M", "--max-connections=200"]
            # As unhelpful as a hospital's server may be.
            + ["--character-set-server=latin1", "--sql-mode=", "--default-time-zone=+05:30"],
            stdout=log, stderr=log,
        )  # fmt: skip
    return process, port


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[int]:
    """Port of a running MariaDB server, stopped and removed after the tests."""
    if not (shutil.which("mariadbd") and shutil.which("mariadb-install-db")):
        pytest.skip("MariaDB is not installed (Debian: apt-get install mariadb-server)")
    # The path of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="falx-db-", dir="/tmp"))
    process, port = run_server(folder)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                pymysql.connect(host="127.0.0.1", port=port, user="root").close()
                break
            except pymysql.OperationalError:
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"MariaDB did not start:\n{(folder / 'log').read_text()[-3000:]}")
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_mariadb(mariadb_server: int) -> Callable[[], str]:
    """A function that makes an empty database and gives its address."""

    def make() -> str:
        name = f"falx_{uuid.uuid4().hex[:12]}"
        connection = pymysql.connect(host="127.0.0.1", port=mariadb_server, user="root")
        with connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        return f"mysql+pymysql://root@127.0.0.1:{mariadb_server}/{name}"

    return make


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/falx.db"
    make: Callable[[], str] = request.getfixturevalue("new_mariadb")
    return make()
