"""Which model versions serve, for administrators."""

from __future__ import annotations

import streamlit as st

from pages.view import acting, failures
from pages.view.administration import thresholds
from pages.view.words import DASH, moment, plain
from services.errors import FalxError
from services.inference.live import last_change
from services.inference.prediction import ModelRef
from services.inference.repository import Change, ModelRepository, Serving
from services.serving import promote_model, roll_back_model
from services.tasks import get_task

_CHANGED = "admin_models_changed"
_PROMOTED = "admin_models_promoted"


def show() -> None:
    engine = acting.workbench().engine
    repository = engine.repository
    live = repository.live()
    if said := st.session_state.pop(_CHANGED, ""):
        st.success(said, icon=":material/check:")
    for failure in engine.failures():
        st.error(plain(failure), icon=":material/error:")
    refs = repository.refs()
    if not refs:
        st.markdown("No model is registered. Make one with “python -m training register”.")
        return
    state = []
    for ref in refs:
        serving = live.get(ref.task)
        serves = serving is not None and serving.versions.get(ref.network) == ref.version
        state.append(
            "answers" if serves and serving and serving.default == ref.network else "serves" if serves else "kept"
        )
    cards = [repository.card(ref) for ref in refs]
    st.table(
        {
            "Task": [ref.task for ref in refs],
            "Network": [card.network_title for card in cards],
            "Version": [ref.version for ref in refs],
            "Registered": [moment(card.registered) for card in cards],
            "Test macro-F1": [f"{100 * card.test.macro_f1.value:.1f}%" for card in cards],
            "State": state,
        },
        border="horizontal", hide_index=True, alt="All registered models.",
    )  # fmt: skip
    st.caption("“Answers” is the version that pages use; “serves” can be chosen beside it; “kept” is neither.")
    promotion(repository, {ref: how for ref, how in zip(refs, state, strict=True) if how != "answers"})
    thresholds.show(_CHANGED)
    for task, serving in live.items():
        past(repository, task, serving)


def promotion(repository: ModelRepository, states: dict[ModelRef, str]) -> None:
    if not states:
        return
    refs = list(states)
    # Who comes here has most likely just registered one.
    newest = max(refs, key=lambda ref: (states[ref] == "kept", repository.card(ref).registered))
    st.header("Let another version serve", anchor=False)
    with st.container(key="column", width=560), st.form("promote", border=True):
        ref = st.selectbox("Version", refs, index=refs.index(newest), format_func=str)
        default = st.checkbox("Its network answers by default")
        # A reason is of one promotion: the field is another, and empty, once one was made.
        forced = st.text_input(
            "Only to accept lower figures: the reason, which is kept", max_chars=200,
            key=f"promote_reason_{st.session_state.get(_PROMOTED, 0)}",
        )  # fmt: skip
        asked = st.form_submit_button("Check it and let it serve", type="primary", icon=":material/publish:")
    st.caption(
        "Its files, its self-test and its figures are checked first; if one is not right, nothing changes. Answers "
        "under way are finished by the old version, which goes on until the new one is loaded."
    )
    if asked:
        with st.spinner("Loading the version and asking it its self-test", show_time=True):
            try:
                promote_model(acting.store(), acting.person(), repository, ref, default=default, forced=forced)
            except FalxError as error:
                failures.show(error)
                return
        st.session_state[_CHANGED] = f"{plain(str(ref))} serves."
        st.session_state[_PROMOTED] = st.session_state.get(_PROMOTED, 0) + 1
        st.rerun()


def past(repository: ModelRepository, task: str, serving: Serving) -> None:
    if not serving.history:
        return
    newest_first = serving.history[::-1]
    st.header(f"What changed for {get_task(task).title.lower()}", anchor=False)
    st.table(
        {
            "When": [moment(change.when) for change in newest_first],
            "Began to serve": [f"{change.network} {change.version}" for change in newest_first],
            "In place of": [change.before or DASH for change in newest_first],
            "Forced because": [plain(change.reason) or DASH for change in newest_first],
            "Undone": [moment(change.undone) if change.undone else DASH for change in newest_first],
        },
        border="horizontal", hide_index=True, alt="Promotions, newest first.",
    )  # fmt: skip
    networks = dict.fromkeys(change.network for change in newest_first)
    undoable = [index for network in networks if (index := last_change(serving, network)) is not None]
    with st.container(horizontal=True, key=f"undo_{task}"):
        # Named by the promotion, so that a press on a page that is out of date undoes nothing else.
        pressed = [
            index
            for index in undoable
            if st.button(
                f"Undo {serving.history[index].network} {serving.history[index].version}",
                key=f"undo_{task}_{index}", icon=":material/undo:",
            )
        ]  # fmt: skip
    for index in pressed:
        undo(repository, task, serving.history[index])


def undo(repository: ModelRepository, task: str, change: Change) -> None:
    """Take the newest promotion of its network back."""
    with st.spinner("Loading the earlier version and asking it its self-test", show_time=True):
        try:
            roll_back_model(acting.store(), acting.person(), repository, task, change.network)
        except FalxError as error:
            failures.show(error)
            return
    st.session_state[_CHANGED] = f"{plain(f'{change.network} {change.version}')} is undone."
    st.rerun()
