"""Slices come in, the answers stand beside them; then the report, and the study is saved or gets further images."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.view import acting, answer, details, failures, frame, intake, kept, questions, several, viewer, words
from pages.view.intake import Taken
from services import followup
from services.analysis import Analysis
from services.errors import FalxError
from services.inference.leading import leading
from services.records.tables import MOST_IMAGES
from services.records.views import StudyView
from services.tasks import get_task
from services.tasks.task import Task

QUESTION = "What does it show?"
SAVED, ASKING = "analyse_saved", "analyse_asking"


@dataclass(frozen=True, eq=False)
class Seen:
    """An image at hand and what became of it."""

    taken: Taken
    found: Analysis | FalxError


def page() -> None:
    study = stored()
    intake.meant_for(str(study.public_id) if study else "", MOST_IMAGES - (len(study.images) if study else 0))
    note = "Upload one image, or several of one study. Each answer is a suggestion for a trained reader."
    if study is not None:
        note = words.plain(f"Further images for {study.patient.name}, study of {words.day(study.study_date)}.")
    row = frame.title(QUESTION, note if study is not None or not intake.taken() else "")
    task = get_task(study.task) if study else questions.choose(acting.answered(), key="analyse")
    if not questions.is_answered(task):
        if intake.taken():
            with row:
                intake.closed_zone(intake.taken()[0], None, task)
        questions.say_unanswered(task)
        return
    if not intake.taken():
        intake.open_zone(task)
        return
    intake.say_left_out()
    images = [look(taken, task) for taken in intake.taken()]
    draw(row, task, images, study)


def stored() -> StudyView | None:
    """The stored study that the address names for further images."""
    public_id = st.query_params.get("study", "")
    return kept.study(public_id) if public_id else None


def look(taken: Taken, task: Task) -> Seen:
    """The analysis, with a word on what takes time, or what is wrong with the file."""
    live = acting.workbench().engine.repository.live()
    served = str([live.get(key) for key in (task.key, task.second_opinion)])
    # The decoder's own choice and the slider's first value are the same frame, and one analysis.
    chosen, (first, _) = st.session_state.get(f"chosen_{taken.key}"), frames(taken)
    shown = taken.frame if chosen is None or chosen == first else int(chosen) - 1
    reason = st.session_state.get(overruled(task, taken, chosen or first), "")
    loading = acting.start_warm_up().is_alive()
    said = "Loading the model, once after each start of Falx" if loading else f"Looking at the {task.image}"
    actor, upload, digest = acting.person(), taken.upload, hashlib.sha256(taken.upload.data).hexdigest()
    try:
        with st.spinner(said, show_time=loading):
            analysis = kept.analysed(actor.user_id, digest, upload.name, shown, reason, task.key, served, actor, upload)
    except FalxError as error:
        return Seen(taken, error)
    st.session_state.setdefault(f"frames_{taken.key}", (analysis.slice.frame + 1, analysis.slice.frames))
    return Seen(taken, analysis)


def draw(row: DeltaGenerator, task: Task, images: Sequence[Seen], study: StudyView | None) -> None:
    """One of the images with its answer, and the ways to the others."""
    names = [
        "not readable" if isinstance(seen.found, FalxError) else several.name(task, seen.found.prediction)
        for seen in images
    ]
    # What leads a stored study is not for the new images alone to say.
    first, lead = (1, leading_one(task, images)) if study is None else (len(study.images) + 1, None)
    shown = images[several.choose(names, lead, first=first, key=intake.key())]
    taken, analysis = shown.taken, shown.found
    with row:
        intake.closed_zone(taken, None if isinstance(analysis, FalxError) else analysis.slice, task)
    if isinstance(analysis, FalxError):
        failures.show(analysis)
        choose_frame(taken)
        if len(images) > 1:
            leave_out(taken)
        else:
            intake.open_zone(task)
        return
    with st.container(key="reading"):
        left, right = st.columns([2, 1], gap="medium")
        with left:
            viewer.draw(task, analysis.slice, analysis.heat, analysis.outline, key=taken.key)
            choose_frame(taken)
            with st.expander("What the file says", icon=":material/description:"):
                viewer.facts(analysis.slice)
        with right:
            answer.draw(
                task, analysis.prediction, analysis.heat, analysis.gate.reasons, analysis.overrule_reason,
                key=taken.key, actions=lambda: act(task, shown.taken, analysis, images, study),
            )  # fmt: skip


def leading_one(task: Task, images: Sequence[Seen]) -> int | None:
    """The index of the image that would lead the study, None while one of them is not read."""
    answers = [seen.found.prediction for seen in images if isinstance(seen.found, Analysis)]
    return leading(task, answers) if len(answers) == len(images) else None


def frames(taken: Taken) -> tuple[int | None, int]:
    """The frame of the file that was shown first, counted from 1, and how many there are; None before that."""
    return st.session_state.get(f"frames_{taken.key}", (None, 1))


def choose_frame(taken: Taken) -> None:
    """Below the picture, or below the sentence about a frame that cannot be answered."""
    first, many = frames(taken)
    if many < 2:
        return
    widget, chosen = f"frame_{taken.key}", f"chosen_{taken.key}"

    def choose() -> None:
        # Streamlit lets go of a slider's value while another image is shown.
        st.session_state[chosen] = st.session_state[widget]

    st.session_state.setdefault(widget, st.session_state.get(chosen, first))
    at = st.slider(f"Frame, of {many}", 1, many, key=widget, on_change=choose)
    st.button(
        "Add another frame", icon=":material/add_photo_alternate:", type="tertiary", key="another_frame",
        on_click=intake.another_frame, args=(taken, at % many),
    )  # fmt: skip


def leave_out(taken: Taken) -> None:
    st.button(
        "Leave this image out", icon=":material/close:", type="tertiary", key="leave_out", on_click=intake.leave_out,
        args=(taken,),
    )  # fmt: skip


def overruled(task: Task, taken: Taken, at: int | None) -> str:
    """Where the reason is kept for which the task's check of this frame, counted from 1, was overruled."""
    return f"overruled_{task.key}_{taken.key}_{at}"


def overrule(task: Task, taken: Taken, at: int) -> None:
    """A doctor may ask the model all the same; the reason is stored with the study."""
    where = overruled(task, taken, at)
    with (
        st.expander("Ask the model all the same", icon=":material/gavel:"),
        st.form(f"form_{where}", border=False),
    ):
        why = f"Why this is a {task.image} that the model can judge"
        reason = st.text_input("Reason", max_chars=300, placeholder=why)
        if st.form_submit_button("Overrule the check"):
            if reason.strip():
                st.session_state[where] = reason.strip()
                st.rerun()
            st.warning("Give a reason; it is stored with the study.")


def act(task: Task, taken: Taken, analysis: Analysis, images: Sequence[Seen], study: StudyView | None) -> None:
    """The buttons beside the answer, and the dialog that one of them has opened."""
    read = [(seen.taken.key, seen.found) for seen in images if isinstance(seen.found, Analysis)]
    analyses, unread = [each for _, each in read], len(images) - len(read)
    parts = (f"{key}_{each.slice.frame}_{bool(each.overrule_reason)}" for key, each in read)
    key = "_".join([task.key, *parts])
    why = "Leave out the images that cannot be read first." if unread else None
    with st.container(key="actions", horizontal=True):
        refused = analysis.prediction is None
        # Of several, the refused one is left out and the others stay.
        if refused and len(images) == 1:
            st.button(
                f"Another {task.image}", type="primary", icon=":material/upload_file:", key="instead",
                on_click=intake.forget,
            )  # fmt: skip
        label = "Save study" if study is None else "Add to the study"
        st.button(
            label, type="secondary" if refused else "primary", icon=":material/save:", key="save", on_click=ask,
            args=("save",), disabled=unread > 0, help=why,
        )  # fmt: skip
        if study is None:
            st.button(
                "Report", icon=":material/picture_as_pdf:", key="report", on_click=ask, args=("report",),
                disabled=unread > 0, help=why,
            )  # fmt: skip
        st.button("Add image", icon=":material/add_photo_alternate:", key="add", on_click=ask, args=("add",))
        if len(images) > 1:
            leave_out(taken)
    if refused:
        overrule(task, taken, analysis.slice.frame + 1)
    asking = st.session_state.get(ASKING)
    if asking == "add":
        add(task, intake.key())
    elif asking == "save" and study is not None and not unread:
        extend(analyses, study, key)
    elif asking == "save" and not unread:
        save(analyses, key)
    elif asking == "report" and not unread:
        report(analyses, key)


def ask(what: str = "") -> None:
    """Open a dialog; nothing closes it."""
    st.session_state[ASKING] = what


@st.dialog("Add images to the study", on_dismiss=ask)
def add(task: Task, before: str) -> None:
    """Take further images of the same patient's same study."""
    kept.check()
    if intake.key() != before:
        ask()
        st.rerun()
    intake.adding_zone(task)


@st.dialog("Save study", on_dismiss=ask)
def save(analyses: Sequence[Analysis], key: str) -> None:
    """Ask who and when, store the study and go to it; a second press of the button finds the first one's study."""
    kept.check()
    filled = details.ask([analysis.slice for analysis in analyses], "Save study", "save", key=f"save_{key}")
    if filled is None:
        return
    saved = st.session_state.get(SAVED, {})
    with failures.told():
        if key not in saved:
            with st.spinner("Saving the study"):
                view = acting.workbench().save(acting.person(), analyses, filled.checked())
            st.session_state[SAVED] = saved = {key: str(view.public_id)}
        leave_for(saved[key])


@st.dialog("Add to the study", on_dismiss=ask)
def extend(analyses: Sequence[Analysis], study: StudyView, key: str) -> None:
    """Say whose study it is, store the images in it and go to it."""
    kept.check()
    who = study.patient
    number = f" ({who.identifier})" if who.identifier else ""
    st.markdown(words.plain(f"{who.name}{number}, study of {words.day(study.study_date)}."))
    if study.review is not None:
        st.caption("The review was made without these images. It is kept, and the study awaits another.")
    same = details.confirm([analysis.slice.patient for analysis in analyses], who, key)
    if st.button("Add to the study", type="primary", icon=":material/save:", key=f"send_{key}"):
        with failures.told():
            with st.spinner("Saving the images"):
                bench, actor = acting.workbench(), acting.person()
                followup.add_images(bench, actor, study.public_id, analyses, same_person=same)
            leave_for(str(study.public_id))


def leave_for(public_id: str) -> None:
    """Put the images away and open the study that holds them now."""
    ask()
    intake.forget()
    st.switch_page("pages/study.py", query_params={"id": public_id})


@st.dialog("Report", on_dismiss=ask)
def report(analyses: Sequence[Analysis], key: str) -> None:
    """Ask who and when, and write a report that is not stored."""
    kept.check()
    slices = [analysis.slice for analysis in analyses]
    filled = details.ask(slices, "Write report", "picture_as_pdf", key=f"report_{key}")
    if filled is None:
        return
    with failures.told():
        with st.spinner("Writing the report"):
            pdf = acting.workbench().report(acting.person(), analyses, filled.checked())
        st.download_button(
            "Download report", pdf, "falx-report.pdf", "application/pdf", icon=":material/download:", type="primary",
            key="download_report", on_click="ignore",
        )  # fmt: skip
        st.caption("This report is not stored. Save the study to find it again.")


frame.run(page)
