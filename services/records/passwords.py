"""Passwords: which are accepted, and how they are kept.

Argon2id with the costs of RFC 9106, section 4, second choice (64 MiB, 3 passes, 4 lanes): argon2-cffi's default.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.errors import InvalidRecord

SHORTEST, LONGEST = 12, 128
HASHER = PasswordHasher()
COMMON = Path(__file__).with_name("common_passwords.txt")


def hash_password(password: str, *, forbidden: frozenset[str] = frozenset(), username: str = "") -> str:
    """Argon2id's text for a new password of ``username``. Raises InvalidRecord for one that is not accepted.

    What guessers try first is refused and nothing else: no signs or digits are asked for (NIST SP 800-63B, section
    5.1.1.2).
    """
    plain = _normal(password)
    if plain is None or not SHORTEST <= len(plain) <= LONGEST:
        raise InvalidRecord(f"A password has {SHORTEST} to {LONGEST} characters: choose another.")
    if plain in forbidden:
        raise InvalidRecord("This password is published with the demo accounts: choose another.")
    if plain.casefold() in _common() or plain.casefold() == username.casefold():
        raise InvalidRecord(
            "This password is among the first that anybody would try: choose another, for example four words that do "
            "not belong together."
        )
    return HASHER.hash(plain)


def is_password(stored: str | None, password: str) -> bool:
    """Whether ``password`` is the one behind ``stored``.

    Where there is no ``stored`` hash, or nothing that could be a password, a dummy's hash is verified all the same: the
    answer then takes as long as for a known user with a wrong password, and tells nobody which names exist.
    """
    plain, dummy = _normal(password), _dummy()
    if stored is None or plain is None or len(plain) > LONGEST:
        _verifies(dummy, "")
        return False
    return _verifies(stored, plain)


def renewed(stored: str, password: str) -> str | None:
    """A new hash of a ``password`` just verified against ``stored``, where that was made with other costs than now."""
    return HASHER.hash(_normal(password) or "") if HASHER.check_needs_rehash(stored) else None


def _verifies(stored: str, plain: str) -> bool:
    try:
        return HASHER.verify(stored, plain)
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _dummy() -> str:
    return HASHER.hash("a password that nobody has")


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    lines = COMMON.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("# "))


def _normal(password: str) -> str | None:
    # Two keyboards may send one letter as one or two code points (NIST SP 800-63B, section 5.1.1.2).
    plain = unicodedata.normalize("NFKC", password)
    try:
        plain.encode()
    except UnicodeEncodeError:
        return None
    return plain
