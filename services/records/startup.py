"""What must be true before anybody is let in, and the key of the sign-in cookie."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from services.errors import SettingsError
from services.records.demo import open_demo_accounts
from services.records.schema import current_revision, newest_revision
from services.records.store import Store
from services.settings import Settings


def cookie_key(settings: Settings) -> str:
    """The key that signs the sign-in cookie: COOKIE_KEY, or else the one in VAR_DIR/cookie.key, made at first use.

    The file has mode 600; two processes that start at once end up with the same key. Raises SettingsError where it
    cannot be made, is too weak, or may be read by other accounts of the machine.
    """
    if settings.cookie_key is not None:
        return settings.cookie_key.get_secret_value()
    file = settings.var_dir / "cookie.key"
    try:
        if not file.exists():
            _make(file)
        mode, key = stat.S_IMODE(file.stat().st_mode), file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not plain text"
        raise SettingsError(
            f"The key file {file} cannot be used ({reason}). Set COOKIE_KEY, or VAR_DIR to a folder of your own."
        ) from error
    if mode & 0o077:
        raise SettingsError(f"The key file {file} may be read by others. Delete it, then start again.")
    if len(key) < 32 or len(set(key)) < 8:
        raise SettingsError(f"The key in {file} is too weak. Delete the file, then start again.")
    return key


def _make(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as writer:
            writer.write(secrets.token_urlsafe(48))
            writer.flush()
            os.fsync(writer.fileno())
        # A link is never made over an existing name, so the first process wins and no reader sees half a key.
        file.hardlink_to(temporary)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def check_revision(store: Store) -> None:
    """Raise SettingsError where the tables are not those of this version, Unavailable where none can be reached."""
    current, newest = current_revision(store.engine), newest_revision()
    if current != newest:
        raise SettingsError(
            f"The database stands at revision {current or 'none'}, and this version of Falx needs {newest}. Run "
            "“python -m services.records migrate”."
        )


def check_startup(store: Store, settings: Settings) -> None:
    """Refuse to serve with an old database, a weak cookie key, or demo accounts outside demo mode.

    Raises SettingsError that says what to do, and Unavailable where the database cannot be reached.
    """
    check_revision(store)
    cookie_key(settings)
    names = () if settings.demo else open_demo_accounts(store)
    if names:
        raise SettingsError(
            f"This is not the demo, but the demo accounts {', '.join(names)} are open, and everyone knows their "
            "passwords. Run “python -m services.records close-demo-accounts”, or set DEMO=1."
        )
