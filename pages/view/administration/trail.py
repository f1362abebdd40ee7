"""Who did what, when and from where, for administrators; and whether all of it is as it was written."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import streamlit as st

from pages.view import acting, failures, rows
from pages.view.words import DASH, plain, zone
from services.errors import FalxError
from services.records.chain import Head, Verification, verify
from services.records.columns import now
from services.records.tables import Outcome
from services.records.trail import Event, EventFilters, EventKey, EventPage, export_events, find_actions, find_events

SIZE = 25
# The filters that the pages gone through belong to, with the keys of these pages; and what the last look found, when.
_PAGES, _VERIFIED = "trail_pages", "trail_verified"
_EARLIEST = date(2020, 1, 1)
_WIDTHS = (2.1, 1.4, 1.7, 4.4, 1, 1.9, 0.7)
_HEADS = ("When", "Who", "Action", "On what", "Outcome", "From", "No.")


def show() -> None:
    filters = asked()
    belongs_to, keys = st.session_state.get(_PAGES, (None, ()))
    keys = keys if belongs_to == filters else ()
    page = find_events(acting.store(), acting.person(), filters, keys[-1] if keys else None, SIZE)
    if page.events:
        draw(page.events)
        pager(filters, keys, page)
    else:
        rows.none_yet("filter_alt_off", "No event fits these filters. Take one away.")
    chain()


def asked() -> EventFilters:
    """The filters as they stand above the table."""
    today = datetime.now(zone()).date()
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom", gap="medium"):
        who = st.text_input("User name", key="trail_who", width=160)
        actions = find_actions(acting.store(), acting.person())
        action = st.selectbox("Action", actions, None, key="trail_action", placeholder="Any", width=190)
        what = st.text_input(
            "On what", key="trail_object", placeholder="study, or one as listed", width=240,
            help="A kind (study, patient, account, model), or one object as the table names it, whole.",
        )  # fmt: skip
        outcome = st.selectbox(
            "Outcome", list(Outcome), None, lambda o: o.value, key="trail_outcome", placeholder="Any", width=130
        )
        first, last = (
            st.date_input(f"Day {end}", None, _EARLIEST, today, key=f"trail_{end}", format="YYYY-MM-DD", width=140)
            for end in ("from", "to")
        )
    return EventFilters(
        who=who or "",
        action=action or "",
        object=what or "",
        outcome=outcome,
        since=midnight(first),
        until=midnight(last, days=1),
    )


def midnight(day: object, days: int = 0) -> datetime | None:
    """The moment at which a day begins on this browser's clock, or one so many days later."""
    return datetime.combine(day + timedelta(days), time(), zone()) if isinstance(day, date) else None


def draw(events: tuple[Event, ...]) -> None:
    with st.container(key="rows_trail", gap=None):
        with st.container(key="rowhead_trail"):
            for column, head in zip(st.columns(_WIDTHS), _HEADS, strict=True):
                column.caption(head)
        for event in events:
            with st.container(key=f"row_trail_{event.number}"):
                line(event)


def line(event: Event) -> None:
    when, who, action, what, outcome, address, number = st.columns(_WIDTHS, vertical_alignment="center")
    when.markdown(f"{event.at.astimezone(zone()):%d %b %Y, %H:%M:%S}")
    who.markdown(plain(event.who) or ":gray[nobody signed in]")
    action.markdown(plain(event.action))
    what.markdown(plain(event.object) or DASH)
    outcome.markdown(plain(event.outcome) if event.outcome == Outcome.DONE else f"**{plain(event.outcome)}**")
    address.markdown(plain(event.address) or DASH)
    number.markdown(str(event.number))


def step(filters: EventFilters, keys: tuple[EventKey, ...]) -> None:
    """Go to the page after the last of ``keys``, or to the first one where there are none."""
    st.session_state[_PAGES] = filters, keys


def pager(filters: EventFilters, keys: tuple[EventKey, ...], page: EventPage) -> None:
    store, actor = acting.store(), acting.person()
    with st.container(key="pager", horizontal=True, vertical_alignment="center"):
        st.button(
            "Newer", icon=":material/chevron_left:", disabled=not keys, on_click=step, args=(filters, keys[:-1]),
            key="trail_newer",
        )  # fmt: skip
        further = (*keys, page.after) if page.after else keys
        st.button(
            "Older", icon=":material/chevron_right:", icon_position="right", disabled=page.after is None,
            on_click=step, args=(filters, further), key="trail_older",
        )  # fmt: skip
        first = len(keys) * SIZE + 1
        st.caption(f"{first} to {first + len(page.events) - 1}, newest first")
        st.download_button(
            "Download as CSV", lambda: b"".join(export_events(store, actor, filters)),
            f"falx-trail-{now():%Y%m%d-%H%M}.csv", "text/csv", icon=":material/download:", key="trail_export",
            on_click="ignore",
        )  # fmt: skip
    st.caption("The table holds every event that fits the filters. Taking it out is noted in the trail.")


def chain() -> None:
    """Is the trail as it was written? A button looks, and what it found stands here until the next look."""
    st.header("Is the trail whole?", anchor=False)
    st.markdown(
        "Each event carries the hash of the one before it. Reading all of them finds one that was altered, removed or "
        "inserted in the database."
    )
    with st.container(key="column", width=560), st.form("verify_trail", border=False):
        noted = st.text_input("Compare with a head noted earlier, if you have one", placeholder="COUNT:HASH")
        asked_for = st.form_submit_button("Verify the trail", type="primary", icon=":material/link:")
    if asked_for:
        try:
            expected = Head.parse(noted) if noted.strip() else None
            with st.spinner("Reading every event", show_time=True):
                found = verify(acting.store(), acting.person(), expected)
        except FalxError as error:
            failures.show(error)
            return
        st.session_state[_VERIFIED] = now(), found
    if _VERIFIED in st.session_state:
        result(*st.session_state[_VERIFIED])


def result(when: datetime, found: Verification) -> None:
    at = f"{when.astimezone(zone()):%H:%M:%S}"
    if found.whole:
        st.success(f"The trail was whole at {at}: {found.head.count:,} events.", icon=":material/check:")
        st.caption("Note its head where no administrator of the database can write, and compare with it later:")
        st.code(str(found.head), language=None, wrap_lines=True)
        return
    st.error(
        f"The trail was not as it was written, at {at}: {found.found:,} faults among {found.head.count:,} events.",
        icon=":material/link_off:",
    )
    for fault in found.faults:
        st.markdown(f"- {plain(fault)}")
    if found.found > len(found.faults):
        st.caption(f"And {found.found - len(found.faults):,} more.")
