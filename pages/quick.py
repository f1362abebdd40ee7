"""The quick form: a first name and an image go in, an answer comes out, and both are saved with the time."""

from __future__ import annotations

from datetime import date

import streamlit as st

from pages.view import acting, charts, failures, frame, intake, questions
from pages.view.answer import second, warn
from pages.view.details import confirm
from pages.view.words import moment, plain
from services.analysis import Analysis, Upload
from services.imaging.phantom import phantom
from services.records.patients import contradictions
from services.records.studies import StudyView
from services.records.tables import PatientCreate, Sex
from services.reports import words as said
from services.settings import get_settings
from services.tasks import TASKS, get_task
from services.tasks.task import Task
from services.workflow import Details

_LAST, _ASKED, _WARNED = "quick_last", "quick_asked", "quick_warned"
DETECTING = tuple(task for task in TASKS.values() if task.detects)


def page() -> None:
    frame.title("Is there anything to find?", "A first name, an image, an answer. It is saved with the time.")
    with st.container(key="column", width=560):
        task = questions.choose(DETECTING, key="quick")
        if not questions.is_answered(task):
            questions.say_unanswered(task)
            return
        megabytes = get_settings().max_upload_mb
        with st.form("quick", clear_on_submit=True):
            name = st.text_input("First name", max_chars=200, autocomplete="off")
            file = st.file_uploader(f"Image of a {task.subject}, up to {megabytes} MB", max_upload_size=megabytes)
            intake.say_too_large("quick")
            tried = st.selectbox("Or a synthetic sample", task.samples, index=None, format_func=titled)
            sent = st.form_submit_button("Look and save", type="primary", icon=":material/search:")
        if sent:
            st.session_state.pop(_LAST, None)
            st.session_state.pop(_ASKED, None)
            if not name.strip() or (file is None and tried is None):
                st.warning("Give both a first name and an image.")
            else:
                with failures.told():
                    look(task, name, intake.sample(tried) if file is None else Upload(file.getvalue(), file.name))
        if _ASKED in st.session_state:
            ask(*st.session_state[_ASKED])
        shown = st.session_state.get(_LAST)
        if isinstance(shown, StudyView):
            answer(shown)


def titled(sample: str) -> str:
    """What the sample of that key shows."""
    return phantom(sample).title


def look(task: Task, name: str, upload: Upload) -> None:
    """Answer and save; an image that the check refuses is told and not saved."""
    bench, actor = acting.workbench(), acting.person()
    # Checked before the image is looked at.
    patient = PatientCreate(name=name, identifier="", birth_date=None, sex=Sex.UNKNOWN)
    with st.spinner(f"Looking at the {task.image}"):
        analysis = bench.analyse(actor, upload, task_key=task.key)
    if analysis.prediction is None:
        refused(analysis)
    elif contradictions(analysis.slice.patient, patient):
        st.session_state[_ASKED] = analysis, patient
    else:
        save(analysis, patient)


def ask(analysis: Analysis, patient: PatientCreate) -> None:
    """Whose image it is, where the file's header names somebody else; it is saved once that is answered."""
    sure = confirm([analysis.slice.patient], patient, "quick")
    st.caption("Nothing is saved yet. If it is another patient, fill in the form again.")
    if st.button("Save study", icon=":material/save:", key="quick_confirmed", disabled=not sure):
        del st.session_state[_ASKED]
        with failures.told():
            save(analysis, patient, same_person=True)
        st.rerun()


def save(analysis: Analysis, patient: PatientCreate, *, same_person: bool = False) -> None:
    """Store the study and keep its answer in sight."""
    today = date.today()  # noqa: DTZ011 - the study's day is the local one
    with st.spinner("Saving the study"):
        st.session_state[_LAST] = acting.workbench().save(
            acting.person(), [analysis], Details(patient, today, same_person=same_person)
        )
    st.session_state[_WARNED] = analysis.slice.annotated


def refused(analysis: Analysis) -> None:
    """Why there is no answer."""
    st.header(said.finding(analysis.task, None), anchor=False)
    for reason in analysis.gate.reasons:
        st.markdown(plain(reason))
    st.caption("Nothing was saved.")


def answer(view: StudyView) -> None:
    """What the newest image of this session was answered."""
    task, prediction = get_task(view.task), view.prediction
    if prediction is None:
        return
    if written := st.session_state.get(_WARNED):
        st.warning(f"{plain(written)} This one is saved: delete it if it does.", icon=":material/text_fields:")
    with st.container(key="answer", gap="small"):
        experimental = warn(prediction)
        st.header(said.finding(task, prediction), anchor=False)
        st.markdown(plain(said.confidence(task, prediction, experimental=experimental)))
        charts.confidence_bars(task, prediction, key="quick_bars")
        second(prediction)
        st.caption(f"{plain(view.patient.name)} · saved {moment(view.created)}")
        st.page_link(
            "pages/study.py", label="Open the study", icon=":material/radiology:",
            query_params={"id": str(view.public_id)},
        )  # fmt: skip
        st.page_link("pages/results_board.py", label="Results board", icon=":material/leaderboard:")


frame.run(page)
