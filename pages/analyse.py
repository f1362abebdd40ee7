"""A slice comes in, the answer stands beside it; then the report, and the study is saved."""

from __future__ import annotations

import hashlib

import streamlit as st

from pages.view import acting, answer, details, failures, frame, intake, kept, questions, viewer
from services.errors import FalxError
from services.tasks.task import Task
from services.workflow import Analysis, Upload

SAVED, ASKING = "analyse_saved", "analyse_asking"


def page() -> None:
    upload = intake.current()
    if upload is None:
        frame.title("What does it show?", "Upload one image. The answer is a suggestion for a trained reader.")
        task = questions.choose(acting.answered(), key="analyse")
        if questions.is_answered(task):
            intake.open_zone(task)
        else:
            questions.say_unanswered(task)
        return
    row = frame.title("What does it show?")
    task = questions.choose(acting.answered(), key="analyse")
    if not questions.is_answered(task):
        with row:
            intake.closed_zone(None, task)
        questions.say_unanswered(task)
        return
    digest = hashlib.sha256(upload.data).hexdigest()
    try:
        analysis = look(upload, digest, task)
    except FalxError as error:
        with row:
            intake.closed_zone(None, task)
        failures.show(error)
        choose_frame()
        intake.open_zone(task)
        return
    with row:
        intake.closed_zone(analysis.slice, task)
    with st.container(key="reading"):
        left, right = st.columns([2, 1], gap="medium")
        with left:
            viewer.draw(analysis.task, analysis.slice, analysis.heat, analysis.outline, key=intake.key())
            choose_frame()
            with st.expander("What the file says", icon=":material/description:"):
                viewer.facts(analysis.slice)
        with right:
            answer.draw(
                analysis.task, analysis.prediction, analysis.heat, analysis.gate.reasons, analysis.overrule_reason,
                key=intake.key(), actions=lambda: act(analysis),
            )  # fmt: skip


def look(upload: Upload, digest: str, task: Task) -> Analysis:
    """The analysis, with a word on what takes time."""
    live = acting.workbench().engine.repository.live()
    served = str([live.get(key) for key in (task.key, task.second_opinion)])
    # The decoder's own choice and the slider's first value are the same frame, and one analysis.
    chosen, (first, _) = st.session_state.get(f"frame_{intake.key()}"), frames()
    shown = None if chosen is None or chosen == first else int(chosen) - 1
    reason = st.session_state.get(overruled(task, chosen or first), "")
    loading = acting.start_warm_up().is_alive()
    said = "Loading the model, once after each start of Falx" if loading else f"Looking at the {task.image}"
    actor = acting.person()
    with st.spinner(said, show_time=loading):
        analysis = kept.analysed(actor.user_id, digest, upload.name, shown, reason, task.key, served, actor, upload)
    if shown is None:
        st.session_state[f"frames_{intake.key()}"] = analysis.slice.frame + 1, analysis.slice.frames
    return analysis


def frames() -> tuple[int | None, int]:
    """The frame of the upload that was shown first, counted from 1, and how many there are; None before that."""
    return st.session_state.get(f"frames_{intake.key()}", (None, 1))


def choose_frame() -> None:
    """Below the picture, or below the sentence about a frame that cannot be answered."""
    first, many = frames()
    if many > 1:
        st.slider(f"Frame, of {many}", 1, many, first, key=f"frame_{intake.key()}")


def overruled(task: Task, frame: int | None) -> str:
    """Where the reason is kept for which the task's check of this frame, counted from 1, was overruled."""
    return f"overruled_{task.key}_{intake.key()}_{frame}"


def overrule(task: Task, frame: int) -> None:
    """A doctor may ask the model all the same; the reason is stored with the study."""
    with (
        st.expander("Ask the model all the same", icon=":material/gavel:"),
        st.form(f"overrule_{task.key}_{intake.key()}_{frame}", border=False),
    ):
        why = f"Why this is a {task.image} that the model can judge"
        reason = st.text_input("Reason", max_chars=300, placeholder=why)
        if st.form_submit_button("Overrule the check"):
            if reason.strip():
                st.session_state[overruled(task, frame)] = reason.strip()
                st.rerun()
            st.warning("Give a reason; it is stored with the study.")


def act(analysis: Analysis) -> None:
    """The buttons beside the answer, and the dialog that one of them has opened."""
    key = f"{analysis.task.key}_{intake.key()}_{analysis.slice.frame}_{bool(analysis.overrule_reason)}"
    with st.container(key="actions", horizontal=True):
        st.button("Save study", type="primary", icon=":material/save:", key="save", on_click=ask, args=("save",))
        st.button("Report", icon=":material/picture_as_pdf:", key="report", on_click=ask, args=("report",))
    if analysis.prediction is None:
        overrule(analysis.task, analysis.slice.frame + 1)
    if st.session_state.get(ASKING) == "save":
        save(analysis, key)
    elif st.session_state.get(ASKING) == "report":
        report(analysis, key)


def ask(what: str = "") -> None:
    """Open a dialog; nothing closes it."""
    st.session_state[ASKING] = what


@st.dialog("Save study", on_dismiss=ask)
def save(analysis: Analysis, key: str) -> None:
    """Ask who and when, store the study and go to it; a second press of the button finds the first one's study."""
    acting.check()
    filled = details.ask(analysis.slice, "Save study", "save", key=f"save_{key}")
    if filled is None:
        return
    saved = st.session_state.get(SAVED, {})
    with failures.told():
        if key not in saved:
            with st.spinner("Saving the study"):
                view = acting.workbench().save(acting.person(), analysis, filled.checked())
            st.session_state[SAVED] = saved = {key: str(view.public_id)}
        ask()
        intake.forget()
        st.switch_page("pages/study.py", query_params={"id": saved[key]})


@st.dialog("Report", on_dismiss=ask)
def report(analysis: Analysis, key: str) -> None:
    """Ask who and when, and write a report that is not stored."""
    acting.check()
    filled = details.ask(analysis.slice, "Write report", "picture_as_pdf", key=f"report_{key}")
    if filled is None:
        return
    with failures.told():
        with st.spinner("Writing the report"):
            pdf = acting.workbench().report(acting.person(), analysis, filled.checked())
        st.download_button(
            "Download report", pdf, "falx-report.pdf", "application/pdf", icon=":material/download:", type="primary",
            key="download_report", on_click="ignore",
        )  # fmt: skip
        st.caption("This report is not stored. Save the study to find it again.")


frame.run(page)
