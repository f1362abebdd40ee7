"""Links go by mail where a real server takes them, and are handed over elsewhere."""

from __future__ import annotations

import dataclasses
import datetime
import email
import email.policy
import ipaddress
import re
import ssl
from collections.abc import Iterator
from email.message import Message

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.errors import SettingsError, Unavailable
from services.invitations import invite, mail_reset, send_link
from services.mail import send
from services.records.links import open_link, use_link
from services.records.people import authenticate, create_admin, create_user
from services.records.schema import migrate
from services.records.store import open_store
from services.records.tables import Role, UserCreate
from services.settings import Settings, get_settings
from tools.demo_app import free_port

PASSWORD = "a passphrase for tests"
USER, SECRET = "falx", "the server's own password"


class Inbox:
    """A mail server's handler that keeps what arrives."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.encrypted: list[bool] = []

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        self.encrypted.append(session.ssl is not None)
        return "250 OK"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate and key for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = tmp_path_factory.mktemp("tls") / "mail.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def server(certificate) -> Iterator[tuple[Inbox, Controller]]:
    """A mail server that wants STARTTLS and a password."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    inbox = Inbox()

    def check(server, session, envelope, mechanism, data) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (USER.encode(), SECRET.encode()))

    controller = Controller(
        inbox, hostname="127.0.0.1", port=free_port(), tls_context=context, require_starttls=True,
        authenticator=check, auth_required=True,
    )  # fmt: skip
    controller.start()
    yield inbox, controller
    controller.stop()


@pytest.fixture
def settings(server, certificate, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return Settings(
        var_dir=tmp_path / "var", app_url="https://falx.example.org/", smtp_host="127.0.0.1",
        smtp_port=server[1].port, smtp_user=USER, smtp_password=SECRET, smtp_from="falx@example.org",
    )  # fmt: skip


@pytest.fixture
def store(settings):
    migrate(settings.database)
    with open_store(settings) as opened:
        yield opened


@pytest.fixture
def admin(store):
    create_admin(store, "chief", "Chief", PASSWORD)
    return dataclasses.replace(authenticate(store, "chief", PASSWORD), pending=None)


def link_in(mail: Message) -> str:
    return re.search(r"^https://falx\.example\.org/\?link=([\w-]+)\r?$", mail.get_content(), re.M)[1]


def test_an_invitation_is_mailed_encrypted_and_not_shown(store, settings, admin, server):
    new = UserCreate(username="zoe", full_name="Zoë Müller", role=Role.DOCTOR, email="zoe@example.org")
    delivery = invite(store, settings, admin, new, "http://elsewhere/")
    assert (delivery.mailed_to, delivery.address, delivery.trouble) == ("zoe@example.org", "", "")
    (mail,) = server[0].mails
    assert server[0].encrypted == [True]
    assert (mail["From"], mail["To"]) == ("falx@example.org", "zoe@example.org")
    assert "Zoë Müller" in mail.get_content()
    use_link(store, link_in(mail), PASSWORD)
    assert authenticate(store, "zoe", PASSWORD).role is Role.DOCTOR


def test_without_address_or_server_the_link_is_handed_over(store, settings, admin, server):
    new = UserCreate(username="zoe", full_name="Zoë", role=Role.DOCTOR)
    handed = invite(store, settings, admin, new, "http://elsewhere/")
    assert handed.address.startswith("https://falx.example.org/?link=")
    without = Settings(var_dir=settings.var_dir)
    again = send_link(store, without, admin, handed.user.public_id, "http://127.0.0.1:8501/falx/")
    assert re.fullmatch(r"http://127\.0\.0\.1:8501/falx/\?link=[\w-]{43}", again.address)
    assert open_link(store, again.address.split("=")[1]).username == "zoe"
    assert server[0].mails == []


@pytest.mark.parametrize(
    "wrong", [{"smtp_password": "wrong"}, {"smtp_port": 1}, {"smtp_tls": "tls"}, {"smtp_tls": "none"}]
)
def test_a_server_that_takes_nothing_leaves_the_link_to_be_handed_over(store, settings, admin, server, wrong):
    broken = Settings(**settings.model_dump() | wrong)
    new = UserCreate(username="zoe", full_name="Zoë", role=Role.DOCTOR, email="zoe@example.org")
    delivery = invite(store, broken, admin, new, "")
    assert delivery.mailed_to == ""
    assert "mail server did not take" in delivery.trouble
    assert open_link(store, delivery.address.split("=")[1]).username == "zoe"
    assert server[0].mails == []


def test_a_certificate_of_nobody_known_is_refused(settings, server, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Unavailable):
        send(settings, "zoe@example.org", "subject", "text")
    assert server[0].mails == []


def test_a_forgotten_password_is_mailed_and_nothing_tells_who_exists(store, settings, admin, server):
    new = UserCreate(username="zoe", full_name="Zoë", role=Role.DOCTOR, email="zoe@example.org")
    create_user(store, admin, new, PASSWORD)
    for name in ("nobody", "chief", "zoe"):
        mail_reset(store, settings, name).join(30)
    (mail,) = server[0].mails
    assert mail["To"] == "zoe@example.org"
    use_link(store, link_in(mail), "another passphrase")
    assert authenticate(store, "zoe", "another passphrase")


def test_a_mail_server_needs_the_apps_own_address(monkeypatch):
    monkeypatch.setenv("SMTP_HOST", "mail.example.org")
    get_settings.cache_clear()
    with pytest.raises(SettingsError, match="APP_URL and SMTP_FROM"):
        get_settings()
    get_settings.cache_clear()
