"""Which sessions of signed-in browsers open something now."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement
from sqlmodel import col

from services.records.columns import now
from services.records.tables import SignInSession


def still_open(idle_after: timedelta) -> ColumnElement[bool]:
    """The SQL condition on SignInSession for those that open something now."""
    moment = now()
    return (
        col(SignInSession.revoked).is_(None)
        & (col(SignInSession.expires) > moment)
        & (col(SignInSession.last_seen) > moment - idle_after)
    )
