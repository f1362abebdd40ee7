"""Every knob of Falx in one place; each is read from the environment or a .env file under its upper-case name."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.errors import SettingsError
from services.proxies import Network, networks_of

ROOT = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"
# The server's own limit, server.maxUploadSize of .streamlit/config.toml; a test holds the two together.
LARGEST_UPLOAD_MB = 100
UNSAFE_SECRETS = {"changeme", "change-me", "secret", "password", "falx", "default", "admin"}


class Settings(BaseSettings):
    """The values in force; frozen, so that a page cannot change them for another."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    demo: bool = Field(False, description="Create demo accounts and say so on every page.")
    var_dir: Path = Field(ROOT / "var", description="Folder of the default database, vault and generated secrets.")
    database_url: str = Field("", description="mysql+pymysql://USER:PASSWORD@HOST/NAME; empty means SQLite in var_dir.")
    vault_dir: Path | None = Field(None, description="Folder of uploads and reports; empty means var_dir/vault.")
    vault_url: str = Field("", description="s3://BUCKET/PREFIX to keep uploads and reports there, not in a folder.")
    vault_endpoint: str = Field("", description="Address of the S3 server; empty means Amazon's.")
    vault_key: SecretStr | None = Field(
        None, description="Encrypts uploads and reports: 32 random bytes in base64. Empty: they are stored as they are."
    )
    vault_old_keys: SecretStr | None = Field(
        None, description="Earlier values of VAULT_KEY, with commas between, until rotate-key has run."
    )
    models_dir: Path = Field(ROOT / "saved_models", description="The model repository that the app serves from.")
    corpora_dir: Path | None = Field(
        None, description="Folder of the corpora that models were measured on, to show pictures of their mistakes."
    )
    cookie_key: SecretStr | None = Field(
        None, description="Signs the sign-in cookie; at least 32 characters. Empty: made once and kept in var_dir."
    )
    cookie_days: float = Field(1.0, gt=0, le=30, description="Days until a sign-in must be repeated.")
    retention_days: int = Field(
        30, ge=0, description="Days for which a deleted study can be restored; then “purge” removes it for good."
    )
    idle_minutes: float = Field(60.0, ge=5, description="Minutes without a click after which a sign-in ends.")
    link_hours: float = Field(
        48.0, gt=0, le=720, description="Hours for which an invitation or a reset link can be used."
    )
    app_url: str = Field(
        "",
        description="The app's address in mails and links, like https://falx.hospital.org; empty: as the administrator "
        "who makes a link has it open.",
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses or networks of the reverse proxies before Falx, with commas between, like 10.0.0.5 or "
        "10.0.0.0/24 (127.0.0.1: on the same machine). X-Forwarded-For counts from them only; empty: from nobody.",
    )
    smtp_host: str = Field("", description="Mail server for invitations and resets; empty: links are handed over.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection to it is encrypted: starttls, tls (from the first byte) or none."
    )
    smtp_user: str = Field("", description="Name to sign in to it with; empty: without.")
    smtp_password: SecretStr | None = Field(None, description="Password to that name.")
    smtp_from: str = Field("", description="The sender of its mails, like falx@hospital.org.")
    max_upload_mb: int = Field(
        LARGEST_UPLOAD_MB,
        ge=1,
        description=f"Largest file that is decoded, in megabytes; {LARGEST_UPLOAD_MB} at most, which the server takes.",
    )
    max_megapixels: float = Field(32.0, gt=0, description="Largest frame that is decoded, in millions of pixels.")
    max_frames: int = Field(2000, ge=1, description="Most frames in one file.")

    @field_validator("max_upload_mb")
    @classmethod
    def _fits_the_server(cls, megabytes: int) -> int:
        if megabytes > LARGEST_UPLOAD_MB:
            raise ValueError(
                f"MAX_UPLOAD_MB may be {LARGEST_UPLOAD_MB} at most, because the server refuses a larger upload "
                "(maxUploadSize in .streamlit/config.toml)."
            )
        return megabytes

    @field_validator("vault_url")
    @classmethod
    def _a_bucket(cls, url: str) -> str:
        if url and not re.fullmatch(r"s3://[\w.-]+(/[\w./-]*)?", url):
            raise ValueError("VAULT_URL must be s3://BUCKET/PREFIX; leave it empty for a folder.")
        return url

    @model_validator(mode="after")
    def _no_default_secrets(self) -> Settings:
        if self.cookie_key is not None:
            key = self.cookie_key.get_secret_value()
            if len(key) < 32 or key.lower() in UNSAFE_SECRETS or len(set(key)) < 8:
                raise ValueError("COOKIE_KEY must be at least 32 varied characters; leave it unset to have one made.")
        return self

    @field_validator("app_url")
    @classmethod
    def _an_address(cls, address: str) -> str:
        if address and not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", address):
            raise ValueError("APP_URL must be like https://falx.hospital.org, without ? and #.")
        return address

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        try:
            networks_of(text)
        except ValueError as error:
            raise ValueError(
                "TRUSTED_PROXIES must be addresses or networks with commas between, like 10.0.0.5, 192.0.2.0/24."
            ) from error
        return text

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Settings:
        # Without an address of its own a link mailed to somebody would lead to wherever the one who asks for it says.
        if self.smtp_host and not (self.app_url and self.smtp_from):
            raise ValueError("SMTP_HOST needs APP_URL and SMTP_FROM; set both, or leave SMTP_HOST empty.")
        return self

    @property
    def database(self) -> str:
        """The SQLAlchemy address in force."""
        return self.database_url or f"sqlite:///{self.var_dir / 'falx.db'}"

    @property
    def proxies(self) -> tuple[Network, ...]:
        """The networks of the reverse proxies in force."""
        return networks_of(self.trusted_proxies)

    @property
    def vault(self) -> Path:
        """The vault's folder in force."""
        return self.vault_dir or self.var_dir / "vault"


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process; raises SettingsError with a sentence a setting that cannot be used."""
    try:
        return Settings()
    except ValidationError as error:
        # Our own sentences name the variable; pydantic's do not.
        reasons = "; ".join(
            e["msg"].removeprefix("Value error, ")
            if e["type"] == "value_error"
            else f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}"
            for e in error.errors()
        )
        raise SettingsError(f"Falx cannot start with these settings. {reasons}") from error
