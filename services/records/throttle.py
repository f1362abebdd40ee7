"""Failed sign-ins slow down the next ones for the same name and from the same address, and the memory of them fades.

Each failure adds 1 to the score of what it is counted for, which halves every five minutes; where a score has come to
its limit, the next attempt has to wait until it has sunk by one: about a minute for a name. A refused attempt adds
nothing, so nobody is locked out for good. Names that no account has are counted alike, under a hash, so that a wait
tells nothing and a password typed as a name is not stored.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete

from services.errors import SignInRefused
from services.records.columns import now
from services.records.rights import Origin
from services.records.tables import SignInThrottle

HALF_LIFE = timedelta(minutes=5)
FORGET = timedelta(days=1)


@dataclass(frozen=True)
class Counted:
    """What attempts are counted for: ``name`` among those of a ``kind``; ``limit`` attempts may come at once."""

    kind: str
    name: str
    limit: float

    @property
    def key_hash(self) -> str:
        """Under which the score is kept."""
        return hashlib.sha256(f"{self.kind}\n{self.name}".encode()).hexdigest()


def of_name(username: str) -> Counted:
    """Passwords tried for a user name."""
    return Counted("password", username, 8.0)


def of_code(user_id: int) -> Counted:
    """Codes tried for an account's second factor: three numbers out of a million are right at any moment."""
    return Counted("code", str(user_id), 5.0)


def of_mail(username: str) -> Counted:
    """Reset mails asked for a user name."""
    return Counted("mail", username, 3.0)


def of_new(origin: Origin) -> Counted | None:
    """Accounts registered from an address."""
    return _of_address("registration", origin, 10.0)


def of_address(origin: Origin) -> Counted | None:
    """Sign-ins tried from an address; a hospital's staff may share one."""
    return _of_address("address", origin, 60.0)


def _of_address(kind: str, origin: Origin, limit: float) -> Counted | None:
    # A household or a rented server has 2**64 addresses of IPv6 (RFC 6177), so these are counted as one.
    try:
        address = ipaddress.ip_address(origin.address)
    except ValueError:
        return None
    network = ipaddress.ip_network((address, 64 if address.version == 6 else 32), strict=False)
    return Counted(kind, str(network), limit)


def take_attempt(session: Session, *counted: Counted | None) -> None:
    """Count an attempt before its password is looked at, so that many at once cannot slip through together.

    Raises SignInRefused where there were too many for one of ``counted``; None is counted for nothing.
    """
    moment = now()
    for one in filter(None, counted):
        row = session.get(SignInThrottle, one.key_hash, with_for_update=True)
        if row is None:
            session.add(SignInThrottle(key_hash=one.key_hash, score=1.0, updated=moment))
            continue
        score = _faded(row, moment)
        if score + 1 > one.limit:
            wait = HALF_LIFE.total_seconds() * math.log2(score / (one.limit - 1))
            raise SignInRefused(
                f"There were too many attempts. Wait {max(1, math.ceil(wait))} seconds, then try again."
            )
        row.score, row.updated = score + 1, moment


def forgive(session: Session, *counted: Counted | None) -> None:
    """Forget the failures of those who have shown who they are, and all that have faded."""
    keys = [one.key_hash for one in filter(None, counted)]
    session.exec(delete(SignInThrottle).where(col(SignInThrottle.key_hash).in_(keys)))
    session.exec(delete(SignInThrottle).where(col(SignInThrottle.updated) < now() - FORGET))


def give_back(session: Session, counted: Counted | None) -> None:
    """Take one attempt off again that was no failure; others made from the same address stay counted."""
    row = session.get(SignInThrottle, counted.key_hash, with_for_update=True) if counted else None
    if row is not None:
        moment = now()
        row.score, row.updated = max(0.0, _faded(row, moment) - 1), moment


def _faded(row: SignInThrottle, moment: datetime) -> float:
    # A clock set back must not make a score grow.
    half_lives = max(moment - row.updated, timedelta(0)) / HALF_LIFE
    return row.score * math.exp2(-half_lives)
