"""Passwords: which are accepted, and how they are kept.

Argon2id with the costs of RFC 9106, section 4, second choice (64 MiB, 3 passes, 4 lanes): argon2-cffi's default.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.errors import InvalidRecord

SHORTEST, LONGEST = 12, 128
HASHER = PasswordHasher()
COMMON = Path(__file__).with_name("common_passwords.txt")
# Words that guessers lengthen first, beside those that the list shows lengthened, and what fingers run along.
WORDS = frozenset(
    {"admin", "administrator", "baseball", "changeme", "default", "doctor", "dragon", "falx", "football", "hospital",
     "iloveyou", "letmein", "login", "master", "monkey", "password", "passwort", "princess", "radiology", "secret",
     "shadow", "sunshine", "superman", "trustno", "welcome"}
)  # fmt: skip
RUNS = (
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
)
SHORTEST_WORD = 4
_REPEATED = re.compile(rf"(.{{1,{SHORTEST - 1}}}?)\1+", re.DOTALL)
_TRAILING = re.compile(r"[\W\d_]+$")


def hash_password(password: str, *, forbidden: frozenset[str] = frozenset(), username: str = "") -> str:
    """Argon2id's text for a new password of ``username``. Raises InvalidRecord for one that is not accepted.

    What guessers try first is refused and nothing else: no signs or digits are asked for (NIST SP 800-63B, section
    5.1.1.2). That is, in any case of letters: the listed passwords and the user name; and, with or without the digits
    and signs at its end, a word of the list, something shorter than a password said several times, or a run along the
    digits, the alphabet or the keyboard, forwards or backwards.
    """
    plain = _normal(password)
    if plain is None or not SHORTEST <= len(plain) <= LONGEST:
        raise InvalidRecord(f"A password has {SHORTEST} to {LONGEST} characters: choose another.")
    if plain in forbidden:
        raise InvalidRecord("This password is published with the demo accounts: choose another.")
    if _is_guessed(plain.casefold(), username.casefold()):
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


def _is_guessed(word: str, username: str) -> bool:
    stem = _TRAILING.sub("", word)
    if word in _common() or stem in _words() or (username and username in (word, stem)):
        return True
    return any(len(part) >= SHORTEST_WORD and (_REPEATED.fullmatch(part) or _is_run(part)) for part in (word, stem))


def _is_run(part: str) -> bool:
    return any(text in run * (len(part) // len(run) + 2) for run in RUNS for text in (part, part[::-1]))


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


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    stems = (_TRAILING.sub("", line) for line in _common())
    return WORDS | {stem for stem in stems if len(stem) >= SHORTEST_WORD}


def _normal(password: str) -> str | None:
    # Two keyboards may send one letter as one or two code points (NIST SP 800-63B, section 5.1.1.2).
    plain = unicodedata.normalize("NFKC", password)
    try:
        plain.encode()
    except UnicodeEncodeError:
        return None
    return plain
