"""The demo accounts: their passwords are published, so they exist and open the door in demo mode only."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from services.errors import SettingsError
from services.records import audit
from services.records.database import reading, write
from services.records.passwords import hash_password
from services.records.store import Store
from services.records.tables import Role, User


@dataclass(frozen=True)
class DemoAccount:
    """An account whose password everyone may know."""

    username: str
    password: str
    full_name: str
    role: Role


DEMO_ACCOUNTS = (
    DemoAccount("doctor", "demo-doctor-reads", "Dr Demo Doctor", Role.DOCTOR),
    DemoAccount("researcher", "demo-researcher-measures", "Demo Researcher", Role.RESEARCHER),
    DemoAccount("patient", "demo-patient-asks", "Demo Patient", Role.PATIENT),
    DemoAccount("admin", "demo-admin-keeps", "Demo Administrator", Role.ADMIN),
)
DEMO_PASSWORDS = frozenset(account.password for account in DEMO_ACCOUNTS)


def ensure_demo_accounts(store: Store) -> tuple[DemoAccount, ...]:
    """Make or reopen the demo accounts, and return those that can be signed in to with their published passwords.

    A real account of the same name stays as it is, and its demo twin is left out. Raises SettingsError outside demo
    mode.
    """
    if not store.demo:
        raise SettingsError("Demo accounts exist in demo mode only. Set DEMO=1, or make accounts of your own.")
    with reading(store.engine) as session:
        there = {user.username: user for user in session.exec(select(User).where(_named_like_demo())).all()}
    closed = {name for name, user in there.items() if user.demo and not user.active}
    missing = [account for account in DEMO_ACCOUNTS if account.username not in there]
    # Hashing takes long on purpose, so it is done once, and outside the transaction.
    hashes = {account.username: hash_password(account.password) for account in missing}

    def work(session: Session) -> None:
        for account in missing:
            if session.exec(select(User.id).where(User.username == account.username)).first() is None:
                user = User(
                    username=account.username,
                    full_name=account.full_name,
                    role=account.role,
                    password_hash=hashes[account.username],
                    demo=True,
                )
                session.add(user)
                audit.record(session, None, "account.create", f"account {user.public_id}")
        for user in session.exec(select(User).where(col(User.username).in_(closed), col(User.demo))).all():
            user.active = True
            audit.record(session, None, "account.reopen", f"account {user.public_id}")

    if missing or closed:
        write(store.engine, work)
    with reading(store.engine) as session:
        usable = set(session.exec(select(User.username).where(_named_like_demo(), col(User.demo))).all())
    return tuple(account for account in DEMO_ACCOUNTS if account.username in usable)


def close_demo_accounts(store: Store) -> int:
    """Deactivate every demo account, and say how many were open."""

    def work(session: Session) -> int:
        users = session.exec(select(User).where(col(User.demo), col(User.active))).all()
        for user in users:
            user.active = False
            audit.record(session, None, "account.close", f"account {user.public_id}")
        return len(users)

    return write(store.engine, work)


def open_demo_accounts(store: Store) -> tuple[str, ...]:
    """User names of the demo accounts that are active."""
    with reading(store.engine) as session:
        return tuple(session.exec(select(User.username).where(col(User.demo), col(User.active))).all())


def _named_like_demo() -> ColumnElement[bool]:
    return col(User.username).in_([account.username for account in DEMO_ACCOUNTS])
