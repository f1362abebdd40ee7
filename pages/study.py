"""One stored study: its pictures as they were answered, its review, what happened to it, and its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import streamlit as st

from pages.view import acting, answer, frame, kept, reviewing, several, viewer, words
from services.errors import FalxError, NotFound
from services.records.studies import read_file
from services.records.tables import Decision
from services.records.views import HEAT_MAP, OUTLINE, REPORT, UPLOAD, ImageView, StudyView
from services.tasks import get_task
from services.tasks.task import Task

QUESTION = "What did this study show?"
KINDS = {
    REPORT: ("Report (PDF)", "picture_as_pdf"),
    HEAT_MAP: ("Heat map (PNG)", "local_fire_department"),
    OUTLINE: ("Outline (PNG)", "gesture"),
    UPLOAD: ("Uploaded file", "draft"),
}


def page() -> None:
    public_id = st.query_params.get("id", "")
    try:
        if not public_id:
            raise NotFound("This address names no study. Look for it in the history.")
        with st.spinner("Opening the study"):
            view = kept.study(public_id)
    except FalxError:
        frame.title(QUESTION)
        raise
    number = f" · {view.patient.identifier}" if view.patient.identifier else ""
    about = (f"{view.patient.name}{number}", f"study of {words.day(view.study_date)}", view.description)
    frame.title(QUESTION, words.plain(" · ".join(part for part in about if part)))
    draw(view, get_task(view.task))


def draw(view: StudyView, task: Task) -> None:
    """One of the study's images with its answer, what is common to all of them, and the ways to the others."""
    names = [several.name(task, image.prediction) for image in view.images]
    lead = view.images.index(view.lead)
    # With another image another one may lead, and is shown first again.
    image = view.images[several.choose(names, lead, key=f"{view.public_id}_{len(names)}")]
    with st.spinner("Opening the image"):
        opened = kept.reopened(view, image)
    key = f"{view.public_id}_{image.number}"
    with st.container(key="reading"):
        left, right = st.columns([2, 1], gap="medium")
        with left:
            viewer.draw(task, opened.slice, opened.heat, opened.outline, key=key)
            who, course = st.columns(2, gap="medium")
            with who:
                patient(view)
            with course:
                events(view)
            with st.expander("What the file says", icon=":material/description:"):
                viewer.facts(opened.slice)
        with right:
            answer.draw(
                task, image.prediction, opened.heat, image.gate_reasons, image.overrule_reason,
                key=key, actions=lambda: act(view, image),
            )  # fmt: skip


def act(view: StudyView, image: ImageView) -> None:
    """What stands between the answer and its caveats: the files, the review, other models."""
    downloads(view, image)
    reviewing.draw(view, image)
    reviewing.opinions(view.task, image)


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


def downloads(view: StudyView, image: ImageView) -> None:
    """The report in force, and the files of the image that is shown."""
    files = {**image.files, **{report.kind: report for report in view.reports}}
    with st.container(key="files", horizontal=True):
        for kind, (label, icon) in KINDS.items():
            if kind in files:
                st.download_button(
                    label,
                    content(view, kind, image),
                    files[kind].name,
                    files[kind].media_type,
                    icon=f":material/{icon}:",
                    key=f"get_{kind}",
                    on_click="ignore",
                    type="primary" if kind == REPORT else "secondary",
                )


def content(view: StudyView, kind: str, image: ImageView) -> Callable[[], bytes]:
    store, actor = acting.store(), acting.person()
    return lambda: read_file(store, actor, view.public_id, kind, image=image.number)


def events(view: StudyView) -> None:
    """The course of events, oldest first."""
    steps = [(words.moment(view.created), f"uploaded and saved by {view.reader}")]
    many = len(view.images) > 1
    for image in view.images:
        # What was added later stands at its own time.
        if image.created == view.created:
            steps += [("", what) for what in judged(image, f" of image {image.number}" if many else "")]
    if REPORT in view.files:
        steps.append(("", "report written"))
    steps += [(words.moment(when), what) for when, what in sorted(later(view), key=lambda step: step[0])]
    st.subheader("Course of events", anchor=False)
    with st.container(key="events", gap=None):
        for when, what in steps:
            # A time stays in one piece.
            moment = f":gray[{when.replace(' ', chr(160))}]" if when else ""
            st.markdown(f"{words.plain(what[:1].upper() + what[1:])} {moment}")
    earlier = view.reports[:-1]
    if earlier:
        with st.expander("Earlier reports", icon=":material/history:"):
            for report in earlier:
                st.download_button(
                    f"Report of {words.moment(report.created)}",
                    old_report(view, report.version),
                    report.name,
                    report.media_type,
                    key=f"get_report_{report.version}",
                    on_click="ignore",
                    type="tertiary",
                )


def judged(image: ImageView, of: str) -> Iterator[str]:
    """What the check and the model said of an image, named by ``of``."""
    if image.overrule_reason:
        yield f"the check{of} overruled: {image.overrule_reason}"
    answered = "refused by the check" if image.prediction is None else words.VERDICTS[image.verdict]
    yield f"the model's verdict{of} was “{answered}”"


def later(view: StudyView) -> Iterator[tuple[datetime, str]]:
    """What happened to the study after it was saved, with the moment of each."""
    for image in view.images:
        if image.created != view.created:
            yield image.created, f"image {image.number} added by {image.added_by}; report amended"
            for what in judged(image, f" of image {image.number}"):
                yield image.created, what
    for n, review in enumerate(view.reviews):
        done = "agreed with the model" if review.decision is Decision.AGREE else "overrode the model"
        found = words.class_name(view.task, review.label)
        kept_word = "replaced since" if review.superseded else "in force"
        yield review.created, f"review {n + 1} by {review.reviewer}: {done} ({found}; {kept_word}); report amended"
    for release in view.releases:
        yield release.created, f"released to the patient by {release.released_by}"
        if release.withdrawn:
            yield release.withdrawn, f"release withdrawn: {release.withdrawal_reason}"


def old_report(view: StudyView, version: int) -> Callable[[], bytes]:
    store, actor = acting.store(), acting.person()
    return lambda: read_file(store, actor, view.public_id, REPORT, version)


frame.run(page)
