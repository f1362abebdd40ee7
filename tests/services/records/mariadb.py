"""A MariaDB server of the tests' own, on a free port of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql

from tools.demo_app import free_port

PATIENCE = 240


def programs() -> tuple[str | None, str | None]:
    """Where MariaDB's installer and server are; Debian keeps the server off an ordinary account's path."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"])
    return shutil.which("mariadb-install-db", path=path), shutil.which("mariadbd", path=path)


def as_ourselves() -> list[str]:
    """The server runs as whoever runs the tests; as root it has to be told that this is meant."""
    return ["--user=root"] if os.geteuid() == 0 else []


def install(folder: Path) -> None:
    """Make the data folder of a server that holds nothing yet."""
    program, _ = programs()
    assert program
    subprocess.run(
        [program, "--no-defaults", f"--datadir={folder}/data", *as_ourselves(), "--skip-test-db",
         "--auth-root-authentication-method=normal", "--skip-name-resolve"],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    _, program = programs()
    assert program
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [program, "--no-defaults", f"--datadir={folder}/data", f"--socket={folder}/socket", *as_ourselves(),
             f"--pid-file={folder}/pid", "--bind-address=127.0.0.1", f"--port={port}", "--skip-name-resolve",
             "--innodb-buffer-pool-size=64M", "--max-connections=200",
             # Nothing has to outlive this machine's power, so nothing waits for the disk.
             "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--skip-innodb-doublewrite",
             "--skip-sync-frm", "--debug-no-sync",
             # As unhelpful as a hospital's server may be.
             "--character-set-server=latin1", "--sql-mode=", "--default-time-zone=+05:30"],
            stdout=log, stderr=log,
        )  # fmt: skip


def answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server can be used; False where it ends instead, or takes minutes."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            pymysql.connect(host="127.0.0.1", port=port, user="root").close()
        except pymysql.OperationalError:
            time.sleep(0.1)
        else:
            return True
    return False


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running_server() -> Iterator[int]:
    """Port of a new server, which is stopped and removed at the end.

    Raises RuntimeError with the end of the server's log where it does not start.
    """
    # The path of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="falx-db-", dir="/tmp"))
    try:
        install(folder)
        # Another program may take the port before the server does, so it is tried on another one.
        for _ in range(3):
            port = free_port()
            process = start(folder, port)
            try:
                if answers(process, port):
                    yield port
                    return
            finally:
                stop(process)
        raise RuntimeError(f"MariaDB did not start:\n{(folder / 'log').read_text()[-3000:]}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
