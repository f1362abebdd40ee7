"""What hardly anything fits is looked up by its keys; a list is else read along its order, to the end if need be."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, false
from sqlmodel import Session
from sqlmodel.sql.expression import SelectOfScalar

# So many rows are looked up one by one in no time; of what is more frequent, a list's first page is soon found.
FEW = 500


def if_few(session: Session, key: Any, found: SelectOfScalar[Any]) -> ColumnElement[bool] | None:
    """The condition that ``key`` is among what an index finds, by value; None where that is more than FEW."""
    keys = session.exec(found.limit(FEW + 1)).all()
    if len(keys) > FEW:
        return None
    return key.in_(set(keys)) if keys else false()
