"""Accounts and sign-in. The truth about who is signed in lies here, not in a cookie."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlmodel import Session, col, delete, select, update

from services.errors import InvalidRecord, SignInRefused
from services.records import audit, throttle
from services.records.columns import now
from services.records.database import key_of, reading, write
from services.records.demo import DEMO_PASSWORDS
from services.records.passwords import hash_password, is_password, renewed
from services.records.rights import HERE, Action, Actor, Origin, confirm, require
from services.records.store import Store
from services.records.tables import Outcome, Role, SignInSession, User, UserCreate, UserPublic
from services.records.text import same

# A page asks who is signed in at every click; writing it down once a minute is enough.
SECONDS_BETWEEN_NOTES = 60
KEEP_ENDED = timedelta(days=30)


def create_user(store: Store, actor: Actor, new: UserCreate, password: str) -> UserPublic:
    """Make an account, as an administrator. Raises NotAllowed; InvalidRecord for a name in use or a bad password."""
    require(actor, Action.ACCOUNT_CREATE)
    return _create(store, actor, new, password)


def create_admin(store: Store, username: str, full_name: str, password: str) -> UserPublic:
    """Make an administrator without one, for the command line only: who runs it holds the database anyway."""
    return _create(store, None, UserCreate(username=username, full_name=full_name, role=Role.ADMIN), password)


def _create(store: Store, actor: Actor | None, new: UserCreate, password: str) -> UserPublic:
    password_hash = hash_password(password, forbidden=DEMO_PASSWORDS)

    def work(session: Session) -> UserPublic:
        if actor is not None:
            confirm(session, actor)
        if session.exec(select(User.id).where(User.username == new.username)).first() is not None:
            raise InvalidRecord(f"There is an account named “{new.username}” already: choose another user name.")
        user = User(**new.model_dump(), password_hash=password_hash)
        session.add(user)
        audit.record(session, actor, Action.ACCOUNT_CREATE, f"account {user.public_id}")
        return UserPublic.model_validate(user)

    return write(store.engine, work)


def list_users(store: Store, actor: Actor) -> tuple[UserPublic, ...]:
    """All accounts by user name, for an administrator. Raises NotAllowed."""
    require(actor, Action.ACCOUNT_LIST)
    with reading(store.engine) as session:
        confirm(session, actor)
        users = session.exec(select(User).order_by(col(User.username))).all()
        return tuple(UserPublic.model_validate(user) for user in users)


def authenticate(store: Store, username: str, password: str, origin: Origin = HERE) -> Actor:
    """The actor behind a user name and a password, who asks from ``origin``.

    Raises SignInRefused, with the same text and after the same work for an unknown name, a deactivated account, a demo
    account outside demo mode and a wrong password; with another text where the name has to wait (see throttle.py).
    """
    name = same(username)

    def attempt(session: Session) -> User | None:
        throttle.take_attempt(session, name)
        return session.exec(select(User).where(User.username == name)).first()

    try:
        user = write(store.engine, attempt)
    except SignInRefused:
        audit.note(store.engine, None, audit.SIGN_IN, "account has to wait", Outcome.REFUSED, origin=origin)
        raise
    stored = user.password_hash if user is not None and _may_sign_in(store, user) else None
    # Outside any transaction, because both take long on purpose.
    right = is_password(stored, password)
    fresh = renewed(stored, password) if right and stored is not None else None

    def finish(session: Session) -> Actor | None:
        current = session.get(User, user.id) if user else None
        # The account may have been closed, or given another password, meanwhile.
        if not right or current is None or current.password_hash != stored or not _may_sign_in(store, current):
            what = f"account {current.public_id}" if current else "account unknown"
            audit.record(session, None, audit.SIGN_IN, what, Outcome.REFUSED, origin=origin)
            return None
        current.password_hash = fresh or current.password_hash
        throttle.forgive(session, name)
        actor = _actor(current, origin)
        audit.record(session, actor, audit.SIGN_IN, f"account {current.public_id}")
        return actor

    actor = write(store.engine, finish)
    if actor is None:
        raise SignInRefused("User name or password is wrong. Check both and try again.")
    return actor


def open_session(store: Store, actor: Actor) -> str:
    """A random token for the browser of a person who has just signed in; the database keeps only its hash."""
    token = secrets.token_urlsafe(32)

    def work(session: Session) -> None:
        confirm(session, actor)
        moment = now()
        session.exec(delete(SignInSession).where(col(SignInSession.expires) < moment - KEEP_ENDED))
        session.add(
            SignInSession(
                user_id=actor.user_id,
                token_hash=_hash(token),
                created=moment,
                last_seen=moment,
                expires=moment + store.sign_in_lasts,
            )
        )

    write(store.engine, work)
    return token


def actor_for_token(store: Store, token: str, origin: Origin = HERE) -> Actor | None:
    """Who is signed in with this token; None where it is unknown, expired or signed out, or its account is closed."""
    moment = now()
    with reading(store.engine) as session:
        found = session.exec(
            select(SignInSession, User)
            .join(User, col(User.id) == col(SignInSession.user_id))
            .where(SignInSession.token_hash == _hash(token))
        ).first()
    if found is None:
        return None
    signed_in, user = found
    if signed_in.revoked is not None or signed_in.expires <= moment or not _may_sign_in(store, user):
        return None
    if (moment - signed_in.last_seen).total_seconds() >= SECONDS_BETWEEN_NOTES:
        # Only where it has not been ended since it was read.
        seen = (
            update(SignInSession)
            .where(col(SignInSession.id) == signed_in.id, col(SignInSession.revoked).is_(None))
            .values(last_seen=moment)
        )
        write(store.engine, lambda session: session.exec(seen))
    return _actor(user, origin)


def close_session(store: Store, token: str, origin: Origin = HERE) -> None:
    """Sign out: the token opens nothing from now on, wherever it was copied to."""

    def work(session: Session) -> None:
        found = session.exec(
            select(SignInSession).where(SignInSession.token_hash == _hash(token)).with_for_update()
        ).first()
        if found is None or found.revoked is not None:
            return
        found.revoked = now()
        user = session.get_one(User, found.user_id)
        audit.record(session, _actor(user, origin), audit.SIGN_OUT, f"account {user.public_id}")

    write(store.engine, work)


def _may_sign_in(store: Store, user: User) -> bool:
    return user.active and (store.demo or not user.demo)


def _actor(user: User, origin: Origin) -> Actor:
    return Actor(key_of(user), user.public_id, user.username, user.full_name, user.role, origin)


def _hash(token: str) -> str:
    # The token is 256 random bits, so one fast hash is enough: there is nothing to guess.
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
