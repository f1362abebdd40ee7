"""The results board: how many were looked at, what was detected, over time, newest first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import streamlit as st

from pages.view import acting, charts, frame, rows, sought
from pages.view.words import percent
from services.records.board import MOST_ON_BOARD, Board, board, board_csv
from services.records.filters import StudyFilters
from services.records.history import find_studies, order_of
from services.records.rights import Action, may, require
from services.tasks import TASKS, get_task

NEWEST, PERIODS, EARLIEST = 20, 12, date(1900, 1, 1)


def page() -> None:
    actor = acting.person()
    require(actor, Action.BOARD_VIEW)
    frame.title("What was detected so far?")
    filters = asked()
    numbers = board(acting.store(), actor, filters)
    if not numbers.studies:
        fits = "No study fits these filters. Take one away." if filters != StudyFilters() else "No study is saved yet."
        rows.none_yet("leaderboard", fits)
        return
    word = acting.looked_for(next(iter(numbers.by_task)) if len(numbers.by_task) == 1 else filters.task)
    with st.grid(4, min_column_width=150, gap="small", key="board"):
        st.metric("Patients", f"{numbers.patients:,}", border=True)
        st.metric("Studies", f"{numbers.studies:,}", border=True)
        st.metric(f"{word.capitalize()}s detected", f"{numbers.positive:,}", border=True)
        st.metric("Share of the answered", detected(numbers), border=True)
    if not numbers.whole:
        st.caption(f"Counted over the newest {MOST_ON_BOARD:,} studies, by study date. Choose days to count others.")
    if len(numbers.by_task) > 1:
        by_question(numbers)
    st.header("Over time", anchor=False)
    over_time(numbers, word)
    if not may(actor, Action.STUDY_FIND):
        return
    with st.container(key="section", horizontal=True, vertical_alignment="center"):
        st.header(sought.SORTS[order_of(filters)].capitalize(), anchor=False, width="stretch")
        if may(actor, Action.BOARD_EXPORT):
            st.download_button(
                "All as CSV", export(filters), "falx-results.csv", "text/csv", icon=":material/download:",
                on_click="ignore", key="board_csv",
            )  # fmt: skip
    found = find_studies(acting.store(), actor, filters, limit=NEWEST, sort=order_of(filters))
    rows.draw(found.studies, key="board")
    if found.after is not None:
        st.page_link("pages/history.py", label="Older ones are in the history", icon=":material/history:")


def asked() -> StudyFilters:
    """The filters as they stand above the numbers."""
    today = date.today()  # noqa: DTZ011 - the study's day is the local one
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom", gap="medium"):
        tasks, task = [task.key for task in acting.answered()], None
        if len(tasks) > 1:
            task = st.pills("Question", tasks, format_func=lambda key: get_task(key).title, key="board_task")
        found = st.pills("Answer", ["positive"], format_func=lambda _: "Only with a finding", key="board_positive")
        first, last = (
            st.date_input(
                f"Study date {end}", None, EARLIEST, today, key=f"board_{name}", format="YYYY-MM-DD", width=140
            )
            for name, end in (("first", "from"), ("last", "to"))
        )
    return StudyFilters(
        first=first if isinstance(first, date) else None,
        last=last if isinstance(last, date) else None,
        task=task,
        positive=found is not None,
    )


def detected(numbers: Board) -> str:
    """The share with a finding among the answered."""
    return percent(numbers.positive / numbers.answered) if numbers.answered else "none answered"


def by_question(numbers: Board) -> None:
    """What the sums above are made of: a row a question, since the answers to different ones are no one count."""
    st.header("By question", anchor=False)
    asked = [(task, numbers.by_task[task.key]) for task in TASKS.values() if task.key in numbers.by_task]
    st.table(
        {
            "Question": [task.title for task, _ in asked],
            "Studies": [f"{one.studies:,}" for _, one in asked],
            "Answered": [f"{one.answered:,}" for _, one in asked],
            "Detected": [f"{one.positive:,}" for _, one in asked],
            "Share of the answered": [detected(one) for _, one in asked],
        },
        border="horizontal", hide_index=True, alt="Studies, answers and what was detected, a row a question.",
    )  # fmt: skip


def over_time(numbers: Board, word: str) -> None:
    """Studies with and without a finding in each of the last weeks that have any, and the share of those with one."""
    weeks: dict[date, list[int]] = {}
    for day in numbers.days:
        week = weeks.setdefault(day.date - timedelta(days=day.date.weekday()), [0, 0, 0])
        for index, number in enumerate((day.positive, day.answered - day.positive, day.studies - day.answered)):
            week[index] += number
    shown = sorted(weeks)[-PERIODS:]
    counts = [weeks[week] for week in shown]
    names = [f"{week:%d %b}<br>{week:%Y}" for week in shown]
    series = [
        (f"{word} detected", charts.accent(), [positive for positive, _, _ in counts]),
        ("none detected", charts.muted(), [negative for _, negative, _ in counts]),
        ("uncertain or refused", None, [neither for _, _, neither in counts]),
    ]
    shares = [positive / (positive + negative) if positive + negative else None for positive, negative, _ in counts]
    charts.counts_by(
        names, series, what="Studies a week", key="board_weeks", shares=shares, share=f"Share with {word} detected"
    )
    st.caption(
        f"By week of the study, the last {PERIODS} weeks that have any. Above: detected in the accent's colour, none "
        "detected in grey, uncertain and refused hatched. Below: the share detected among the answered."
    )


def export(filters: StudyFilters) -> Callable[[], bytes]:
    """Made when it is asked for, and noted in the trail then."""
    store, actor = acting.store(), acting.person()
    return lambda: board_csv(store, actor, filters)


frame.run(page)
