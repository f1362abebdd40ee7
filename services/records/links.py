"""One-time links: whoever has one sets the password of one account once, while it keeps the role it was made for."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session, col, delete, select

from services.errors import LinkRefused, SignInRefused
from services.records import audit, throttle
from services.records.columns import now
from services.records.database import key_of, reading, write
from services.records.demo import DEMO_PASSWORDS
from services.records.passwords import hash_password
from services.records.people import may_sign_in
from services.records.rights import HERE, Actor, Origin
from services.records.sessions import account_of, end_all, token_hash
from services.records.store import Store
from services.records.tables import OneTimeLink, Purpose, Role, User
from services.records.text import same

KEEP_OVER = timedelta(days=30)
_REFUSED = "This link cannot be used: it is wrong, was used before or has expired. Ask an administrator for another."


@dataclass(frozen=True)
class Mailed:
    """A fresh link and the address that it goes to."""

    secret: str
    email: str
    full_name: str


@dataclass(frozen=True)
class Opened:
    """What a link is for, as the person who opened it is told."""

    username: str
    full_name: str
    role: Role
    purpose: Purpose


def new_link(session: Session, user: User, purpose: Purpose, lasts: timedelta) -> str:
    """The secret of a fresh link, made in the running transaction; the account's earlier ones open nothing more."""
    secret, moment = secrets.token_urlsafe(32), now()
    drop_links(session, key_of(user))
    session.exec(delete(OneTimeLink).where(col(OneTimeLink.expires) < moment - KEEP_OVER))
    session.add(
        OneTimeLink(
            user_id=key_of(user),
            role=user.role,
            purpose=purpose,
            secret_hash=token_hash(secret),
            created=moment,
            expires=moment + lasts,
        )
    )
    return secret


def drop_links(session: Session, user_id: int) -> None:
    """Let the account's unused links open nothing more."""
    session.exec(delete(OneTimeLink).where(col(OneTimeLink.user_id) == user_id, col(OneTimeLink.used).is_(None)))


def open_link(store: Store, secret: str) -> Opened:
    """Whose password the link sets. Raises LinkRefused, with one text for every reason."""
    with reading(store.engine) as session:
        link, user = _find(store, session, secret)
        return Opened(user.username, user.full_name, user.role, link.purpose)


def use_link(store: Store, secret: str, password: str, origin: Origin = HERE) -> Opened:
    """Set the account's password, end its sessions, and let the link open nothing more.

    Raises LinkRefused, and InvalidRecord for a password that is not accepted, after which the link can still be used.
    """
    opened = open_link(store, secret)
    password_hash = hash_password(password, forbidden=DEMO_PASSWORDS, username=opened.username)

    def work(session: Session) -> None:
        _, user = _find(store, session, secret)
        # Two who use it at once take turns here, and the second finds it used.
        account_of(session, user.public_id)
        session.expire_all()
        link, user = _find(store, session, secret)
        link.used = now()
        user.password_hash = password_hash
        end_all(session, key_of(user))
        throttle.forgive(session, throttle.of_name(user.username))
        actor = Actor(key_of(user), user.public_id, user.username, user.full_name, user.role, origin)
        audit.record(session, actor, f"link.{link.purpose}", f"account {user.public_id}")

    write(store.engine, work)
    return opened


def link_by_mail(store: Store, username: str, origin: Origin = HERE) -> Mailed | None:
    """A fresh link for somebody who forgot the password, where the account can sign in and mail reaches it.

    None for everything else, an unknown name and too many requests among it: the one who asks is told the same.
    """
    name = same(username)

    def work(session: Session) -> Mailed | None:
        throttle.take_attempt(session, throttle.of_mail(name), throttle.of_address(origin))
        user = session.exec(select(User).where(User.username == name).with_for_update()).first()
        if (
            user is None
            or not user.email
            or user.demo
            or not user.password_hash
            or not may_sign_in(user, demo=store.demo)
        ):
            return None
        audit.record(session, None, "link.mail", f"account {user.public_id}")
        return Mailed(new_link(session, user, Purpose.RESET, store.links_last), user.email, user.full_name)

    try:
        return write(store.engine, work)
    except SignInRefused:
        return None


def _find(store: Store, session: Session, secret: str) -> tuple[OneTimeLink, User]:
    found = session.exec(
        select(OneTimeLink, User)
        .join(User, col(User.id) == col(OneTimeLink.user_id))
        .where(OneTimeLink.secret_hash == token_hash(secret))
    ).first()
    if found is None:
        raise LinkRefused(_REFUSED)
    link, user = found
    if (
        link.used is not None
        or link.expires <= now()
        or link.role is not user.role
        or not may_sign_in(user, demo=store.demo)
    ):
        raise LinkRefused(_REFUSED)
    return link, user
