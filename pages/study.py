"""One stored study, read-only: the picture as it was answered, what happened to it, and its files."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.view import acting, answer, frame, kept, viewer, words
from services.errors import FalxError, NotFound
from services.records.studies import read_file
from services.records.views import HEAT_MAP, OUTLINE, REPORT, UPLOAD, StudyView
from services.tasks import get_task

QUESTION = "What did this study show?"
KINDS = {
    REPORT: ("Report (PDF)", "picture_as_pdf"),
    HEAT_MAP: ("Heat map (PNG)", "local_fire_department"),
    OUTLINE: ("Outline (PNG)", "gesture"),
    UPLOAD: ("Uploaded file", "draft"),
}


def page() -> None:
    public_id, actor = st.query_params.get("id", ""), acting.person()
    try:
        if not public_id:
            raise NotFound("This address names no study. Look for it in the history.")
        with st.spinner("Opening the study"):
            study = kept.reopened(actor.user_id, public_id, actor)
    except FalxError:
        frame.title(QUESTION)
        raise
    view, task = study.view, get_task(study.view.task)
    number = f" · {view.patient.identifier}" if view.patient.identifier else ""
    about = (f"{view.patient.name}{number}", f"study of {words.day(view.study_date)}", view.description)
    frame.title(QUESTION, words.plain(" · ".join(part for part in about if part)))
    with st.container(key="reading"):
        left, right = st.columns([2, 1], gap="medium")
        with left:
            viewer.draw(task, study.slice, study.heat, study.outline, key=public_id)
            who, course = st.columns(2, gap="medium")
            with who:
                patient(view)
            with course:
                events(view)
            with st.expander("What the file says", icon=":material/description:"):
                viewer.facts(study.slice)
        with right:
            answer.draw(
                task, view.prediction, study.heat, view.gate_reasons, view.overrule_reason,
                key=public_id, actions=lambda: downloads(view),
            )  # fmt: skip


def patient(view: StudyView) -> None:
    who = view.patient
    st.subheader("Patient", anchor=False)
    lines = [
        ("Name", who.name), ("Identifier", who.identifier or words.DASH), ("Born", words.day(who.birth_date)),
        ("Sex", who.sex.value),
    ]  # fmt: skip
    st.table(
        {"Field": [name for name, _ in lines], "Value": [words.plain(value) for _, value in lines]},
        border="horizontal", hide_index=True, hide_header=True, alt="The patient's details.",
    )  # fmt: skip
    if view.notes:
        st.subheader("Notes", anchor=False)
        st.markdown(words.plain(view.notes).replace("\n", "  \n"))


def downloads(view: StudyView) -> None:
    with st.container(key="files", horizontal=True):
        for kind, (label, icon) in KINDS.items():
            if kind in view.files:
                file = view.files[kind]
                st.download_button(
                    label,
                    content(view, kind),
                    file.name,
                    file.media_type,
                    icon=f":material/{icon}:",
                    key=f"get_{kind}",
                    on_click="ignore",
                    type="primary" if kind == REPORT else "secondary",
                )


def content(view: StudyView, kind: str) -> Callable[[], bytes]:
    store, actor = acting.store(), acting.person()
    return lambda: read_file(store, actor, view.public_id, kind)


def events(view: StudyView) -> None:
    """The course of events, oldest first."""
    answered = "refused by the check" if view.prediction is None else words.VERDICTS[view.verdict]
    steps = [
        (words.moment(view.created), f"uploaded and saved by {view.reader}"),
        ("", f"the model's verdict was “{answered}”"),
    ]
    if view.overrule_reason:
        steps.insert(1, ("", f"the check overruled: {view.overrule_reason}"))
    if REPORT in view.files:
        steps.append(("", "report written"))
    st.subheader("Course of events", anchor=False)
    with st.container(key="events", gap=None):
        for when, what in steps:
            # A time stays in one piece.
            moment = f":gray[{when.replace(' ', chr(160))}]" if when else ""
            st.markdown(f"{words.plain(what[:1].upper() + what[1:])} {moment}")


frame.run(page)
