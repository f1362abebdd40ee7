"""Commands of the records: ``python -m services.records --help``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from services.errors import FalxError
from services.records import audit
from services.records.backup import back_up
from services.records.backup import restore as restore_store
from services.records.chain import Head, verify_by_command
from services.records.demo import close_demo_accounts
from services.records.load import make_load
from services.records.people import create_admin
from services.records.removal import purge as purge_deleted
from services.records.removal import restore_by_command
from services.records.schema import migrate as migrate_database
from services.records.schema import newest_revision
from services.records.startup import check_revision
from services.records.store import Store, open_store
from services.records.upkeep import check_by_command
from services.records.upkeep import rotate_key as rotate_store_key
from services.records.upkeep import sweep as sweep_store
from services.settings import get_settings

PASSWORD_VARIABLE = "FALX_ADMIN_PASSWORD"
# A pretty trace would show the variables, and so the database's password.
commands = typer.Typer(
    help="Set up and look after Falx's database and file store.", no_args_is_help=True, pretty_exceptions_enable=False
)


@commands.callback()
def _begin() -> None:
    audit.as_command()


@commands.command()
def migrate() -> None:
    """Make the database, or bring it to this version's tables."""
    migrate_database(get_settings().database)
    typer.echo(f"The database stands at revision {newest_revision()}.")


@commands.command("create-admin")
def admin(
    username: Annotated[str, typer.Option(help="Name to sign in with.")],
    full_name: Annotated[str, typer.Option(help="Name as it is shown.")] = "Administrator",
) -> None:
    """Make an administrator. The password is asked for, or read from standard input or FALX_ADMIN_PASSWORD."""
    with _migrated_store() as store:
        password = os.environ.get(PASSWORD_VARIABLE)
        if password is None and sys.stdin.isatty():
            password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        elif password is None:
            password = sys.stdin.readline().rstrip("\r\n")
        made = create_admin(store, username, full_name, password)
    typer.echo(f"The administrator {made.username} can sign in now.")


@commands.command()
def check() -> None:
    """Report files that are missing, damaged or without a row; the exit code is 1 where there are any."""
    with open_store(get_settings()) as store:
        health = check_by_command(store)
    if health.revision != health.newest:
        typer.echo(
            f"The database stands at revision {health.revision or 'none'}, not {health.newest}: run migrate first."
        )
    for what, reason in health.unreadable:
        typer.echo(f"{what}: {reason}")
    for path in health.orphans:
        typer.echo(f"{path}: no row names this file; “sweep” deletes it.")
    typer.echo(
        f"{health.files} files named, {len(health.unreadable)} missing or damaged, {len(health.orphans)} without a row."
    )
    if not health.whole:
        raise typer.Exit(1)


@commands.command()
def sweep() -> None:
    """Delete files that no row names, left behind by interrupted writes."""
    with _migrated_store() as store:
        typer.echo(f"{sweep_store(store)} files deleted.")


@commands.command("verify-audit")
def verify_audit(
    expect: Annotated[str, typer.Option(help="The head that an earlier run printed, COUNT:HASH.", metavar="HEAD")] = "",
) -> None:
    """Find altered, removed or inserted events in the trail; the exit code is 1 where there are any."""
    expected = Head.parse(expect) if expect else None
    with _migrated_store() as store:
        verification = verify_by_command(store, expected)
    for fault in verification.faults:
        typer.echo(fault)
    if verification.found > len(verification.faults):
        typer.echo(f"And {verification.found - len(verification.faults)} more.")
    typer.echo(f"{verification.head.count} events, {verification.found or 'nothing'} wrong.")
    if not verification.noted:
        typer.echo("No head is noted on this server, so an end that was cut off is found with --expect only.")
    if not verification.whole:
        raise typer.Exit(1)
    typer.echo(f"Note this head where no administrator of the database can write: {verification.head}")


@commands.command("rotate-key")
def rotate() -> None:
    """Encrypt every stored file with VAULT_KEY, also those from before; may be interrupted and begun again.

    The earlier keys stand in VAULT_OLD_KEYS meanwhile. Without VAULT_KEY all files are decrypted.
    """
    with _migrated_store() as store:
        rotation = rotate_store_key(store)
        key = store.vault.keys.name
    for digest, reason in rotation.failed:
        typer.echo(f"{digest}: {reason}")
    typer.echo(
        f"{rotation.changed} files {f'encrypted with the key {key}' if key else 'decrypted'}, {rotation.kept} were so "
        f"already, {len(rotation.failed)} could not be read."
    )
    if rotation.failed:
        raise typer.Exit(1)


@commands.command()
def backup(target: Annotated[Path, typer.Argument(help="New folder to write.")]) -> None:
    """Write database and file store, as they are at this moment, into a new folder."""
    with _migrated_store() as store:
        manifest = back_up(store, target)
    sealed = f"encrypted with the key {manifest.key}" if manifest.key else "not encrypted"
    typer.echo(f"{target} holds {manifest.rows} rows and {manifest.files} files, {sealed}.")


@commands.command()
def restore(
    source: Annotated[Path, typer.Argument(help="Folder that “backup” wrote.")],
    plain: Annotated[
        bool, typer.Option("--plain", help="Take a backup made without a key, though VAULT_KEY is set.")
    ] = False,
) -> None:
    """Put a backup back into an empty database and an empty file store. Everybody has to sign in anew."""
    with open_store(get_settings()) as store:
        manifest = restore_store(store, source, plain=plain)
    typer.echo(
        f"{manifest.rows} rows and {manifest.files} files are back. Run “check” to compare each with the other.\n"
        "All sessions were ended and unused one-time links removed: people sign in anew, invitations are made again. "
        "Passwords, rights and recovery codes are those of the backup."
    )


@commands.command("restore-study")
def bring_back(study: Annotated[str, typer.Argument(help="The study's number, as the trail names it.")]) -> None:
    """Bring a deleted study back, with its review and its release."""
    with _migrated_store() as store:
        restore_by_command(store, study)
    typer.echo(f"The study {study} is back.")


@commands.command()
def purge() -> None:
    """Remove for good what was deleted longer ago than RETENTION_DAYS, rows and files; the trail keeps a line each."""
    with _migrated_store() as store:
        studies = purge_deleted(store, timedelta(days=get_settings().retention_days))
        typer.echo(f"{studies} studies purged, {sweep_store(store)} files deleted.")


@commands.command("close-demo-accounts")
def close_demo() -> None:
    """Deactivate the demo accounts, for a database that leaves demo mode."""
    with _migrated_store() as store:
        typer.echo(f"{close_demo_accounts(store)} demo accounts closed.")


@commands.command("make-load")
def load(predictions: Annotated[int, typer.Option(min=1, help="How many to make.")] = 1_000_000) -> None:
    """Fill an empty or a demo's database with made-up predictions, to measure how quick it stays."""
    with _migrated_store() as store:
        made = make_load(store, predictions)
    typer.echo(
        f"{made.predictions} predictions of {made.studies} studies and {made.patients} patients belong to the account "
        f"{made.reader}."
    )


@contextmanager
def _migrated_store() -> Iterator[Store]:
    with open_store(get_settings()) as store:
        check_revision(store)
        yield store


def main() -> NoReturn:
    """Run a command; what is wrong is one sentence on standard error, and exit code 2."""
    try:
        commands()
    except FalxError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
    sys.exit(0)


if __name__ == "__main__":
    main()
