"""What needs this person now: numbers that lead somewhere, then the list that matters most to the role."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import streamlit as st

from pages.view import acting, charts, frame, questions, rows, tiles
from pages.view.charts import Series
from pages.view.words import DASH, day, interval, moment, plain
from services.errors import ModelNotFound
from services.inference.prediction import Verdict
from services.records.counting import MOST_COUNTED, counts
from services.records.filters import StudyFilters
from services.records.history import find_studies
from services.records.people import list_users
from services.records.research import MOST_STUDIES, export_deidentified
from services.records.results import find_results
from services.records.tables import Role, State
from services.records.trends import BANDS, Month, agreement, asked_tasks, by_month, last_months
from services.tasks import TASKS, get_task
from services.tasks.task import Task

LATEST, MONTHS, OPEN = 8, 12, "open"


def doctor() -> None:
    frame.title("What needs me?")
    numbers = counts(acting.store(), acting.person())
    history = "pages/history.py"
    with tiles.row(6):
        awaiting = at_least(numbers.awaiting, whole=numbers.awaiting < MOST_COUNTED)
        tiles.link("Awaiting review", awaiting, history, "Review them", {"state": State.AWAITING.value})
        uncertain, refused = ({"verdict": verdict, "saved": "week"} for verdict in ("uncertain", "refused"))
        week = numbers.studies_this_week < MOST_COUNTED
        unsure, turned_away = (
            at_least(number, whole=week) for number in (numbers.uncertain_this_week, numbers.refused_this_week)
        )
        tiles.link("Uncertain this week", unsure, history, "Look at them", uncertain)
        tiles.link("Refused this week", turned_away, history, "Look at them", refused)
        found = {"verdict": "answered", "label": "positive"}
        positive = at_least(numbers.positive, whole=numbers.whole)
        tiles.link(f"{acting.looked_for(None).capitalize()}s suggested", positive, history, "See them", found)
        studies, patients = (at_least(number, whole=numbers.whole) for number in (numbers.studies, numbers.patients))
        tiles.link("Studies", studies, history, f"{at_least(numbers.studies_this_week, whole=week)} this week")
        tiles.link("Patients", patients, "pages/patients.py", "See them")
    if not numbers.studies:
        rows.none_yet("neurology", "Nothing waits for you. Analyse a first slice; the samples need no file of yours.")
        st.page_link("pages/analyse.py", label="Analyse a slice", icon=":material/neurology:")
        return
    waiting = StudyFilters(state=State.AWAITING) if numbers.awaiting else StudyFilters()
    with st.container(key="section", horizontal=True, vertical_alignment="center"):
        head = "Awaiting your review" if numbers.awaiting else "Latest studies"
        st.header(head, anchor=False, width="stretch")
        st.page_link("pages/analyse.py", label="Analyse a slice", icon=":material/neurology:")
    rows.draw(find_studies(acting.store(), acting.person(), waiting, limit=LATEST).studies, key="home")
    trend()


def at_least(number: int, *, whole: bool) -> str:
    """A number of studies as the tiles show it; with a plus where only the newest were counted."""
    return f"{number:,}" if whole else f"{number:,}+"


def trend() -> None:
    """A task's answers of the last months, by class or by confidence; uncertain and refused ones have no class."""
    asked = asked_tasks(acting.store(), acting.person())
    if not asked:
        return
    with st.container(key="trend_head", horizontal=True, vertical_alignment="center"):
        st.header("Answers by month of study", anchor=False, width="stretch")
        by = st.segmented_control(
            "Count by", ["class", "confidence"], default="class", required=True, key="trend_by",
            format_func=str.capitalize, label_visibility="collapsed",
        )  # fmt: skip
    task = questions.choose([get_task(key) for key in asked], key="trend")
    months = last_months(MONTHS)
    found = by_month(acting.store(), acting.person(), task.key, MONTHS)
    series = by_class(found, months, task) if by == "class" else by_confidence(found, months)
    charts.counts_by(named(months), series, what="Studies", key=f"trend_{by}")
    if sum(month.studies for month in found) >= MOST_COUNTED:
        st.caption(f"Counted over the newest {MOST_COUNTED:,} studies, by study date.")


def named(months: Sequence[date]) -> list[str]:
    """The months in three letters; the year stands under January, for a phone has no room for twelve."""
    return [f"{month:%b}<br>{month:%Y}" if month.month == 1 else f"{month:%b}" for month in months]


def by_class(found: Sequence[Month], months: Sequence[date], task: Task) -> list[Series]:
    tally: Counter[tuple[date, str]] = Counter()
    for m in found:
        answered = m.verdict is Verdict.ANSWERED and m.label in task.class_keys
        tally[m.month, (m.label if answered else None) or OPEN] += m.studies
    series: list[Series] = [(c.name, c.colour, [tally[month, c.key] for month in months]) for c in task.classes]
    return [*series, ("uncertain or refused", None, [tally[month, OPEN] for month in months])]


def by_confidence(found: Sequence[Month], months: Sequence[date]) -> list[Series]:
    """The bands from the surest down, and what was refused."""
    tally: Counter[tuple[date, float | None]] = Counter()
    for m in found:
        tally[m.month, m.band] += m.studies
    between = [f"{100 * low:.0f} to {100 * high:.0f}%" for high, low in pairwise(BANDS[:-1])]
    names = [f"{100 * BANDS[0]:.0f}% and more", *between, f"below {100 * BANDS[-2]:.0f}%"]
    shades = charts.shades(len(BANDS))
    series: list[Series] = [
        (name, shade, [tally[month, low] for month in months])
        for name, shade, low in zip(names, shades, BANDS, strict=True)
    ]
    return [*series, ("refused", None, [tally[month, None] for month in months])]


def researcher() -> None:
    frame.title("How good are the models, and how was that measured?")
    repository = acting.workbench().engine.repository
    live = repository.live()
    for task_key, serving in ((key, live[key]) for key in TASKS if key in live):
        try:
            card = repository.card(repository.live_ref(task_key))
        except ModelNotFound as error:
            st.warning(str(error))
            continue
        st.header(f"{get_task(task_key).title}: {card.network_title}, version {card.version}", anchor=False)
        with tiles.row(4, key=f"tiles_{task_key}"):
            compare = "pages/compare.py"
            said = {
                "accuracy": card.test.accuracy,
                "macro-F1": card.test.macro_f1,
                "calibration error": card.test.calibration_error,
            }
            for name, figure in said.items():
                tiles.link(f"Test {name}", f"{100 * figure.value:.1f}%", compare, interval(figure), key=task_key)
            tiles.link("Networks that serve", len(serving.versions), compare, "Compare them", key=task_key)
        st.caption(
            f"Measured on {card.test.images:,} {get_task(task_key).image}s of {card.test.groups} groups that the model "
            "never saw; 95% intervals over groups."
        )
    if not live:
        rows.none_yet("monitoring", "No model serves yet. Register one with “python -m training register”.")
    practice()


def practice() -> None:
    """How the models are used and whether doctors agree, over all studies; numbers only."""
    store, actor = acting.store(), acting.person()
    numbers, reviews = counts(store, actor), agreement(store, actor)
    reviewed = reviews.agreed + reviews.overridden
    share = f"{100 * reviews.agreed / reviewed:.0f}%" if reviewed else DASH
    st.header("In practice", anchor=False)
    with tiles.row(4, key="practice"):
        compare = "pages/compare.py"
        studies, positive, patients = (
            at_least(number, whole=numbers.whole) for number in (numbers.studies, numbers.positive, numbers.patients)
        )
        tiles.link("Studies stored", studies, compare, f"of {patients} patients")
        tiles.link("Tumours named", positive, compare, "by an answer that was certain")
        awaiting = at_least(numbers.awaiting, whole=numbers.whole)
        tiles.link("Studies reviewed", at_least(reviewed, whole=reviews.whole), compare, f"{awaiting} await a review")
        tiles.link("Reviews that agree", share, compare, f"{reviews.overridden} override the model")
    trend()
    take_away()


def take_away() -> None:
    """The answers and reviews of one question as a table that names nobody."""
    st.header("Take the answers away", anchor=False)
    st.caption(
        f"A line a study, the newest {MOST_STUDIES:,}: answer, confidence, model and the doctor's verdict. Persons are "
        "numbers drawn anew for each file, ages are groups of ten years, dates are years. The trail notes who took it."
    )
    store, actor = acting.store(), acting.person()
    with st.container(key="take_away", horizontal=True):
        for task in TASKS.values():
            st.download_button(
                f"{task.title} (CSV)", lambda key=task.key: b"".join(export_deidentified(store, actor, key)),
                f"falx-{task.key.replace('_', '-')}-deidentified.csv", "text/csv", icon=":material/download:",
                key=f"take_{task.key}", on_click="ignore",
            )  # fmt: skip


def administrator() -> None:
    frame.title("Is everything running?")
    if acting.person().images:
        st.info(
            "You may see images for some hours: the history lists every study. Each look is noted in the trail.",
            icon=":material/visibility:",
        )
    numbers = counts(acting.store(), acting.person())
    people = list_users(acting.store(), acting.person())
    live = acting.workbench().engine.repository.live()
    with tiles.row(3):
        tiles.link("Accounts", len(people), "pages/admin.py", f"{sum(p.active for p in people)} active")
        tiles.link(
            "Models that serve", sum(len(s.versions) for s in live.values()), "pages/compare.py", "See their figures"
        )
        studies = at_least(numbers.studies, whole=numbers.whole)
        tiles.link("Studies stored", studies, "pages/admin.py", f"{numbers.studies_this_week} this week")
    st.page_link("pages/admin.py", label="People, models and storage", icon=":material/admin_panel_settings:")


def patient() -> None:
    frame.title("Which of my results can I read?")
    results = find_results(acting.store(), acting.person())
    if not results:
        rows.none_yet(
            "inbox",
            "No result has been released to you. Your doctor releases a result after reading it; ask there first.",
        )
    for result in results:
        with st.container(key=f"tile_result_{result.public_id.hex}", border=True, gap="xsmall"):
            st.markdown(f"**Picture of {day(result.study_date)}**")
            st.markdown(plain(get_task(result.task).lay_finding(result.label)))
            st.caption(f"{plain(result.doctor)}, {moment(result.released)}")
            st.page_link("pages/result.py", label="Read it", query_params={"id": str(result.public_id)})


def page() -> None:
    by_role = {Role.DOCTOR: doctor, Role.RESEARCHER: researcher, Role.ADMIN: administrator, Role.PATIENT: patient}
    by_role[acting.person().role]()


frame.run(page)
