"""Get the programs that some tests drive (MariaDB, Chromium, poppler), where this machine lacks them and lets us.

Run by ``make test``. Nothing here fails the run: without a program the tests that need it are skipped and say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess

# Program the tests start → Debian package that brings it. mariadb-server-core brings the server without a service.
PROGRAMS = {
    "mariadbd": "mariadb-server-core",
    "mariadb-install-db": "mariadb-server-core",
    "my_print_defaults": "mariadb-client-core",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
    "pdftoppm": "poppler-utils",
}
SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def missing() -> list[str]:
    """Debian packages whose programs are not on this machine, in a stable order."""
    return sorted({package for program, package in PROGRAMS.items() if shutil.which(program, path=SEARCH) is None})


def as_root() -> list[str] | None:
    """What to put before a command so that it runs as root; None where that is not possible without asking."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    return None


def main() -> None:
    """Install what is missing, or say in a sentence what to install."""
    packages = missing()
    if not packages:
        return
    root = as_root()
    if shutil.which("apt-get") and root is not None:
        print(f"falx: installing {', '.join(packages)} for the tests", flush=True)
        quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
        for step in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            subprocess.run([*root, *quiet, *step], stdout=subprocess.DEVNULL, check=False)
        packages = missing()
    if packages:
        print(
            f"falx: {', '.join(packages)} could not be installed here, so the tests that need them are skipped. "
            f"To run them: apt-get install {' '.join(packages)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
