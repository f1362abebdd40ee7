"""What administrators do with others' accounts: find, invite, give another role, close, open again, reset."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from services.errors import InvalidRecord, NotFound
from services.records import audit
from services.records.browsers import still_open
from services.records.columns import now
from services.records.database import key_of, reading, write
from services.records.links import drop_links, new_link
from services.records.people import add_user, may_sign_in
from services.records.rights import Action, Actor, confirm, require
from services.records.sessions import account_of, end_all
from services.records.store import Store
from services.records.tables import Profile, Purpose, Role, SecondFactor, SignInSession, User, UserCreate, UserPublic
from services.records.text import fold

# How long an administrator who was given the right to see images has it.
IMAGES_LAST = timedelta(hours=8)
_LAST = "This is the last administrator who can sign in. Make another one first."
_DEMO = "This is one of the demonstration's own accounts, which everybody shares: it stays as it is."


@dataclass(frozen=True)
class Account:
    """An account as the list of people shows it."""

    user: UserPublic
    invited: bool
    second_factor: bool
    open_sessions: int
    last_seen: datetime | None


def find_accounts(
    store: Store, actor: Actor, text: str = "", *, after: str = "", limit: int = 50
) -> tuple[Account, ...]:
    """Accounts whose user name or full name contains every word of ``text``, by user name from ``after`` on.

    Raises NotAllowed.
    """
    require(actor, Action.ACCOUNT_LIST)
    words = [col(User.search_key).contains(word, autoescape=True) for word in fold(text).split()]
    with reading(store.engine) as session:
        confirm(session, actor)
        users = session.exec(
            select(User).where(User.username > after, *words).order_by(col(User.username)).limit(limit)
        ).all()
        return _with_sessions(session, users, store.idle_after)


def get_account(store: Store, actor: Actor, public_id: uuid.UUID) -> Account:
    """One account. Raises NotAllowed, NotFound."""
    require(actor, Action.ACCOUNT_LIST)
    with reading(store.engine) as session:
        confirm(session, actor)
        user = session.exec(select(User).where(User.public_id == public_id)).first()
        if user is None:
            raise NotFound("There is no such account. Look at the list again.")
        return _with_sessions(session, [user], store.idle_after)[0]


def _with_sessions(session: Session, users: Sequence[User], idle_after: timedelta) -> tuple[Account, ...]:
    keys = [user.id for user in users]
    protected = set(session.exec(select(SecondFactor.user_id).where(col(SecondFactor.user_id).in_(keys))).all())
    signed_in = session.exec(
        select(SignInSession.user_id, func.max(SignInSession.last_seen))
        .where(col(SignInSession.user_id).in_(keys))
        .group_by(col(SignInSession.user_id))
    ).all()
    open_now = session.exec(
        select(SignInSession.user_id, func.count())
        .where(col(SignInSession.user_id).in_(keys), still_open(idle_after))
        .group_by(col(SignInSession.user_id))
    ).all()
    last, numbers = dict(signed_in), dict(open_now)
    return tuple(
        Account(
            UserPublic.model_validate(user),
            not user.password_hash,
            user.id in protected,
            numbers.get(key_of(user), 0),
            last.get(key_of(user)),
        )
        for user in users
    )


def invite(store: Store, actor: Actor, new: UserCreate) -> tuple[UserPublic, str]:
    """Make an account without a password, and the secret of the one-time link that sets it.

    Raises NotAllowed, and InvalidRecord for a name in use.
    """
    require(actor, Action.ACCOUNT_CREATE)

    def work(session: Session) -> tuple[UserPublic, str]:
        confirm(session, actor)
        user = add_user(session, actor, new, "")
        return UserPublic.model_validate(user), new_link(session, user, Purpose.INVITATION, store.links_last)

    return write(store.engine, work)


def make_link(store: Store, actor: Actor, public_id: uuid.UUID) -> tuple[UserPublic, str]:
    """The secret of a fresh one-time link: an invitation where no password was ever set, a reset otherwise.

    A reset ends the account's sessions at once; its old password opens until the link is used. Raises NotAllowed,
    NotFound, and InvalidRecord for a closed account and the demo's.
    """
    require(actor, Action.ACCOUNT_RESET)

    def work(session: Session) -> tuple[UserPublic, str]:
        user = _changeable(session, actor, public_id)
        if not user.active:
            raise InvalidRecord("This account is closed. Open it again before you make a link for it.")
        purpose = Purpose.RESET if user.password_hash else Purpose.INVITATION
        end_all(session, key_of(user))
        audit.record(session, actor, Action.ACCOUNT_RESET, f"account {user.public_id}")
        return UserPublic.model_validate(user), new_link(session, user, purpose, store.links_last)

    return write(store.engine, work)


def change_role(store: Store, actor: Actor, public_id: uuid.UUID, role: Role) -> UserPublic:
    """Give an account another role; its sessions and unused links end. Raises NotAllowed, NotFound, InvalidRecord."""

    def change(session: Session, user: User) -> str | None:
        if user.role is role:
            return None
        _keep_an_admin(store, session, user)
        user.role, user.images_until = role, None
        _shut_out(session, user)
        return f" {role}"

    return _changed(store, actor, Action.ACCOUNT_CHANGE, public_id, "account.role", change)


def change_details(store: Store, actor: Actor, public_id: uuid.UUID, new: Profile) -> UserPublic:
    """Correct an account's full name and e-mail address. Raises NotAllowed, NotFound, InvalidRecord."""

    def change(_: Session, user: User) -> str:
        user.full_name, user.email = new.full_name, new.email
        return ""

    return _changed(store, actor, Action.ACCOUNT_CHANGE, public_id, "account.profile", change)


def deactivate(store: Store, actor: Actor, public_id: uuid.UUID) -> UserPublic:
    """Close an account: its sessions and unused links end at once. Raises NotAllowed, NotFound, InvalidRecord."""

    def change(session: Session, user: User) -> str:
        _keep_an_admin(store, session, user)
        user.active = False
        _shut_out(session, user)
        return ""

    return _changed(store, actor, Action.ACCOUNT_CHANGE, public_id, "account.close", change)


def reactivate(store: Store, actor: Actor, public_id: uuid.UUID) -> UserPublic:
    """Open a closed account again, with the password it had. Raises NotAllowed, NotFound, InvalidRecord."""

    def change(_: Session, user: User) -> str:
        user.active = True
        return ""

    return _changed(store, actor, Action.ACCOUNT_CHANGE, public_id, "account.open", change)


def give_images(store: Store, actor: Actor, public_id: uuid.UUID) -> UserPublic:
    """Let another administrator find, open and download every study for IMAGES_LAST from now on.

    Raises NotAllowed, NotFound, and InvalidRecord for the own account and for one that is no administrator's.
    """

    def change(_: Session, user: User) -> str:
        if user.role is not Role.ADMIN or not user.active:
            raise InvalidRecord("Only an administrator who can sign in can be given the right to see images.")
        if user.id == actor.user_id:
            raise InvalidRecord("Nobody gives this right to the own account. Ask another administrator for it.")
        user.images_until = now() + IMAGES_LAST
        return f" until {user.images_until:%F %H:%M}"

    return _changed(store, actor, Action.IMAGES_GIVE, public_id, Action.IMAGES_GIVE, change)


def take_images(store: Store, actor: Actor, public_id: uuid.UUID) -> UserPublic:
    """End the right to see images at once. Raises NotAllowed, NotFound, InvalidRecord."""

    def change(_: Session, user: User) -> str:
        user.images_until = None
        return " ended"

    return _changed(store, actor, Action.IMAGES_GIVE, public_id, Action.IMAGES_GIVE, change)


def _changed(
    store: Store,
    actor: Actor,
    right: Action,
    public_id: uuid.UUID,
    event: str,
    change: Callable[[Session, User], str | None],
) -> UserPublic:
    """Do ``change`` to an account and note it as ``event`` with the words it gives, or not where it gives None."""
    require(actor, right)

    def work(session: Session) -> UserPublic:
        user = _changeable(session, actor, public_id)
        words = change(session, user)
        if words is not None:
            audit.record(session, actor, event, f"account {user.public_id}{words}")
        return UserPublic.model_validate(user)

    return write(store.engine, work)


def _changeable(session: Session, actor: Actor, public_id: uuid.UUID) -> User:
    # Administrators first and in one order, so that two who close each other take turns.
    session.exec(select(User).where(User.role == Role.ADMIN).order_by(col(User.id)).with_for_update()).all()
    confirm(session, actor)
    user = account_of(session, public_id)
    if user.demo:
        raise InvalidRecord(_DEMO)
    return user


def _keep_an_admin(store: Store, session: Session, user: User) -> None:
    if user.role is not Role.ADMIN:
        return
    admins = session.exec(select(User).where(User.role == Role.ADMIN, User.id != user.id)).all()
    if not any(may_sign_in(other, demo=store.demo) and other.password_hash for other in admins):
        raise InvalidRecord(_LAST)


def _shut_out(session: Session, user: User) -> None:
    end_all(session, key_of(user))
    drop_links(session, key_of(user))
