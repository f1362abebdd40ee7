"""Studies as rows that fill the width, each a link to its study; on a phone each row is a card."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from pages.view import acting
from pages.view.words import VERDICTS, class_name, day, dot, moment, percent, plain
from services.inference.prediction import Verdict
from services.records.history import StudySummary
from services.records.studies import read_file
from services.records.views import REPORT

_WIDTHS = (3.2, 3.4, 2.2, 2.2, 0.9)
_HEADS = ("Patient", "Answer", "Study date", "Saved", "Report")


def draw(studies: Sequence[StudySummary], *, key: str) -> None:
    """A heading and a row a study."""
    with st.container(key=f"rows_{key}", gap=None):
        with st.container(key=f"rowhead_{key}"):
            for column, head in zip(st.columns(_WIDTHS), _HEADS, strict=True):
                column.caption(head)
        for study in studies:
            with st.container(key=f"row_{key}_{study.public_id.hex}"):
                _row(study, key)


def _row(study: StudySummary, key: str) -> None:
    patient, answer, taken, saved, report = st.columns(_WIDTHS, vertical_alignment="center")
    address = {"id": str(study.public_id)}
    number = f" · {study.patient_identifier}" if study.patient_identifier else ""
    patient.page_link("pages/study.py", label=plain(f"{study.patient_name}{number}"), query_params=address)
    if study.label is None or study.confidence is None:
        answer.markdown(f"{dot(study.task, None)} refused by the check")
    elif study.verdict is Verdict.UNCERTAIN:
        name = class_name(study.task, study.label)
        answer.markdown(f":gray[○] {VERDICTS[study.verdict]} :gray[({name} {percent(study.confidence)})]")
    else:
        name = class_name(study.task, study.label)
        answer.markdown(f"{dot(study.task, study.label)} {name} :gray[{percent(study.confidence)}]")
    taken.markdown(day(study.study_date))
    saved.markdown(moment(study.created))
    report.download_button(
        "PDF", _report(study), f"falx-{study.study_date:%Y%m%d}-{str(study.public_id)[:8]}.pdf", "application/pdf",
        key=f"pdf_{key}_{study.public_id.hex}", type="tertiary", icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def _report(study: StudySummary) -> Callable[[], bytes]:
    store, actor = acting.store(), acting.person()
    return lambda: read_file(store, actor, study.public_id, REPORT)


def none_yet(icon: str, sentence: str) -> None:
    """What stands where a list would be empty."""
    with st.container(key=f"empty_{icon}", border=True, horizontal_alignment="center"):
        st.markdown(f":material/{icon}: {sentence}", text_alignment="center")
