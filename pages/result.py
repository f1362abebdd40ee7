"""One released result, for its patient: the finding in plain words, the doctor's note, picture and report."""

from __future__ import annotations

import streamlit as st

from pages.view import acting, frame, words
from services.errors import FalxError, NotFound
from services.records.results import Result, get_result
from services.records.studies import read_file
from services.records.views import PICTURE, REPORT
from services.tasks import get_task

QUESTION = "What did my doctor find?"


def page() -> None:
    try:
        if not st.query_params.get("id"):
            raise NotFound("This address names no result. Look for it on the first page.")
        result = get_result(acting.store(), acting.person(), st.query_params["id"])
    except FalxError:
        frame.title(QUESTION)
        raise
    frame.title(QUESTION, f"Picture of {words.day(result.study_date)}")
    with st.container(key="result"):
        st.header(words.plain(get_task(result.task).lay_finding(result.label)), anchor=False)
        st.subheader("Your doctor's note", anchor=False)
        st.markdown(words.plain(result.note).replace("\n", "  \n"))
        st.caption(f"{words.plain(result.doctor)}, {words.moment(result.released)}")
        files(result)
        st.subheader("How this was found", anchor=False)
        st.markdown(
            "A computer program looked at the picture first and made a suggestion. Then your doctor looked at it; the "
            "sentence above is what your doctor found, not what the program says. One picture is never the whole "
            "story. Ask your doctor whatever you would like to know."
        )


def files(result: Result) -> None:
    """The slices as they were released, and the report."""
    store, actor = acting.store(), acting.person()
    many = len(result.images)
    for place, number in enumerate(result.images, start=1):
        picture = read_file(store, actor, result.public_id, PICTURE, image=number)
        which = f" ({place} of {many})" if many > 1 else ""
        said = f"The picture{which} that your doctor read"
        st.image(picture, caption=said, width="stretch", alt=f"The slice of your head{which}.")
    st.download_button(
        "Download the report (PDF)", lambda: read_file(store, actor, result.public_id, REPORT),
        f"falx-{result.study_date:%Y%m%d}.pdf", "application/pdf", icon=":material/picture_as_pdf:", type="primary",
        key="get_report", on_click="ignore",
    )  # fmt: skip
    st.caption("The report is written for doctors; it holds figures and terms that this page leaves out.")


frame.run(page)
