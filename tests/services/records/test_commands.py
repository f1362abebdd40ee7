"""The commands of whoever looks after Falx, run as a person runs them."""

from __future__ import annotations

import base64
import os

import pytest

from services.records.folder import FolderVault
from tests.services.records.test_sealing import keyring
from tests.services.records.test_startup import command
from tests.services.records.test_vault import PLAIN, put


@pytest.mark.slow
def test_from_an_encrypted_place_into_another(tmp_path):
    key = base64.b64encode(os.urandom(32)).decode()
    assert command(tmp_path, "migrate")[0] == 0
    code, said, _ = command(tmp_path, "make-load", "--predictions", "20")
    assert (code, said.endswith("patients belong to the account load.\n")) == (0, True)
    put(FolderVault(tmp_path / "var" / "vault", PLAIN), b"a file without a row")
    code, said, _ = command(tmp_path, "rotate-key", VAULT_KEY=key)
    assert (code, said) == (
        0, f"1 files encrypted with the key {keyring(key).name}, 0 were so already, 0 could not be read.\n"
    )  # fmt: skip
    code, said, _ = command(tmp_path, "rotate-key", VAULT_KEY=base64.b64encode(os.urandom(32)).decode())
    assert code == 1
    assert "Add that key to VAULT_OLD_KEYS" in said
    code, said, _ = command(tmp_path, "backup", str(tmp_path / "backup"), VAULT_KEY=key)
    assert code == 0
    assert said.endswith(f"rows and 0 files, encrypted with the key {keyring(key).name}.\n")
    code, _, wrong = command(tmp_path, "restore", str(tmp_path / "backup"), VAULT_KEY=key)
    assert code == 2
    assert "Restore into an empty" in wrong
    elsewhere = tmp_path / "elsewhere"
    code, _, wrong = command(elsewhere, "restore", str(tmp_path / "backup"))
    assert (code, "VAULT_OLD_KEYS" in wrong) == (2, True)
    code, said, _ = command(elsewhere, "restore", str(tmp_path / "backup"), VAULT_KEY=key)
    assert (code, said.split(" rows")[0].isdigit()) == (0, True)
    assert command(elsewhere, "check", VAULT_KEY=key)[:2] == (
        0, "0 files named, 0 missing or damaged, 0 without a row.\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("VAULT_KEY", "hunter2", "VAULT_KEY must be 32 random bytes"),
        ("VAULT_URL", "ftp://hunter2", "s3://BUCKET/PREFIX"),
    ],
)
def test_an_unusable_setting_is_one_sentence_without_the_value(tmp_path, name, value, said):
    code, out, wrong = command(tmp_path, "check", **{name: value})
    assert (code, out) == (2, "")
    assert said in wrong
    assert "hunter2" not in wrong
