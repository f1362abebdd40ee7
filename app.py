"""Falx: settings, sign-in, and the pages that the signed-in person's role includes. Nothing else happens here."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.view import acting, failures, frame
from services.errors import SettingsError
from services.records.rights import Action, Actor, may
from services.settings import Settings, get_settings

# Page → name, icon, the right that it takes (None: everybody has it), and whether the menu lists it.
PAGES = {
    "home": ("Home", "home", None, True),
    "analyse": ("Analyse", "neurology", Action.STUDY_SAVE, True),
    "quick": ("Quick form", "bolt", Action.STUDY_SAVE, True),
    "history": ("History", "history", Action.STUDY_FIND, True),
    "study": ("Study", "radiology", Action.STUDY_VIEW, False),
    "side_by_side": ("Side by side", "compare", Action.STUDY_VIEW, False),
    "result": ("Result", "clinical_notes", Action.RESULT_VIEW, False),
    "patients": ("Patients", "groups", Action.PATIENT_FIND, True),
    "patient": ("Patient", "person", Action.PATIENT_VIEW, False),
    "results_board": ("Results board", "leaderboard", Action.BOARD_VIEW, True),
    "compare": ("Model metrics", "monitoring", Action.METRICS_VIEW, True),
    "admin": ("Administration", "admin_panel_settings", Action.ACCOUNT_LIST, True),
    "account": ("Account", "account_circle", None, True),
    "about": ("About", "info", None, True),
}


def pages_of(actor: Actor) -> list[st.Page]:
    # Its questions are those that only ask whether there is something.
    quick = any(task.detects for task in acting.answered())
    return [
        st.Page(
            f"pages/{name}.py",
            title=title,
            icon=f":material/{icon}:",
            url_path=name,
            default=name == "home",
            visibility="visible" if listed and (name != "quick" or quick) else "hidden",
        )
        for name, (title, icon, right, listed) in PAGES.items()
        if right is None or may(actor, right)
    ]


def entrance() -> list[st.Page]:
    """Every address leads to the sign-in page and keeps its name, so that a link works after the sign-in."""
    return [
        st.Page(_nothing, title="Sign in", url_path=name, default=name == "home", visibility="hidden") for name in PAGES
    ]


def only(title: str, draw: Callable[[], None], kept: tuple[str, ...]) -> list[st.Page]:
    """Every address leads to the one page that the person has for now, but those of the pages that are kept."""
    return [
        st.Page(f"pages/{name}.py", title=PAGES[name][0], icon=f":material/{PAGES[name][1]}:", url_path=name)
        if name in kept
        else st.Page(
            draw,
            title=title,
            url_path=name,
            default=name == "home",
            visibility="visible" if name == "home" else "hidden",
        )
        for name in PAGES
    ]


def _nothing() -> None:
    pass


def main() -> None:
    frame.open_window()
    with failures.told():
        try:
            settings = get_settings()
            acting.records()
        except SettingsError as error:
            failures.show(error)
            st.stop()
        run(settings)
    frame.close_page()


def run(settings: Settings) -> None:
    from pages.view import waiting
    from pages.view.signin import SignIn

    door = SignIn()
    actor = door.person()
    if actor is not None and frame.wants_to_leave():
        door.sign_out()
        actor = None
    if actor is None:
        banner = st.empty()
        with banner.container():
            frame.open_page(settings, None)
        actor = door.login()
        if actor is None:
            st.navigation(entrance(), position="hidden").run()
            return
        banner.empty()
    acting.set_person(actor)
    acting.notice_what_serves()
    first = waiting.page_for(actor)
    if first is None:
        acting.start_warm_up()
        page = st.navigation(pages_of(actor), position="top")
    else:
        page = st.navigation(only(*first), position="top")
    frame.open_page(settings, actor)
    with frame.routed():
        page.run()


main()
