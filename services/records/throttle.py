"""Failed sign-ins slow down the next ones for the same user name, and the memory of them fades.

Each failure adds 1 to the name's score, which halves every five minutes; from eight on a sign-in has to wait until the
score has sunk by one, about a minute. A refused attempt adds nothing, so nobody is locked out for good. Names that no
account has are counted alike, under a hash, so that a wait tells nothing and a password typed as a name is not stored.
"""

from __future__ import annotations

import hashlib
import math
from datetime import timedelta

from sqlmodel import Session, col, delete

from services.errors import SignInRefused
from services.records.columns import now
from services.records.tables import SignInThrottle

LIMIT = 8.0
HALF_LIFE = timedelta(minutes=5)
FORGET = timedelta(days=1)


def take_attempt(session: Session, username: str) -> None:
    """Count an attempt before its password is looked at, so that many at once cannot slip through together.

    Raises SignInRefused where there were too many.
    """
    moment = now()
    row = session.get(SignInThrottle, _key(username), with_for_update=True)
    if row is None:
        session.add(SignInThrottle(name_hash=_key(username), score=1.0, updated=moment))
        return
    # A clock set back must not make a score grow.
    score = row.score * 0.5 ** (max(moment - row.updated, timedelta(0)) / HALF_LIFE)
    if score + 1 > LIMIT:
        wait = HALF_LIFE.total_seconds() * math.log2(score / (LIMIT - 1))
        raise SignInRefused(
            f"There were too many failed sign-ins for this name. Wait {max(1, math.ceil(wait))} seconds, then try "
            "again."
        )
    row.score, row.updated = score + 1, moment


def forgive(session: Session, username: str) -> None:
    """Forget the failures of a name whose owner has signed in, and all that have faded."""
    session.exec(delete(SignInThrottle).where(col(SignInThrottle.name_hash) == _key(username)))
    session.exec(delete(SignInThrottle).where(col(SignInThrottle.updated) < now() - FORGET))


def _key(username: str) -> str:
    return hashlib.sha256(username.encode()).hexdigest()
