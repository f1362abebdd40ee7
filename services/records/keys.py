"""The key that signs the sign-in cookie, and what is sealed with a key made from it."""

from __future__ import annotations

import base64
import os
import secrets
import stat
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.errors import SettingsError
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


def sealer(key: str, purpose: str) -> Fernet:
    """What seals and opens secrets of one ``purpose`` (Fernet; its key by HKDF-SHA-256, RFC 5869, from ``key``).

    A sealed secret is of no use to whoever has the database alone: a backup, a stolen disk of the server, an injected
    query. It does not protect against somebody who can read COOKIE_KEY, VAR_DIR or the memory of the running app.
    """
    made = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"falx {purpose}".encode()).derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(made))
