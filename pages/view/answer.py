"""The answer in words, its bars, what it rests on and what it does not mean; the same for a new and a stored study."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from pages.view import acting, charts, words
from services.errors import ModelNotFound
from services.inference.prediction import HeatMap, Prediction, Verdict
from services.records.rights import Action, may
from services.reports import words as said
from services.reports.content import ModelEvidence
from services.reports.evidence import evidence_of
from services.tasks import get_task
from services.tasks.task import Task


def draw(
    task: Task,
    prediction: Prediction | None,
    heat: HeatMap | None,
    reasons: Sequence[str],
    overrule_reason: str,
    *,
    key: str,
    actions: Callable[[], None],
) -> None:
    """``prediction`` is None where the check refused, ``reasons`` then say why; ``actions`` draws the buttons."""
    with st.container(key="answer", gap="small"):
        experimental = prediction is not None and warn(prediction)
        st.header(said.finding(task, prediction), anchor=False)
        if prediction is None:
            for reason in reasons:
                st.markdown(words.plain(reason))
            actions()
            return
        if prediction.verdict is Verdict.UNCERTAIN or overrule_reason:
            with st.container(horizontal=True, gap="xsmall"):
                if prediction.verdict is Verdict.UNCERTAIN:
                    st.badge("Uncertain: refer", icon=":material/help:", color="gray")
                if overrule_reason:
                    st.badge("Check overruled", icon=":material/gavel:", color="gray")
        overruled = bool(overrule_reason)
        told = said.confidence(task, prediction, overruled=overruled, experimental=experimental)
        st.markdown(words.plain(told))
        charts.confidence_bars(task, prediction, key=f"bars_{key}")
        second(prediction)
        actions()
        with st.container(key="small", gap="xsmall"):
            if overrule_reason:
                st.subheader("Why the check was overruled", anchor=False)
                st.markdown(f"{words.plain(overrule_reason)} (The check had said: {words.plain(' '.join(reasons))})")
            st.subheader("What the model looked at", anchor=False)
            st.markdown(words.plain(said.looked_at(task, heat)))
            st.subheader("What this does not mean", anchor=False)
            st.markdown("\n".join(f"- {words.plain(caveat)}" for caveat in task.caveats))
            _model(prediction)


def warn(prediction: Prediction) -> bool:
    """Above the answer of a model that may be no better than chance: that it may. Gives whether it may."""
    try:
        experimental = acting.workbench().engine.repository.may_be_chance(prediction.model)
    except ModelNotFound:
        return False
    if experimental:
        st.warning(said.EXPERIMENTAL, icon=":material/science:")
    return experimental


def second(prediction: Prediction) -> None:
    """What the other model says, if one was asked; a disagreement is a warning."""
    if prediction.second is None:
        return
    told = words.plain(said.second_opinion(prediction))
    if prediction.second.agrees:
        st.markdown(f":material/check: {told}")
    else:
        st.warning(told, icon=":material/call_split:")


def _found(evidence: ModelEvidence) -> str:
    """Of a task that detects, how many it found: where few are ill, a share of right answers hides it."""
    task = get_task(evidence.model.task)
    if task.detects is None:
        return ""
    row = evidence.confusion[evidence.classes.index(task.detects.key)]
    found = row[evidence.classes.index(task.detects.key)]
    return f" It finds {found:,} of the {sum(row):,} {task.image}s that show {task.detects.name}."


def _model(prediction: Prediction) -> None:
    st.subheader("Which model", anchor=False)
    try:
        evidence = evidence_of(acting.workbench().engine.repository, prediction)
    except ModelNotFound:
        st.markdown(f"{words.plain(str(prediction.model))}, which is no longer in the model repository.")
        return
    accuracy = evidence.accuracy
    within = f" ({100 * accuracy.low:.1f}–{100 * accuracy.high:.1f})" if accuracy.low and accuracy.high else ""
    st.markdown(
        f"{evidence.title}, version {prediction.model.version}. Tested on {words.plain(evidence.tested_on)} "
        f"There {100 * accuracy.value:.1f}%{within} of its answers are right.{_found(evidence)}"
    )
    if evidence.over_folds:
        st.markdown(words.plain(evidence.over_folds))
    if may(acting.person(), Action.METRICS_VIEW):
        st.page_link("pages/compare.py", label="How far can I trust it?", icon=":material/monitoring:")
