"""What people may do with their own account: profile, password, and everything that Falx keeps of them."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from sqlmodel import Session, col, select

from services.errors import InvalidRecord, SignInRefused
from services.records import audit, throttle
from services.records.columns import now
from services.records.database import key_of, reading, write
from services.records.demo import DEMO_PASSWORDS
from services.records.passwords import hash_password, is_password
from services.records.results import Result, newest_results
from services.records.rights import Action, Actor, confirm, may, require
from services.records.sessions import account_of, end_all
from services.records.store import Store
from services.records.tables import (
    AuditEvent,
    Outcome,
    Patient,
    PatientRecord,
    Profile,
    SecondFactor,
    SignInSession,
    User,
    UserPublic,
)

_RESULT = TypeAdapter(Result)


def own_account(store: Store, actor: Actor) -> UserPublic:
    """The actor's own account as it is now."""
    require(actor, Action.ACCOUNT_OWN)
    with reading(store.engine) as session:
        confirm(session, actor)
        return UserPublic.model_validate(session.get_one(User, actor.user_id))


def change_profile(store: Store, actor: Actor, new: Profile, password: str = "") -> UserPublic:
    """Change the actor's full name and e-mail address; the latter takes the ``password``, as resets are mailed there.

    Raises SignInRefused for a wrong password, InvalidRecord for the demo's accounts.
    """
    require(actor, Action.ACCOUNT_OWN)
    unless_demo(store, actor)
    moved = own_account(store, actor).email != new.email
    proven = prove(store, actor, password) if moved else None

    def work(session: Session) -> UserPublic:
        user = account_of(session, actor.public_id)
        confirm(session, actor)
        _still_proven(user, proven)
        user.full_name = new.full_name
        user.email = new.email if moved else user.email
        audit.record(session, actor, "account.profile", f"account {user.public_id}")
        return UserPublic.model_validate(user)

    return write(store.engine, work)


def change_password(store: Store, actor: Actor, old: str, new: str, *, token: str = "") -> None:
    """Give the actor another password and end all other sessions than ``token``'s.

    Raises SignInRefused for a wrong old one, InvalidRecord for a new one that is not accepted.
    """
    require(actor, Action.ACCOUNT_OWN)
    unless_demo(store, actor)
    proven = prove(store, actor, old)
    password_hash = hash_password(new, forbidden=DEMO_PASSWORDS, username=actor.username)

    def work(session: Session) -> None:
        user = account_of(session, actor.public_id)
        confirm(session, actor)
        _still_proven(user, proven)
        user.password_hash = password_hash
        end_all(session, key_of(user), keep=token)
        audit.record(session, actor, "account.password", f"account {user.public_id}")

    write(store.engine, work)


def export_own(store: Store, actor: Actor) -> dict[str, Any]:
    """Everything that is kept of the actor, as values that JSON has: account, sessions, record, results, trail.

    What a doctor or an administrator does with others' data is named in the trail by kind and number only.
    """
    require(actor, Action.ACCOUNT_OWN)

    # First, so that the export names itself.
    audit.note(store.engine, actor, "account.export", f"account {actor.public_id}")
    with reading(store.engine) as session:
        confirm(session, actor)
        user = session.get_one(User, actor.user_id)
        mine = session.exec(select(SignInSession).where(SignInSession.user_id == user.id)).all()
        record = session.exec(select(Patient).where(Patient.account_id == user.id)).first()
        results = newest_results(session, actor, None) if may(actor, Action.RESULT_VIEW) else ()
        trail = session.exec(select(AuditEvent).where(AuditEvent.user_id == user.id).order_by(col(AuditEvent.id)))
        since = session.exec(select(SecondFactor.since).where(SecondFactor.user_id == user.id)).first()
        return {
            "exported": now().isoformat(),
            "account": UserPublic.model_validate(user).model_dump(mode="json"),
            "second_factor_since": since.isoformat() if since else None,
            "sessions": [
                one.model_dump(mode="json", include={"device", "address", "created", "last_seen", "expires", "revoked"})
                for one in mine
            ],
            "patient": _own_record(record) if record else None,
            "results": [_RESULT.dump_python(result, mode="json") for result in results],
            "trail": [
                one.model_dump(mode="json", include={"at", "action", "object", "outcome"}) for one in trail.all()
            ],
        }


def _own_record(record: Patient) -> dict[str, Any]:
    # What the doctors note for each other is not the patient's to take away.
    return PatientRecord.model_validate(record).model_dump(mode="json", exclude={"notes"})


def _still_proven(user: User, proven: str | None) -> None:
    """Raise SignInRefused where the password was changed since it was proven, by a reset for example."""
    if proven is not None and user.password_hash != proven:
        raise SignInRefused("Your password has just been changed. Nothing of this was stored: sign in again.")


def prove(store: Store, actor: Actor, password: str) -> str:
    """Raise SignInRefused unless it is the actor's password; slowed down like a sign-in, for an unlocked screen.

    What is refused is noted in the trail. The hash that it was compared with comes back.
    """
    name = throttle.of_name(actor.username)

    def attempt(session: Session) -> str:
        confirm(session, actor)
        throttle.take_attempt(session, name)
        return session.get_one(User, actor.user_id).password_hash

    try:
        stored = write(store.engine, attempt)
        if not is_password(stored, password):
            raise SignInRefused("Your password is wrong. Check it and try again.")
    except SignInRefused:
        audit.note(store.engine, actor, audit.PROOF, f"account {actor.public_id}", Outcome.REFUSED)
        raise
    write(store.engine, lambda session: throttle.forgive(session, name))
    return stored


def unless_demo(store: Store, actor: Actor) -> None:
    """Raise InvalidRecord for one of the demo's own accounts, which everybody shares."""
    if own_account(store, actor).demo:
        raise InvalidRecord("This is one of the demonstration's accounts, which everybody shares: it stays as it is.")
