"""Mail to one person through the hospital's server, where the settings name one."""

from __future__ import annotations

import logging
import smtplib
import ssl
from email.message import EmailMessage

from services.errors import Unavailable
from services.settings import Settings

SECONDS_TO_WAIT = 20
log = logging.getLogger(__name__)


def can_send(settings: Settings) -> bool:
    """Whether a mail server is set."""
    return bool(settings.smtp_host)


def send(settings: Settings, to: str, subject: str, text: str) -> None:
    """Hand a plain text over to the mail server. Raises Unavailable where it does not take it."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = settings.smtp_from, to, subject
    message.set_content(text)
    try:
        with _connected(settings) as server:
            if settings.smtp_user:
                password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
                server.login(settings.smtp_user, password)
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        # The server's own words may quote the address, so only the kind of the error is kept.
        log.error("A mail could not be sent. event=mail-failed error=%s", type(error).__name__)
        raise Unavailable(
            "The mail server did not take the mail. Let an administrator see whether it runs and the SMTP settings "
            "name it."
        ) from None


def _connected(settings: Settings) -> smtplib.SMTP:
    host, port = settings.smtp_host, settings.smtp_port
    if settings.smtp_tls == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=SECONDS_TO_WAIT, context=ssl.create_default_context())
    server = smtplib.SMTP(host, port, timeout=SECONDS_TO_WAIT)
    if settings.smtp_tls == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except (OSError, smtplib.SMTPException):
            server.close()
            raise
    return server
