"""Whether pages stay as quick with a million predictions as with a thousand.

``python -m benchmarks.volume`` makes two SQLite files as ``make-load`` does and prints the ratios; ``--predictions``
takes a smaller number than a million, and ``--pairs`` fewer turns.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import func
from sqlmodel import Session, col, select

from benchmarks import page
from benchmarks.measure import Result, by_turns, milliseconds, pair_ratios
from services.inference.prediction import Verdict
from services.records.board import board
from services.records.columns import now
from services.records.counting import counts
from services.records.database import key_of, make_engine, reading, write
from services.records.filters import StudyFilters
from services.records.folder import FolderVault
from services.records.history import PageKey, Sort, find_studies, readers
from services.records.load import make_load
from services.records.patients import examined, find_patients
from services.records.people import list_users
from services.records.rights import Action, Actor
from services.records.schema import migrate
from services.records.sealing import make_keyring
from services.records.store import Store
from services.records.tables import AuditEvent, Patient, Role, State, Study, User
from services.records.trail import EventFilters, EventKey, find_actions, find_events
from services.records.trends import agreement, asked_tasks, by_month
from services.tasks import TASKS

FEW, MANY = 1_000, 1_000_000
PAIRS, TARGET = 40, 1.5
# As the pages ask.
HOME_STUDIES, HISTORY_STUDIES, EVENTS, PATIENTS = 8, 20, 25, 50
WAITING = StudyFilters(state=State.AWAITING)


def filled(address: str, folder: Path, predictions: int) -> tuple[Store, Actor, Actor, Actor, Actor]:
    """A migrated store with that many predictions of one doctor, a researcher, an administrator and an idle doctor."""
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
        others = [
            User(username=f"idle-{role.value}", full_name=role.value, role=role, password_hash="closed")
            for role in (Role.RESEARCHER, Role.ADMIN, Role.DOCTOR)
        ]
        session.add_all(others)
        session.flush()
        return [Actor(key_of(u), u.public_id, u.username, u.full_name, u.role) for u in (doctor, *others)]

    doctor, researcher, admin, idle = write(store.engine, let_in)
    return store, doctor, researcher, admin, idle


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


def one_of(store: Store) -> tuple[str, str]:
    """A study in the middle as the trail names it, and its patient's hospital identifier."""
    with reading(store.engine) as session:
        count = session.exec(select(func.max(col(Study.id)))).one() or 0
        found = select(Study.public_id, Patient.identifier).join(Patient).where(Study.id == count // 2)
        public_id, identifier = session.exec(found).one()
        return f"study {public_id}", identifier or ""


def questions(
    store: Store, doctor: Actor, researcher: Actor, admin: Actor, idle: Actor
) -> dict[str, Callable[[], object]]:
    """What each page asks of the records, by the page's name."""
    half, older = middle(store), middle_of_trail(store)
    (what, identifier), (task, other) = one_of(store), list(TASKS)[:2]
    year_ago = now().date() - timedelta(days=365)

    def home(actor: Actor) -> object:
        asked = asked_tasks(store, actor)
        return counts(store, actor), asked, by_month(store, actor, asked[0])

    def history(sort: Sort = Sort.NEWEST, **filters: Any) -> Callable[[], object]:
        return lambda: find_studies(store, doctor, StudyFilters(**filters), None, HISTORY_STUDIES, sort=sort)

    def results_board(actor: Actor, **filters: Any) -> Callable[[], object]:
        return lambda: board(store, actor, StudyFilters(**filters))

    def patients(text: str) -> Callable[[], object]:
        def page() -> object:
            found = find_patients(store, doctor, text, PATIENTS)
            return examined(store, doctor, [patient.public_id for patient in found])

        return page

    def trail(**filters: Any) -> Callable[[], object]:
        return lambda: find_events(store, admin, EventFilters(**filters), limit=EVENTS)

    return {
        "Home page": lambda: (home(doctor), find_studies(store, doctor, WAITING, limit=HOME_STUDIES)),
        "Researcher's home page": lambda: (home(researcher), agreement(store, researcher)),
        "Administrator's home page": lambda: (counts(store, admin), list_users(store, admin)),
        "Results board": results_board(doctor),
        "Results board, administrator's": results_board(admin),
        "Results board, of the task": results_board(doctor, task=task),
        "Results board, of another task": results_board(admin, task=other),
        "Results board, tumours": results_board(doctor, positive=True),
        "Results board, up to a year ago": results_board(doctor, last=year_ago),
        "Patients": patients(""),
        "Patients, a frequent name": patients("ada"),
        "Patients, one identifier": patients(identifier),
        "History": lambda: (find_studies(store, doctor, limit=HISTORY_STUDIES), readers(store, doctor)),
        "History, in the middle": lambda: find_studies(store, doctor, None, half, HISTORY_STUDIES),
        "History, uncertain ones": history(verdict=Verdict.UNCERTAIN),
        "History, tumours": history(positive=True),
        "History, of the task": history(task=task),
        "History, of another task": history(task=other),
        "History, a network that answered": history(network="load"),
        "History, a network that did not": history(network="efficientnet"),
        "History, confidence of 95% and more": history(least=0.95),
        "History, confidence of 100%": history(least=1.0),
        "History, up to a year ago": history(Sort.LATEST_STUDY, last=year_ago),
        "History, a frequent name": history(patient="ada"),
        "History, one identifier": history(patient=identifier),
        "History, refused ones": history(verdict=Verdict.REFUSED),
        "Readers, of a doctor who reads nothing": lambda: readers(store, idle),
        "Trail": lambda: (find_actions(store, admin), find_events(store, admin, limit=EVENTS)),
        "Trail, one action": trail(action=Action.STUDY_SAVE),
        "Trail, one object": trail(object=what),
        "Trail, all studies": trail(object="study"),
        "Trail, one user": trail(who="nobody"),
        "Trail, in the middle": lambda: find_events(store, admin, None, older, EVENTS),
    }


def results(predictions: int = MANY, pairs: int = PAIRS) -> list[Result]:
    """A figure a page: its questions to the large database over the same to one of a thousand."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large, *here = filled(f"sqlite:///{folder}/many.db", folder / "many", predictions)
        small, *there = filled(f"sqlite:///{folder}/few.db", folder / "few", FEW)
        with large, small:
            many, few = questions(large, *here), questions(small, *there)
            return [measured(name, predictions, many[name], few[name], pairs) for name in many]


def measured(
    name: str, predictions: int, many: Callable[[], object], few: Callable[[], object], pairs: int = PAIRS
) -> Result:
    """One page's figure."""
    ours, theirs = by_turns(many, few, pairs=pairs)
    meaning = f"what the page asks of a database with {predictions:,} predictions of one doctor, over {FEW:,}"
    ratios = pair_ratios(ours, theirs)
    return Result(name, meaning, ratios, TARGET, milliseconds(ours), milliseconds(theirs), "ms")


def main(
    predictions: Annotated[int, typer.Option(min=FEW, help="How many the large database holds.")] = MANY,
    pairs: Annotated[int, typer.Option(min=1, help="How often each question is put to both.")] = PAIRS,
) -> None:
    """Print the ratios."""
    print("\n".join(page.table(results(predictions, pairs))))


if __name__ == "__main__":
    typer.run(main)
