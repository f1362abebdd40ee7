"""The second factor: codes that change with time (TOTP, RFC 6238), and recovery codes for a lost authenticator.

The shared secret is stored sealed (see keys.sealer), because a code cannot be checked against a hash; recovery codes
are hashed. A code is taken once: its time step and those before it open nothing afterwards (RFC 6238, section 5.2).
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography.fernet import InvalidToken
from sqlalchemy import func
from sqlmodel import Session, col, delete, select

from services.errors import InvalidRecord, SignInRefused
from services.records import audit, throttle
from services.records.columns import now
from services.records.database import key_of, reading, write
from services.records.keys import sealer
from services.records.own_account import prove, unless_demo
from services.records.people import HalfSignIn, actor_of, may_sign_in
from services.records.rights import HERE, Action, Actor, Origin, confirm, require
from services.records.sessions import account_of, end_all
from services.records.store import Store
from services.records.tables import Outcome, RecoveryCode, SecondFactor, User

if TYPE_CHECKING:
    from pyotp import TOTP

log = logging.getLogger(__name__)
ISSUER = "Falx"
SECONDS_A_STEP = 30
# Clocks differ; one step to either side is what RFC 6238, section 5.2, recommends.
STEPS_TO_EITHER_SIDE = 1
RECOVERY_CODES = 10
HALF_LASTS = timedelta(minutes=5)
_REFUSED = "This code is wrong, was used before or came too late. Wait for the next one, or sign in again."


@dataclass(frozen=True)
class FactorState:
    """``since`` when an account has a second factor (None: it has none), and how many recovery codes are left."""

    since: datetime | None
    codes_left: int


def new_secret() -> str:
    """A random secret of 160 bits in base 32, as RFC 4226, section 4, recommends."""
    import pyotp

    return pyotp.random_base32(32)


def address_of(secret: str, username: str) -> str:
    """The otpauth:// address that an authenticator reads from the QR code."""
    return _totp(secret).provisioning_uri(name=username, issuer_name=ISSUER)


def factor_state(store: Store, actor: Actor) -> FactorState:
    """The actor's own second factor."""
    require(actor, Action.ACCOUNT_OWN)
    with reading(store.engine) as session:
        confirm(session, actor)
        since = session.exec(select(SecondFactor.since).where(SecondFactor.user_id == actor.user_id)).first()
        unused = RecoveryCode.user_id == actor.user_id, col(RecoveryCode.used).is_(None)
        left = session.exec(select(func.count()).select_from(RecoveryCode).where(*unused)).one()
        return FactorState(since, left)


def turn_on(store: Store, actor: Actor, password: str, secret: str, code: str, *, token: str = "") -> tuple[str, ...]:
    """Ask for a code at each sign-in from now on; returns the recovery codes, which are shown this once.

    ``code`` shows that the authenticator has the ``secret``. All other sessions than ``token``'s end. Raises
    SignInRefused for a wrong password, InvalidRecord for a wrong code, for an account that has a second factor already,
    and for the demo's accounts.
    """
    require(actor, Action.ACCOUNT_OWN)
    unless_demo(store, actor)
    prove(store, actor, password)
    sealed = sealer(store.key(), "second factor").encrypt(secret.encode()).decode("ascii")
    codes = tuple(_new_code() for _ in range(RECOVERY_CODES))

    def work(session: Session) -> None:
        user = account_of(session, actor.public_id)
        confirm(session, actor)
        step = _step_of(secret, code, after=0)
        if step is None:
            raise InvalidRecord("The code does not fit this secret. Look at the authenticator and enter it again.")
        if session.exec(select(SecondFactor.id).where(SecondFactor.user_id == user.id)).first() is not None:
            raise InvalidRecord("This account has a second factor already. Turn it off before you set up another.")
        session.add(SecondFactor(user_id=key_of(user), sealed_secret=sealed, last_step=step))
        session.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user.id))
        session.add_all(RecoveryCode(user_id=key_of(user), code_hash=_hash(one)) for one in codes)
        end_all(session, key_of(user), keep=token)
        audit.record(session, actor, "second-factor.on", f"account {user.public_id}")

    write(store.engine, work)
    return codes


def turn_off(store: Store, actor: Actor, password: str, *, token: str = "") -> None:
    """Ask for no code any more, and end all other sessions than ``token``'s.

    Raises SignInRefused for a wrong password, InvalidRecord for the demo's accounts.
    """
    require(actor, Action.ACCOUNT_OWN)
    unless_demo(store, actor)
    prove(store, actor, password)

    def work(session: Session) -> None:
        user = account_of(session, actor.public_id)
        confirm(session, actor)
        _remove(session, key_of(user))
        end_all(session, key_of(user), keep=token)
        audit.record(session, actor, "second-factor.off", f"account {user.public_id}")

    write(store.engine, work)


def reset_second_factor(store: Store, actor: Actor, account: uuid.UUID) -> None:
    """Take a lost second factor off somebody's account and end their sessions, as an administrator.

    Raises NotAllowed, NotFound.
    """
    require(actor, Action.ACCOUNT_RESET)

    def work(session: Session) -> None:
        confirm(session, actor)
        user = account_of(session, account)
        _remove(session, key_of(user))
        end_all(session, key_of(user))
        audit.record(session, actor, "second-factor.reset", f"account {user.public_id}")

    write(store.engine, work)


def complete(store: Store, half: HalfSignIn, code: str, origin: Origin = HERE) -> Actor:
    """The actor whose password was right before, once a code or a recovery code is right too.

    Raises SignInRefused with one text for every reason; with another where too many codes were tried.
    """
    counted, address = throttle.of_code(half.user_id), throttle.of_address(origin)

    def finish(session: Session) -> Actor:
        user = session.get(User, half.user_id, with_for_update=True)
        fits = user is not None and user.password_hash == half.password_hash and may_sign_in(user, demo=store.demo)
        in_time = timedelta(0) <= now() - half.began <= HALF_LASTS
        # Both are looked at every time, so that the time tells nothing of which kind of code there was.
        taken = _take_code(store, session, half.user_id, code), _take_recovery_code(session, half.user_id, code)
        if user is None or not (fits and in_time and any(taken)):
            raise SignInRefused(_REFUSED)
        throttle.forgive(session, counted)
        throttle.give_back(session, address)
        actor = actor_of(session, user, origin, demo=store.demo)
        audit.record(session, actor, audit.SIGN_IN, f"account {user.public_id}")
        if taken[1]:
            audit.record(session, actor, "second-factor.recovery", f"account {user.public_id}")
        return actor

    try:
        write(store.engine, lambda session: throttle.take_attempt(session, counted, address))
        return write(store.engine, finish)
    except SignInRefused:
        write(store.engine, lambda session: _note_refusal(session, half.user_id, origin))
        raise


def _note_refusal(session: Session, user_id: int, origin: Origin) -> None:
    user = session.get_one(User, user_id)
    audit.record(session, None, audit.SIGN_IN, f"account {user.public_id}", Outcome.REFUSED, origin=origin)


def _take_code(store: Store, session: Session, user_id: int, code: str) -> bool:
    row = session.exec(select(SecondFactor).where(SecondFactor.user_id == user_id).with_for_update()).first()
    if row is None:
        return False
    try:
        secret = sealer(store.key(), "second factor").decrypt(row.sealed_secret.encode()).decode("ascii")
    except InvalidToken:
        # COOKIE_KEY is another one than when it was sealed; recovery codes still open.
        log.error("A second factor cannot be read with this cookie key. event=second-factor-unreadable")
        return False
    step = _step_of(secret, code, after=row.last_step)
    row.last_step = step or row.last_step
    return step is not None


def _take_recovery_code(session: Session, user_id: int, code: str) -> bool:
    row = session.exec(
        select(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.code_hash == _hash(code), col(RecoveryCode.used).is_(None))
        .with_for_update()
    ).first()
    if row is not None:
        row.used = now()
    return row is not None


def _step_of(secret: str, code: str, *, after: int) -> int | None:
    totp, typed = _totp(secret), "".join(code.split())
    present = int(_clock() // SECONDS_A_STEP)
    steps = range(present - STEPS_TO_EITHER_SIDE, present + STEPS_TO_EITHER_SIDE + 1)
    right = [hmac.compare_digest(totp.generate_otp(step).encode(), typed.encode(errors="replace")) for step in steps]
    return next((step for step, fits in zip(steps, right, strict=True) if fits and step > after), None)


def _clock() -> float:
    return time.time()


def _totp(secret: str) -> TOTP:
    import pyotp

    return pyotp.TOTP(secret, interval=SECONDS_A_STEP)


def _remove(session: Session, user_id: int) -> None:
    session.exec(delete(SecondFactor).where(col(SecondFactor.user_id) == user_id))
    session.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user_id))


def _new_code() -> str:
    # 80 random bits in letters and digits that are not mistaken for each other (Crockford's base 32).
    letters = "".join(secrets.choice("0123456789abcdefghjkmnpqrstvwxyz") for _ in range(16))
    return "-".join(letters[i : i + 4] for i in range(0, 16, 4))


def _hash(code: str) -> str:
    typed = "".join(c for c in code.casefold() if c.isalnum()).translate(str.maketrans("oil", "011"))
    return hashlib.sha256(typed.encode(errors="replace")).hexdigest()
