"""Signed-in browsers: what is kept of one, how it ends, and who sees which."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select, update

from services.errors import NotFound
from services.records import audit
from services.records.browsers import still_open
from services.records.columns import now
from services.records.database import reading, write
from services.records.rights import Action, Actor, confirm, require
from services.records.store import Store
from services.records.tables import SignInSession, User

MOST_LISTED = 200
# A browser names those whose pages it can show as well, so the first that is found is the right one.
BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox"),
            ("FxiOS", "Firefox"), ("Chrom", "Chrome"), ("CriOS", "Chrome"), ("Safari", "Safari"))  # fmt: skip
SYSTEMS = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
           ("CrOS", "ChromeOS"), ("Mac OS X", "macOS"), ("Linux", "Linux"))  # fmt: skip


@dataclass(frozen=True)
class OpenSession:
    """A signed-in browser as its owner, or an administrator, sees it; ``here`` is the one that asks."""

    public_id: uuid.UUID
    username: str
    device: str
    address: str
    created: datetime
    last_seen: datetime
    expires: datetime
    here: bool


def device_name(user_agent: str) -> str:
    """A browser's own description in three words, such as "Firefox on Windows"."""
    browser = next((name for sign, name in BROWSERS if sign in user_agent), "Another browser")
    system = next((name for sign, name in SYSTEMS if sign in user_agent), "")
    return f"{browser} on {system}" if system else browser


def token_hash(token: str) -> str:
    """SHA-256 of a random secret: it has 256 bits, so one fast hash is enough, there is nothing to guess."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def own_sessions(store: Store, actor: Actor, token: str) -> tuple[OpenSession, ...]:
    """The browsers in which the actor is signed in, last used first; ``token`` is that of the one that asks."""
    require(actor, Action.ACCOUNT_OWN)
    return _listed(store, actor, col(SignInSession.user_id) == actor.user_id, token)


def list_sessions(store: Store, actor: Actor, account: uuid.UUID | None = None) -> tuple[OpenSession, ...]:
    """All open sessions, or those of one account, last used first, for an administrator; at most MOST_LISTED.

    Raises NotAllowed.
    """
    require(actor, Action.SESSION_LIST)
    return _listed(store, actor, col(User.public_id) == account if account else col(User.id).is_not(None), "")


def _listed(store: Store, actor: Actor, whose: ColumnElement[bool], token: str) -> tuple[OpenSession, ...]:
    with reading(store.engine) as session:
        confirm(session, actor)
        rows = session.exec(
            select(SignInSession, User.username)
            .join(User, col(User.id) == col(SignInSession.user_id))
            .where(still_open(store.idle_after), whose)
            .order_by(col(SignInSession.last_seen).desc(), col(SignInSession.id))
            .limit(MOST_LISTED)
        ).all()
    here = token_hash(token)
    return tuple(
        OpenSession(
            row.public_id, name, row.device, row.address, row.created, row.last_seen, row.expires,
            row.token_hash == here,
        )
        for row, name in rows
    )  # fmt: skip


def end_own_session(store: Store, actor: Actor, public_id: uuid.UUID) -> None:
    """Sign one of the actor's browsers out. Raises NotFound where it is somebody else's, or none."""
    require(actor, Action.ACCOUNT_OWN)
    _end_one(store, actor, public_id, col(SignInSession.user_id) == actor.user_id)


def end_session(store: Store, actor: Actor, public_id: uuid.UUID) -> None:
    """Sign anybody's browser out, as an administrator. Raises NotAllowed, NotFound."""
    require(actor, Action.SESSION_END)
    _end_one(store, actor, public_id, col(SignInSession.id).is_not(None))


def _end_one(store: Store, actor: Actor, public_id: uuid.UUID, whose: ColumnElement[bool]) -> None:
    def work(session: Session) -> None:
        confirm(session, actor)
        found = session.exec(
            select(SignInSession).where(SignInSession.public_id == public_id, whose).with_for_update()
        ).first()
        if found is None:
            raise NotFound("There is no such session any more. Look at the list again.")
        if found.revoked is None:
            found.revoked = now()
            audit.record(session, actor, Action.SESSION_END, f"session {public_id}")

    write(store.engine, work)


def end_own_sessions(store: Store, actor: Actor, keep: str = "") -> int:
    """Sign the actor out everywhere, except in the browser with the token ``keep``; how many were open."""
    require(actor, Action.ACCOUNT_OWN)

    def work(session: Session) -> int:
        confirm(session, actor)
        audit.record(session, actor, Action.SESSION_END, f"account {actor.public_id}")
        return end_all(session, actor.user_id, keep=keep)

    return write(store.engine, work)


def end_sessions(store: Store, actor: Actor, account: uuid.UUID) -> int:
    """Sign an account out everywhere, as an administrator; how many were open. Raises NotAllowed, NotFound."""
    require(actor, Action.SESSION_END)

    def work(session: Session) -> int:
        confirm(session, actor)
        user = account_of(session, account)
        audit.record(session, actor, Action.SESSION_END, f"account {account}")
        return end_all(session, user.id or 0)

    return write(store.engine, work)


def end_all(session: Session, user_id: int, *, keep: str = "") -> int:
    """End every session of an account in the running transaction but that with the token ``keep``."""
    ended = session.exec(
        update(SignInSession)
        .where(
            col(SignInSession.user_id) == user_id,
            col(SignInSession.revoked).is_(None),
            col(SignInSession.token_hash) != token_hash(keep),
        )
        .values(revoked=now())
    )
    return int(ended.rowcount)


def account_of(session: Session, public_id: uuid.UUID) -> User:
    """The account's row, locked until the transaction ends. Raises NotFound."""
    user = session.exec(
        select(User).where(User.public_id == public_id).with_for_update().execution_options(populate_existing=True)
    ).first()
    if user is None:
        raise NotFound("There is no such account. Look at the list again.")
    return user
