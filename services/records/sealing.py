"""Encryption at rest, with keys from the environment: what the vault's files and a backup's tables are sealed with.

    FALXSEAL1 | 8 bytes that name the key | 12 bytes nonce | ciphertext and tag of AES-256-GCM (NIST SP 800-38D)

Each sealed piece is bound to its name, so that one cannot be put in another's place. Nonces are random, so one key is
good for some four thousand million pieces.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from services.errors import SettingsError, Unavailable

MARK = b"FALXSEAL1"
ID_LENGTH, NONCE_LENGTH, KEY_LENGTH = 8, 12, 32
HEAD_LENGTH = len(MARK) + ID_LENGTH + NONCE_LENGTH


@dataclass(frozen=True)
class Keyring:
    """The keys in force by their names: ``current`` seals, every one of ``keys`` opens; without one nothing is sealed.

    A key's name is the beginning of its hash, which may be shown.
    """

    keys: dict[bytes, AESGCM]
    current: bytes | None

    @property
    def name(self) -> str | None:
        """The name of the key that seals, None where nothing is sealed."""
        return self.current.hex() if self.current else None

    def seal(self, content: bytes, name: str) -> bytes:
        """``content`` sealed under ``name`` with the current key, and as it is without one."""
        if self.current is None:
            return content
        head = MARK + self.current + os.urandom(NONCE_LENGTH)
        return head + self.keys[self.current].encrypt(head[-NONCE_LENGTH:], content, head + name.encode())

    def unseal(self, sealed: bytes, name: str) -> bytes:
        """The content of something sealed under ``name``. Raises Unavailable for an unknown key or changed bytes."""
        head, used = sealed[:HEAD_LENGTH], sealing_key(sealed)
        if used not in self.keys:
            raise Unavailable(
                f"The file is encrypted with the key {used.hex()}, which is not set. Add that key to VAULT_OLD_KEYS."
            )
        try:
            return self.keys[used].decrypt(head[-NONCE_LENGTH:], sealed[HEAD_LENGTH:], head + name.encode())
        except InvalidTag:
            raise Unavailable(
                "The stored file is damaged and is not shown. Ask an administrator to run “python -m services.records "
                "check”; uploading the same file again mends it."
            ) from None


def is_sealed(stored: bytes) -> bool:
    """Whether these bytes begin as something sealed does; an uploaded file may do so too."""
    return len(stored) > HEAD_LENGTH and stored.startswith(MARK)


def sealing_key(sealed: bytes) -> bytes:
    """The name of the key that sealed these bytes."""
    return sealed[len(MARK) : len(MARK) + ID_LENGTH]


def make_keyring(current: SecretStr | None, older: SecretStr | None) -> Keyring:
    """The keyring of VAULT_KEY and VAULT_OLD_KEYS. Raises SettingsError, which never quotes a key."""
    first = _key(current.get_secret_value(), "VAULT_KEY") if current and current.get_secret_value() else None
    words = older.get_secret_value().replace(",", " ").split() if older else []
    every = [*([first] if first else []), *(_key(word, "VAULT_OLD_KEYS") for word in words)]
    return Keyring({_name(key): AESGCM(key) for key in every}, _name(first) if first else None)


def _key(word: str, setting: str) -> bytes:
    try:
        key = base64.b64decode(word.strip().translate(str.maketrans("-_", "+/")), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_LENGTH or len(set(key)) < 8:
        raise SettingsError(
            f"{setting} must be {KEY_LENGTH} random bytes in base64. Make one with “openssl rand -base64 {KEY_LENGTH}”."
        )
    return key


def _name(key: bytes) -> bytes:
    return hashlib.sha256(b"falx vault key" + key).digest()[:ID_LENGTH]
