"""How one-time links reach people: by mail where a server is set, otherwise by the administrator's hand."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from threading import Thread
from urllib.parse import urlencode

from services import mail
from services.errors import RecordsError, Unavailable
from services.records import accounts
from services.records.links import link_by_mail
from services.records.rights import HERE, Actor, Origin
from services.records.store import Store
from services.records.tables import UserCreate, UserPublic
from services.settings import Settings

PARAMETER = "link"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """Where a fresh link went: to ``mailed_to``, or else back to the administrator, who hands ``address`` over.

    ``trouble`` says why a mail that should have gone did not.
    """

    user: UserPublic
    mailed_to: str
    address: str
    trouble: str = ""


def invite(store: Store, settings: Settings, actor: Actor, new: UserCreate, app_address: str) -> Delivery:
    """Make an account and send its person the link with which to set a password.

    ``app_address`` is the app's as the administrator has it open; APP_URL wins. Raises what accounts.invite raises; a
    mail that cannot be sent is no error, the link is then handed over.
    """
    user, secret = accounts.invite(store, actor, new)
    return _deliver(settings, user, secret, app_address, "invites you to Falx", "choose your password and sign in")


def send_link(store: Store, settings: Settings, actor: Actor, account: uuid.UUID, app_address: str) -> Delivery:
    """Send an account's person a fresh link, as ``invite`` does. Raises what accounts.make_link raises."""
    user, secret = accounts.make_link(store, actor, account)
    return _deliver(settings, user, secret, app_address, "lets you choose a new password", "choose a new password")


def mail_reset(store: Store, settings: Settings, username: str, origin: Origin = HERE) -> Thread:
    """Mail a reset link to whoever forgot the password, where the account exists and has an e-mail address.

    Everything happens in the returned thread, so that neither the answer nor its time tells which accounts there are.
    """

    def work() -> None:
        try:
            made = link_by_mail(store, username, origin)
            if made is not None:
                text = _text(settings, made.full_name, made.secret, settings.app_url, "choose a new password")
                mail.send(settings, made.email, "Falx: your new password", text)
        except RecordsError as error:
            log.warning("A reset could not be mailed: %s", error)

    thread = Thread(target=work, name="reset-mail", daemon=True)
    thread.start()
    return thread


def _deliver(
    settings: Settings, user: UserPublic, secret: str, app_address: str, subject: str, purpose: str
) -> Delivery:
    base = settings.app_url or app_address
    address = _address(base, secret)
    if not (user.email and mail.can_send(settings)):
        return Delivery(user, "", address)
    try:
        mail.send(
            settings, user.email, f"An administrator {subject}", _text(settings, user.full_name, secret, base, purpose)
        )
    except Unavailable as error:
        return Delivery(user, "", address, trouble=str(error))
    return Delivery(user, user.email, "")


def _address(base: str, secret: str) -> str:
    return f"{base.rstrip('/')}/?{urlencode({PARAMETER: secret})}"


def _text(settings: Settings, full_name: str, secret: str, base: str, purpose: str) -> str:
    return (
        f"{full_name},\n\nopen this link to {purpose}:\n\n{_address(base, secret)}\n\n"
        f"It can be used once, within {settings.link_hours:g} hours. If you did not expect this mail, leave it: "
        "nothing changes until the link is used.\n\nFalx\n"
    )
