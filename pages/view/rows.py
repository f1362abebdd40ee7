"""Studies as rows that fill the width, each a link to its study; on a phone each row is a card."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.view import acting
from pages.view.words import STATES, VERDICTS, class_name, day, dot, moment, percent, plain, spoken
from services.errors import InferenceError
from services.inference.prediction import ModelRef, Verdict
from services.records.exports import report_name
from services.records.history import StudySummary
from services.records.studies import read_file
from services.records.tables import Decision, State
from services.records.views import REPORT

_WIDTHS = (3.0, 3.0, 2.2, 1.7, 2.1, 0.9)
_HEADS = ("Patient", "Answer", "Review", "Study date", "Saved", "Report")
_TICK = 0.9
log = logging.getLogger(__name__)


def draw(studies: Sequence[StudySummary], *, key: str, ticks: bool = False) -> list[StudySummary]:
    """A heading and a row a study; with ``ticks`` a box in each, and those that are ticked come back."""
    doubtful = _may_be_chance(studies)
    widths, heads = (*_WIDTHS, *([_TICK] * ticks)), (*_HEADS, *(["Compare"] * ticks))
    ticked = []
    with st.container(key=f"rows_{key}", gap=None):
        with st.container(key=f"rowhead_{key}"):
            for column, head in zip(st.columns(widths), heads, strict=True):
                column.caption(head)
        for study in studies:
            with st.container(key=f"row_{key}_{study.public_id.hex}"):
                columns = st.columns(widths, vertical_alignment="center")
                _row(study, key, columns, experimental=(study.task, study.model) in doubtful)
                if ticks and columns[-1].checkbox(
                    f"Compare the study of {spoken(study.patient_name)}, {day(study.study_date)}",
                    key=f"tick_{study.public_id.hex}", label_visibility="collapsed",
                ):  # fmt: skip
                    ticked.append(study)
    return ticked


def _may_be_chance(studies: Sequence[StudySummary]) -> set[tuple[str, str | None]]:
    """Which of the models that answered, by task and name, may be no better than chance."""
    found = set[tuple[str, str | None]]()
    for task, model in {(study.task, study.model) for study in studies if study.model is not None}:
        try:
            if acting.workbench().engine.repository.may_be_chance(ModelRef(task, *model.split("/"))):
                found.add((task, model))
        except InferenceError as error:
            # A version that is gone, or does not read, says nothing of its figures; the study's page says so.
            log.warning("Whether %s/%s may be no better than chance is not known: %s", task, model, error)
    return found


def _row(study: StudySummary, key: str, columns: Sequence[DeltaGenerator], *, experimental: bool) -> None:
    patient, answer, review, taken, saved, report = columns[: len(_WIDTHS)]
    address = {"id": str(study.public_id)}
    number = f" · {study.patient_identifier}" if study.patient_identifier else ""
    patient.page_link("pages/study.py", label=plain(f"{study.patient_name}{number}"), query_params=address)
    which = f" :gray[image {study.leading} of {len(study.images)}]" if len(study.images) > 1 else ""
    if experimental:
        which += " :gray[· :material/science: experimental]"
    if study.label is None or study.confidence is None:
        answer.markdown(f"{dot(study.task, None)} refused by the check{which}")
    elif study.verdict is Verdict.UNCERTAIN:
        name = class_name(study.task, study.label)
        answer.markdown(f":gray[○] {VERDICTS[study.verdict]} :gray[({name} {percent(study.confidence)})]{which}")
    else:
        name = class_name(study.task, study.label)
        answer.markdown(f"{dot(study.task, study.label)} {name} :gray[{percent(study.confidence)}]{which}")
    review.markdown(_review(study))
    taken.markdown(day(study.study_date))
    saved.markdown(moment(study.created))
    report.download_button(
        "PDF", _report(study), report_name(study), "application/pdf",
        key=f"pdf_{key}_{study.public_id.hex}", type="tertiary", icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def _review(study: StudySummary) -> str:
    """How far the review has come, and where it differs from the model."""
    if study.decision is Decision.OVERRIDE and study.reviewed is not None:
        return f"{STATES[study.state]}: {class_name(study.task, study.reviewed)}"
    return f":gray[{STATES[study.state]}]" if study.state is State.AWAITING else STATES[study.state]


def _report(study: StudySummary) -> Callable[[], bytes]:
    store, actor = acting.store(), acting.person()
    return lambda: read_file(store, actor, study.public_id, REPORT)


def none_yet(icon: str, sentence: str) -> None:
    """What stands where a list would be empty."""
    with st.container(key=f"empty_{icon}", border=True, horizontal_alignment="center"):
        st.markdown(f":material/{icon}: {sentence}", text_alignment="center")
