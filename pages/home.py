"""What needs this person now: numbers that lead somewhere, then the list that matters most to the role."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import streamlit as st

from pages.view import acting, charts, frame, rows, tiles
from pages.view.words import dot, interval
from services.errors import ModelNotFound
from services.inference.prediction import Verdict
from services.records.history import StudySummary, counts, find_studies
from services.records.people import list_users
from services.records.tables import Role
from services.tasks import get_task
from services.tasks.task import Task

LATEST, TREND, WEEKS, OPEN = 8, 200, 8, "open"


def doctor() -> None:
    frame.title("What needs me?")
    numbers = counts(acting.store(), acting.person())
    history = "pages/history.py"
    with tiles.row(5):
        uncertain, refused = ({"verdict": verdict, "saved": "week"} for verdict in ("uncertain", "refused"))
        tiles.link("Uncertain this week", numbers.uncertain_this_week, history, "Look at them", uncertain)
        tiles.link("Refused this week", numbers.refused_this_week, history, "Look at them", refused)
        tumours = {"verdict": "answered", "label": "positive"}
        tiles.link("Tumours suggested", numbers.positive, history, "See them", tumours)
        tiles.link("Studies", numbers.studies, history, f"{numbers.studies_this_week} this week")
        tiles.link("Patients", numbers.patients, "pages/patients.py", "See them")
    studies = find_studies(acting.store(), acting.person(), limit=TREND).studies
    if not studies:
        rows.none_yet("neurology", "Nothing waits for you. Analyse a first slice; the samples need no file of yours.")
        st.page_link("pages/analyse.py", label="Analyse a slice", icon=":material/neurology:")
        return
    with st.container(key="section", horizontal=True, vertical_alignment="center"):
        st.header("Latest studies", anchor=False, width="stretch")
        st.page_link("pages/analyse.py", label="Analyse a slice", icon=":material/neurology:")
    rows.draw(studies[:LATEST], key="home")
    # One chart has one task's classes: those of the task that is asked most.
    task = get_task(Counter(study.task for study in studies).most_common(1)[0][0])
    st.header(f"{task.title}: answers by week of study", anchor=False)
    trend(task, tuple(study for study in studies if study.task == task.key))


def trend(task: Task, studies: tuple[StudySummary, ...]) -> None:
    """What the answers were in each of the last weeks; uncertain and refused ones have no class."""
    this_week = date.today() - timedelta(days=date.today().weekday())  # noqa: DTZ011 - weeks of the local calendar
    weeks = [this_week - timedelta(weeks=n) for n in reversed(range(WEEKS))]
    tally: Counter[tuple[date, str]] = Counter()
    for study in studies:
        day, answered = study.study_date, study.verdict is Verdict.ANSWERED
        tally[day - timedelta(days=day.weekday()), (study.label if answered else None) or OPEN] += 1
    series = [(c.name, c.colour, [tally[week, c.key] for week in weeks]) for c in task.classes]
    series.append(("uncertain or refused", None, [tally[week, OPEN] for week in weeks]))
    with st.container(key="trend_legend", horizontal=True, gap="small"):
        for c in task.classes:
            st.markdown(f"{dot(task.key, c.key)} {c.name}", width="content")
        st.markdown(f"{dot(task.key, None)} uncertain or refused", width="content")
    charts.counts_by([f"{week:%d}<br>{week:%b}" for week in weeks], series, what="Studies", key="trend")


def researcher() -> None:
    frame.title("How good are the models, and how was that measured?")
    repository = acting.workbench().engine.repository
    for task_key, serving in repository.live().items():
        try:
            card = repository.card(repository.live_ref(task_key))
        except ModelNotFound as error:
            st.warning(str(error))
            continue
        st.header(f"{get_task(task_key).title}: {card.network_title}, version {card.version}", anchor=False)
        with tiles.row(4):
            compare = "pages/compare.py"
            said = {
                "accuracy": card.test.accuracy,
                "macro-F1": card.test.macro_f1,
                "calibration error": card.test.calibration_error,
            }
            for name, figure in said.items():
                tiles.link(f"Test {name}", f"{100 * figure.value:.1f}%", compare, interval(figure))
            tiles.link("Networks that serve", len(serving.versions), compare, "Compare them")
        st.caption(
            f"Measured on {card.test.images:,} slices of {card.test.groups} groups that the model never saw; 95% "
            "intervals over groups."
        )
    if not repository.live():
        rows.none_yet("monitoring", "No model serves yet. Register one with “python -m training register”.")


def administrator() -> None:
    frame.title("Is everything running?")
    numbers = counts(acting.store(), acting.person())
    people = list_users(acting.store(), acting.person())
    live = acting.workbench().engine.repository.live()
    with tiles.row(3):
        tiles.link("Accounts", len(people), "pages/admin.py", f"{sum(p.active for p in people)} active")
        tiles.link(
            "Models that serve", sum(len(s.versions) for s in live.values()), "pages/compare.py", "See their figures"
        )
        tiles.link("Studies stored", numbers.studies, "pages/admin.py", f"{numbers.studies_this_week} this week")
    st.page_link("pages/admin.py", label="People, models and storage", icon=":material/admin_panel_settings:")


def patient() -> None:
    frame.title("Which of my results can I read?")
    if not find_studies(acting.store(), acting.person()).studies:
        rows.none_yet(
            "inbox",
            "No result has been released to you. Your doctor releases a result after reading it; ask there first.",
        )


def page() -> None:
    by_role = {Role.DOCTOR: doctor, Role.RESEARCHER: researcher, Role.ADMIN: administrator, Role.PATIENT: patient}
    by_role[acting.person().role]()


frame.run(page)
