"""From which probability on a version calls its positive class, chosen with its effect in sight."""

from __future__ import annotations

import streamlit as st

from pages.view import acting, charts, curves, failures
from pages.view.measured import table
from pages.view.words import percent, plain
from services.errors import FalxError
from services.inference.prediction import ModelRef
from services.inference.repository import ModelRepository
from services.serving import set_detection_threshold
from services.tasks import TASKS


def show(changed: str) -> None:
    """A slider for every version that serves such a task; ``changed`` is where the page keeps what it did."""
    repository = acting.workbench().engine.repository
    live = repository.live()
    serving = [
        ModelRef(task.key, network, version)
        for task in TASKS.values()
        if task.detects and task.key in live
        for network, version in live[task.key].versions.items()
    ]
    if not serving:
        return
    st.header("From which probability on something is detected", anchor=False)
    ref = serving[0]
    if len(serving) > 1:
        ref = st.selectbox("Version that serves", serving, format_func=str, key="threshold_of")
    choose(repository, ref, changed)


@st.fragment
def choose(repository: ModelRepository, ref: ModelRef, changed: str) -> None:
    """The slider, what it comes to on the test images, and the button."""
    acting.check()
    now = repository.threshold(ref)
    figures = repository.evaluation(ref)
    asked = st.slider(
        "Detected from this probability on", 0.01, 0.99, now, 0.005, key=f"threshold_{ref}_{now}", width=420
    )
    known = {part.name: part for part in figures.presence if part.name in figures.cuts}
    at = {name: {share: nearest(cuts, share) for share in (now, asked)} for name, cuts in figures.cuts.items()}
    table(
        {
            "Test images of": [plain(name) for name in known],
            "Sensitivity now": [percent(at[name][now][0]) for name in known],
            "Sensitivity then": [percent(at[name][asked][0]) for name in known],
            "Specificity now": [percent(at[name][now][1]) for name in known],
            "Specificity then": [percent(at[name][asked][1]) for name in known],
        },
        "What the threshold comes to on the test images.",
    )
    with st.container(width=720, key="threshold_chart"):
        lines = []
        for name in list(known)[:1]:
            cuts = figures.cuts[name]
            lines.append(curves.Line("sensitivity", cuts["cut"], cuts["sensitivity"]))
            lines.append(curves.Line("specificity", cuts["cut"], cuts["specificity"], charts.muted()))
        curves.overlay(
            lines, x="Detected from this probability on", y="Share of the test images", mark=asked,
            alt="Sensitivity and specificity by the threshold.", key="threshold_curves",
        )  # fmt: skip
    st.caption(
        "The curves are those of the first line of the table. A lower threshold finds more and alarms more often. A "
        "threshold chosen by test images looks better on them than it will be: have a reason of the clinic's own. The "
        "change is written into the trail and holds for answers from then on; stored ones keep theirs."
    )
    if st.button("Let it hold", type="primary", icon=":material/tune:", disabled=asked == now, key="set_threshold"):
        try:
            set_detection_threshold(acting.store(), acting.person(), repository, ref, asked)
        except FalxError as error:
            failures.show(error)
            return
        st.session_state[changed] = f"{plain(str(ref))} detects from {percent(asked)} on; before, from {percent(now)}."
        st.rerun()


def nearest(cuts: dict[str, list[float]], share: float) -> tuple[float, float]:
    """Sensitivity and specificity at the stored cut that lies nearest."""
    at = min(range(len(cuts["cut"])), key=lambda i: abs(cuts["cut"][i] - share))
    return cuts["sensitivity"][at], cuts["specificity"][at]
