"""What must be true before anybody is let in."""

from __future__ import annotations

from services.errors import SettingsError
from services.records.demo import open_demo_accounts
from services.records.keys import cookie_key
from services.records.schema import current_revision, newest_revision
from services.records.store import Store
from services.settings import Settings


def check_revision(store: Store) -> None:
    """Raise SettingsError where the tables are not those of this version, Unavailable where none can be reached."""
    current, newest = current_revision(store.engine), newest_revision()
    if current != newest:
        raise SettingsError(
            f"The database stands at revision {current or 'none'}, and this version of Falx needs {newest}. Run "
            "“python -m services.records migrate”."
        )


def check_startup(store: Store, settings: Settings) -> None:
    """Refuse to serve with an old database, a weak cookie key, or demo accounts outside demo mode.

    Raises SettingsError that says what to do, and Unavailable where the database cannot be reached.
    """
    check_revision(store)
    cookie_key(settings)
    names = () if settings.demo else open_demo_accounts(store)
    if names:
        raise SettingsError(
            f"This is not the demo, but the demo accounts {', '.join(names)} are open, and everyone knows their "
            "passwords. Run “python -m services.records close-demo-accounts”, or set DEMO=1."
        )
