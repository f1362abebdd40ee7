"""Who is acting in this browser, and what the pages act with.

Nothing here imports an image or model library before somebody is signed in, so that the sign-in page comes at once.
"""

from __future__ import annotations

import logging
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import streamlit as st

from services.errors import FalxError, InferenceError
from services.proxies import client_address
from services.records import people
from services.records.demo import DemoAccount, ensure_demo_accounts
from services.records.rights import Actor, Origin
from services.records.startup import check_startup
from services.records.store import Store, open_store
from services.settings import get_settings
from services.tasks import TASKS, get_task
from services.tasks.task import Task

if TYPE_CHECKING:
    from services.serving import ServingWatch
    from services.workflow import Workbench

TASK = next(iter(TASKS))
SECONDS_BEFORE_WARM_UP = 1.5
_ACTOR = "falx_actor"
log = logging.getLogger(__name__)


@st.cache_resource(show_spinner=False)
def records() -> tuple[Store, tuple[DemoAccount, ...]]:
    """The one open database and vault of this process, checked, and the demo accounts that may be used."""
    settings = get_settings()
    store = open_store(settings)
    check_startup(store, settings)
    return store, ensure_demo_accounts(store) if settings.demo else ()


def store() -> Store:
    """The database and vault."""
    return records()[0]


@st.cache_resource(show_spinner="Opening the reading room")
def workbench() -> Workbench:
    """The one path from an upload to a study, shared by all sessions of this process."""
    from services.workflow import Workbench

    return Workbench.open(get_settings())


@st.cache_resource(show_spinner=False)
def _serving_watch() -> ServingWatch:
    from services.serving import ServingWatch

    return ServingWatch(store(), workbench().engine.repository)


def notice_what_serves() -> None:
    """Let the trail know of a model version that was changed by command, while Falx ran or before."""
    try:
        _serving_watch().look()
    except InferenceError as error:
        # Every page that needs a model says it too.
        log.warning("What serves cannot be read: %s", error)


def answered() -> tuple[Task, ...]:
    """The tasks that a model serves, in the catalogue's order; all of them where none is served."""
    live = workbench().engine.repository.live()
    return tuple(task for task in TASKS.values() if task.key in live) or tuple(TASKS.values())


def looked_for(key: str | None) -> str:
    """What a positive answer of that task names; None asks for one word for all that are answered."""
    words = {task.looks_for for task in (answered() if key is None else (get_task(key),))}
    return words.pop() if len(words) == 1 else "finding"


@st.cache_resource(show_spinner=False)
def start_warm_up() -> Thread:
    """Draw the samples, then load and compile what answers each task, behind the pages' back, once a process."""
    bench, tasks = workbench(), answered()
    samples = dict.fromkeys(name for task in tasks for name in task.samples)

    def warm() -> None:
        from pages.view.intake import sample, thumbnail

        for name in samples:
            thumbnail(name)
            sample(name)
        # Importing TensorFlow holds the interpreter for seconds; the page that this person waits for is drawn before.
        sleep(SECONDS_BEFORE_WARM_UP)
        for task in tasks:
            try:
                bench.engine.warm_up(task)
            except FalxError as error:
                # The first analysis meets the same error and shows its sentence.
                log.warning("The model could not be warmed up: %s", error)

    thread = Thread(target=warm, name="warm-up", daemon=True)
    thread.start()
    return thread


def origin() -> Origin:
    """Where this run's request comes from, as far as the connection and trusted proxies tell."""
    headers = st.context.headers
    address = client_address(st.context.ip_address or "", headers.get_all("X-Forwarded-For"), get_settings().proxies)
    return Origin(address, headers.get("User-Agent", "")[:200])


def token() -> str:
    """The token of this browser's session."""
    return str(st.session_state.get("username"))


def app_address() -> str:
    """The app's address as this browser has it open, without the page."""
    return urljoin(st.context.url or "", ".")


def set_person(actor: Actor) -> None:
    """Remember who acts in this run; app.py looks it up in the database at every run."""
    st.session_state[_ACTOR] = actor


def person() -> Actor:
    """The acting person. A page that is drawn without one is a mistake of the router, and stops."""
    actor = st.session_state.get(_ACTOR)
    if not isinstance(actor, Actor):
        st.stop()
    return actor


def check() -> None:
    """The first line of every fragment and dialog: they run past app.py, and notice here that a session was ended."""
    if people.actor_for_token(store(), token(), origin()) is None:
        st.rerun()
