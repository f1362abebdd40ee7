"""Accounts and sign-in. The truth about who is signed in lies here, not in a cookie."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select, update

from services.errors import CodeNeeded, InvalidRecord, NotAllowed, SignInRefused
from services.records import audit, throttle
from services.records.columns import now
from services.records.database import key_of, reading, write
from services.records.demo import DEMO_PASSWORDS
from services.records.passwords import hash_password, is_password, renewed
from services.records.rights import HERE, Action, Actor, Browser, Origin, Pending, confirm, require
from services.records.sessions import device_name, token_hash
from services.records.store import Store
from services.records.tables import (
    Outcome,
    Patient,
    Role,
    SecondFactor,
    SignInSession,
    User,
    UserCreate,
    UserPublic,
)
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
    password_hash = hash_password(password, forbidden=DEMO_PASSWORDS, username=new.username)

    def work(session: Session) -> UserPublic:
        if actor is not None:
            confirm(session, actor)
        return UserPublic.model_validate(add_user(session, actor, new, password_hash))

    return write(store.engine, work)


def add_user(session: Session, actor: Actor | None, new: UserCreate, password_hash: str) -> User:
    """Add a checked account to the running transaction. Raises InvalidRecord for a name in use."""
    if session.exec(select(User.id).where(User.username == new.username)).first() is not None:
        raise InvalidRecord(f"There is an account named “{new.username}” already: choose another user name.")
    user = User(**new.model_dump(), password_hash=password_hash)
    session.add(user)
    session.flush()
    audit.record(session, actor, Action.ACCOUNT_CREATE, f"account {user.public_id}")
    return user


def register(
    store: Store, username: str, full_name: str, email: str | None, password: str, origin: Origin = HERE
) -> UserPublic:
    """Make a patient's account for whoever asks; it waits until a doctor or an administrator links it to a record.

    Raises InvalidRecord for a name in use or a bad password, SignInRefused where too many come from one address.
    """
    new = UserCreate(username=username, full_name=full_name, email=email, role=Role.PATIENT)
    write(store.engine, lambda session: throttle.take_attempt(session, throttle.of_new(origin)))
    password_hash = hash_password(password, forbidden=DEMO_PASSWORDS, username=new.username)

    def work(session: Session) -> UserPublic:
        user = add_user(session, None, new, password_hash)
        audit.record(
            session, actor_of(session, user, origin, demo=store.demo), "account.register", f"account {user.public_id}"
        )
        return UserPublic.model_validate(user)

    return write(store.engine, work)


def list_users(store: Store, actor: Actor) -> tuple[UserPublic, ...]:
    """All accounts by user name, for an administrator. Raises NotAllowed."""
    require(actor, Action.ACCOUNT_LIST)
    with reading(store.engine) as session:
        confirm(session, actor)
        users = session.exec(select(User).order_by(col(User.username))).all()
        return tuple(UserPublic.model_validate(user) for user in users)


@dataclass(frozen=True)
class HalfSignIn:
    """A password that was right a moment ago; a code of the second factor completes it until it is too old."""

    user_id: int
    username: str
    began: datetime
    password_hash: str = field(repr=False)


def authenticate(store: Store, username: str, password: str, origin: Origin = HERE) -> Actor:
    """The actor behind a user name and a password, who asks from ``origin``.

    Raises SignInRefused, with the same text and after the same work for an unknown name, a deactivated account, a demo
    account outside demo mode, an invitation not yet taken and a wrong password; with another text where the name or the
    address has to wait (see throttle.py). Raises CodeNeeded where the password is right and second_factor.complete has
    to follow.
    """
    name = same(username)
    address = throttle.of_address(origin)

    def attempt(session: Session) -> User | None:
        throttle.take_attempt(session, throttle.of_name(name), address)
        return session.exec(select(User).where(User.username == name)).first()

    try:
        user = write(store.engine, attempt)
    except SignInRefused:
        audit.note(store.engine, None, audit.SIGN_IN, "account has to wait", Outcome.REFUSED, origin=origin)
        raise
    stored = (user.password_hash or None) if user is not None and may_sign_in(user, demo=store.demo) else None
    # Outside any transaction, because both take long on purpose.
    right = is_password(stored, password)
    fresh = renewed(stored, password) if right and stored is not None else None

    def finish(session: Session) -> Actor | HalfSignIn | None:
        current = session.get(User, user.id) if user else None
        # The account may have been closed, or given another password, meanwhile.
        if not right or current is None or current.password_hash != stored or not may_sign_in(current, demo=store.demo):
            what = f"account {current.public_id}" if current else "account unknown"
            audit.record(session, None, audit.SIGN_IN, what, Outcome.REFUSED, origin=origin)
            return None
        current.password_hash = fresh or current.password_hash
        throttle.forgive(session, throttle.of_name(name))
        throttle.give_back(session, address)
        if has_second_factor(session, key_of(current)):
            # Nobody is signed in yet, but somebody has the password.
            audit.record(session, None, audit.PASSWORD, f"account {current.public_id}", origin=origin)
            return HalfSignIn(key_of(current), current.username, now(), current.password_hash)
        actor = actor_of(session, current, origin, demo=store.demo)
        audit.record(session, actor, audit.SIGN_IN, f"account {current.public_id}")
        return actor

    done = write(store.engine, finish)
    if done is None:
        raise SignInRefused("User name or password is wrong. Check both and try again.")
    if isinstance(done, HalfSignIn):
        raise CodeNeeded(done)
    return done


def open_session(store: Store, actor: Actor) -> str:
    """A random token for the browser of a person who has just signed in; the database keeps only its hash.

    Raises NotAllowed where the account was closed, or its password changed, since the actor was made.
    """
    token = secrets.token_urlsafe(32)

    def work(session: Session) -> None:
        # Locked, so that nothing which ends all sessions of the account can miss this one.
        user = session.get(User, actor.user_id, with_for_update=True)
        confirm(session, actor)
        # What ended all sessions with the old password must not be outlived by a sign-in with it.
        if user is None or proof_of(user) != actor.proof:
            raise NotAllowed("Your password has changed since you signed in. Sign in again.")
        moment = now()
        session.exec(delete(SignInSession).where(col(SignInSession.expires) < moment - KEEP_ENDED))
        session.add(
            SignInSession(
                user_id=actor.user_id,
                device=device_name(actor.origin.device),
                address=actor.origin.address[:64],
                token_hash=token_hash(token),
                created=moment,
                last_seen=moment,
                expires=moment + store.sign_in_lasts,
            )
        )

    write(store.engine, work)
    return token


def actor_for_token(store: Store, token: str, origin: Origin = HERE) -> Actor | None:
    """Who is signed in with this token; None where it opens nothing.

    That is: it is unknown, expired, unused for too long or signed out, or its account is closed.
    """
    moment = now()
    with reading(store.engine) as session:
        found = session.exec(
            select(SignInSession, User)
            .join(User, col(User.id) == col(SignInSession.user_id))
            .where(SignInSession.token_hash == token_hash(token))
        ).first()
        if found is None:
            return None
        signed_in, user = found
        idle = moment - signed_in.last_seen
        over = signed_in.expires <= moment or idle >= store.idle_after
        if signed_in.revoked is not None or over or not may_sign_in(user, demo=store.demo):
            return None
        actor = replace(
            actor_of(session, user, origin, demo=store.demo), browser=Browser(key_of(signed_in), store.idle_after)
        )
    if idle.total_seconds() >= SECONDS_BETWEEN_NOTES:
        # Only where it has not been ended since it was read.
        seen = (
            update(SignInSession)
            .where(col(SignInSession.id) == signed_in.id, col(SignInSession.revoked).is_(None))
            .values(last_seen=moment)
        )
        write(store.engine, lambda session: session.exec(seen))
    return actor


def close_session(store: Store, token: str, origin: Origin = HERE) -> None:
    """Sign out: the token opens nothing from now on, wherever it was copied to."""

    def work(session: Session) -> None:
        found = session.exec(
            select(SignInSession).where(SignInSession.token_hash == token_hash(token)).with_for_update()
        ).first()
        if found is None or found.revoked is not None:
            return
        found.revoked = now()
        user = session.get_one(User, found.user_id)
        actor = actor_of(session, user, origin, demo=store.demo)
        audit.record(session, actor, audit.SIGN_OUT, f"account {user.public_id}")

    write(store.engine, work)


def may_sign_in(user: User, *, demo: bool) -> bool:
    """Whether the account opens the door at all: it is active, and not the demo's outside demo mode."""
    return user.active and (demo or not user.demo)


def has_second_factor(session: Session, user_id: int) -> bool:
    """Whether the account's sign-in asks for a code."""
    return session.exec(select(SecondFactor.id).where(SecondFactor.user_id == user_id)).first() is not None


def actor_of(session: Session, user: User, origin: Origin, *, demo: bool) -> Actor:
    """The actor of an account, with what is still pending: an administrator's second factor, a patient's record.

    The demo's own accounts wait for neither, and its other administrators need no second factor.
    """
    pending = None
    if user.role is Role.ADMIN and not demo and not has_second_factor(session, key_of(user)):
        pending = Pending.SECOND_FACTOR
    elif user.role is Role.PATIENT and not user.demo:
        linked = session.exec(select(Patient.id).where(Patient.account_id == user.id)).first()
        pending = Pending.LINK if linked is None else None
    return Actor(
        key_of(user), user.public_id, user.username, user.full_name, user.role, origin, pending, proof_of(user),
        user.sees_images,
    )  # fmt: skip


def proof_of(user: User) -> str:
    """What changes with the account's password and tells nothing of it (see Actor.proof)."""
    return token_hash(user.password_hash)
