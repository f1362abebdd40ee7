"""Whether pages stay as quick with a million predictions as with a thousand.

``python -m benchmarks.volume`` makes two SQLite files as ``make-load`` does and prints the ratios; ``--predictions``
takes a smaller number than a million.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import func
from sqlmodel import Session, col, select

from benchmarks import page
from benchmarks.measure import Result, by_turns, milliseconds, pair_ratios
from services.inference.prediction import Verdict
from services.records.database import key_of, make_engine, reading, write
from services.records.filters import StudyFilters
from services.records.folder import FolderVault
from services.records.history import PageKey, counts, find_studies
from services.records.load import make_load
from services.records.rights import Action, Actor
from services.records.schema import migrate
from services.records.sealing import make_keyring
from services.records.store import Store
from services.records.tables import AuditEvent, Role, Study, User
from services.records.trail import EventFilters, EventKey, find_actions, find_events

FEW, MANY = 1_000, 1_000_000
PAIRS, TARGET = 40, 1.5
# As the pages ask.
HOME_STUDIES, HISTORY_STUDIES, EVENTS = 200, 20, 25


def filled(address: str, folder: Path, predictions: int) -> tuple[Store, Actor, Actor]:
    """A migrated store with that many predictions, the doctor whom they belong to, and an administrator."""
    migrate(address)
    store = Store(
        make_engine(address),
        FolderVault(folder, make_keyring(None, None)),
        demo=False,
        sign_in_lasts=timedelta(days=1),
        key=lambda: "nobody signs in here",
    )
    made = make_load(store, predictions)

    def let_in(session: Session) -> list[Actor]:
        doctor = session.exec(select(User).where(User.username == made.reader)).one()
        doctor.active = True
        admin = User(username="admin", full_name="Administrator", role=Role.ADMIN, password_hash="closed")
        session.add(admin)
        session.flush()
        return [Actor(key_of(u), u.public_id, u.username, u.full_name, u.role) for u in (doctor, admin)]

    doctor, admin = write(store.engine, let_in)
    return store, doctor, admin


def middle(store: Store) -> PageKey:
    """The key of a page in the middle of the history."""
    with reading(store.engine) as session:
        count = session.exec(select(func.max(col(Study.id)))).one() or 0
        study = session.exec(select(Study).where(Study.id == count // 2)).one()
        return PageKey(study.created, study.public_id)


def middle_of_trail(store: Store) -> EventKey:
    """The key of a page in the middle of the trail."""
    with reading(store.engine) as session:
        last = session.exec(select(func.max(col(AuditEvent.id)))).one() or 0
        event = session.exec(select(AuditEvent).where(AuditEvent.id == last // 2)).one()
        return EventKey(event.at, key_of(event))


def questions(store: Store, doctor: Actor, admin: Actor) -> dict[str, Callable[[], object]]:
    """What each page asks of the records, by the page's name."""
    half = middle(store)
    older = middle_of_trail(store)
    saved = EventFilters(action=Action.STUDY_SAVE)
    uncertain = StudyFilters(verdict=Verdict.UNCERTAIN)
    positive = StudyFilters(positive=True)
    return {
        "Home page": lambda: (counts(store, doctor), find_studies(store, doctor, limit=HOME_STUDIES)),
        "Administrator's home page": lambda: counts(store, admin),
        "History": lambda: find_studies(store, doctor, limit=HISTORY_STUDIES),
        "History, in the middle": lambda: find_studies(store, doctor, None, half, HISTORY_STUDIES),
        "History, uncertain ones": lambda: find_studies(store, doctor, uncertain, None, HISTORY_STUDIES),
        "History, tumours": lambda: find_studies(store, doctor, positive, None, HISTORY_STUDIES),
        "Trail": lambda: (find_actions(store, admin), find_events(store, admin, limit=EVENTS)),
        "Trail, one action": lambda: find_events(store, admin, saved, limit=EVENTS),
        "Trail, in the middle": lambda: find_events(store, admin, None, older, EVENTS),
    }


def results(predictions: int = MANY) -> list[Result]:
    """A figure a page: its questions to the large database over the same to one of a thousand."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large, *here = filled(f"sqlite:///{folder}/many.db", folder / "many", predictions)
        small, *there = filled(f"sqlite:///{folder}/few.db", folder / "few", FEW)
        with large, small:
            many, few = questions(large, *here), questions(small, *there)
            return [measured(page_name, predictions, many[page_name], few[page_name]) for page_name in many]


def measured(name: str, predictions: int, many: Callable[[], object], few: Callable[[], object]) -> Result:
    """One page's figure."""
    ours, theirs = by_turns(many, few, pairs=PAIRS)
    meaning = f"what the page asks of a database with {predictions:,} predictions of one doctor, over {FEW:,}"
    ratios = pair_ratios(ours, theirs)
    return Result(name, meaning, ratios, TARGET, milliseconds(ours), milliseconds(theirs), "ms")


def main(
    predictions: Annotated[int, typer.Option(min=FEW, help="How many the large database holds.")] = MANY,
) -> None:
    """Print the ratios."""
    print("\n".join(page.table(results(predictions))))


if __name__ == "__main__":
    typer.run(main)
