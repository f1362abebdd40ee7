"""What a doctor does with a stored study: review, release, withdraw, ask another model, delete."""

from __future__ import annotations

import streamlit as st

from pages.view import acting, failures, kept, words
from services import followup
from services.inference.prediction import ModelRef
from services.records.removal import delete_study
from services.records.reviews import said_by_the_model, withdraw_release
from services.records.rights import Action, may
from services.records.tables import MOST_IMAGES, Decision, ReasonCreate, ReleaseCreate, ReviewCreate, State
from services.records.views import ImageView, StudyView
from services.reports import words as said
from services.tasks import get_task
from services.tasks.task import INDETERMINATE, OTHER

ASKING, DELETED = "study_asking", "study_deleted"


def draw(view: StudyView, image: ImageView) -> None:
    """The review in force, the release, and the buttons that lead on from there."""
    with st.container(key="review", gap="xsmall"):
        st.subheader("Review", anchor=False)
        review = view.review
        if review is None:
            st.markdown("Nobody has reviewed this study yet.")
        else:
            agrees = review.decision is Decision.AGREE
            st.markdown(f"**{words.plain(said.reviewed(get_task(view.task), review.label, agrees=agrees))}**")
            if review.reason:
                st.markdown(words.plain(review.reason).replace("\n", "  \n"))
            st.caption(f"{words.plain(review.reviewer)}, {words.moment(review.created)}")
        if view.release is not None:
            st.caption(f"Released to the patient on {words.moment(view.release.created)}. They read:")
            st.markdown(words.plain(view.release.note).replace("\n", "  \n"))
        _buttons(view, image)
    _dialog(view, image)


def _buttons(view: StudyView, image: ImageView) -> None:
    actor = acting.person()
    with st.container(key="review_buttons", horizontal=True, vertical_alignment="center"):
        if may(actor, Action.STUDY_REVIEW):
            awaiting = view.state is State.AWAITING
            _button("Review" if awaiting else "Review again", "rate_review", "review", view, first=awaiting)
        if may(actor, Action.STUDY_RELEASE) and view.state is State.REVIEWED:
            _button("Release to the patient", "outgoing_mail", "release", view, first=True)
        if may(actor, Action.STUDY_RELEASE) and view.state is State.RELEASED:
            _button("Change the note", "edit", "release", view)
            _button("Withdraw", "undo", "withdraw", view)
        if may(actor, Action.STUDY_PREDICT) and others(view.task, image):
            _button("Ask another model", "psychology_alt", "ask", view)
        if may(actor, Action.STUDY_EXTEND) and view.state is not State.RELEASED and len(view.images) < MOST_IMAGES:
            st.page_link(
                "pages/analyse.py", label="Add an image", icon=":material/add_photo_alternate:",
                query_params={"study": str(view.public_id)},
            )  # fmt: skip
        if may(actor, Action.STUDY_DELETE):
            _button("Delete", "delete", "delete", view)


def _button(label: str, icon: str, what: str, view: StudyView, *, first: bool = False) -> None:
    st.button(
        label, icon=f":material/{icon}:", key=f"open_{what}", type="primary" if first else "secondary",
        on_click=ask, args=(what, view),
    )  # fmt: skip


def ask(what: str = "", view: StudyView | None = None) -> None:
    """Open a dialog about a study; nothing closes it."""
    st.session_state[ASKING] = what, view.public_id if view else None


def _dialog(view: StudyView, image: ImageView) -> None:
    what, asked = st.session_state.get(ASKING, ("", None))
    dialogs = {"review": _review, "release": _release, "withdraw": _withdraw, "delete": _delete}
    if asked != view.public_id:
        return
    if what in dialogs:
        dialogs[what](view)
    elif what == "ask":
        _ask_again(view, image)


def _done() -> None:
    """Close the dialog and draw the study as it stands now."""
    ask()
    st.rerun()


@st.dialog("Review", on_dismiss=ask)
def _review(view: StudyView) -> None:
    kept.check()
    task, model = get_task(view.task), said_by_the_model(view)
    decision = st.radio(
        "What the model says",
        list(Decision),
        format_func={
            Decision.AGREE: f"Agree: {task.finding_name(model)}", Decision.OVERRIDE: "Override",
        }.__getitem__,
        key="review_decision",
    )  # fmt: skip
    label, overrides = "", decision is Decision.OVERRIDE
    if overrides:
        findings = [key for key in (*task.class_keys, OTHER, INDETERMINATE) if key != model]
        label = st.selectbox(
            "Your finding", findings, format_func=lambda key: task.finding_name(key).capitalize(), key="review_label"
        )
    reason = st.text_area("Reason" if overrides else "Comment, if any", max_chars=2000, height=110, key="review_reason")
    if view.review is not None:
        st.caption("Your review takes the place of the one in force, which is kept and stays visible.")
    if view.state is State.RELEASED:
        st.caption("What was released is withdrawn until you release it again.")
    if st.button("Save review", type="primary", icon=":material/save:", key="save_review"):
        with failures.told():
            with st.spinner("Writing the amended report"):
                given = ReviewCreate(decision=decision, label=label, reason=reason)
                seen = len(view.images)
                followup.review(acting.workbench(), acting.person(), view.public_id, given, seen=seen)
            _done()


@st.dialog("Release to the patient", on_dismiss=ask)
def _release(view: StudyView) -> None:
    kept.check()
    if view.review is None:
        st.markdown("Review the study first.")
        return
    slices = "the slice" if len(view.images) == 1 else f"the {len(view.images)} slices"
    st.markdown(
        f"The patient reads this sentence, your note and {slices} without the heat map. The report can be "
        "downloaded as it stands: with figures, the notes on the study and the reason of an override."
    )
    with st.container(key="lay_finding", border=True):
        st.markdown(f":material/person: {words.plain(get_task(view.task).lay_finding(view.review.label))}")
    note = st.text_area(
        "Your note, in plain words", view.release.note if view.release else "", max_chars=4000, height=160,
        key="release_note", placeholder="What this means for the patient, and what comes next",
    )  # fmt: skip
    if st.button("Release", type="primary", icon=":material/outgoing_mail:", key="save_release"):
        with failures.told():
            with st.spinner("Releasing"):
                given = ReleaseCreate(note=note)
                followup.release(acting.workbench(), acting.person(), view.public_id, given, view.review.created)
            _done()


@st.dialog("Withdraw the release", on_dismiss=ask)
def _withdraw(view: StudyView) -> None:
    kept.check()
    st.markdown("The patient can no longer open this result. What they have downloaded stays with them.")
    reason = st.text_input("Reason", max_chars=500, key="withdraw_reason")
    if st.button("Withdraw", type="primary", icon=":material/undo:", key="save_withdrawal"):
        with failures.told():
            withdraw_release(acting.store(), acting.person(), view.public_id, ReasonCreate(reason=reason))
            _done()


@st.dialog("Ask another model", on_dismiss=ask)
def _ask_again(view: StudyView, image: ImageView) -> None:
    kept.check()
    st.markdown("Its answer is stored beside the first one, which stays the image's own.")
    network = st.selectbox("Model", others(view.task, image), key="ask_network")
    if st.button("Ask", type="primary", icon=":material/psychology_alt:", key="ask_now"):
        with failures.told():
            with st.spinner("Loading the model and looking at the slice", show_time=True):
                followup.ask_again(acting.workbench(), acting.person(), view.public_id, network, image=image.number)
            _done()


@st.dialog("Delete the study", on_dismiss=ask)
def _delete(view: StudyView) -> None:
    kept.check()
    st.markdown(
        "The study leaves every list, also the patient's. It can be restored until an administrator purges what was "
        "deleted long ago; then it is gone for good."
    )
    reason = st.text_input("Reason", max_chars=500, key="delete_reason")
    if st.button("Delete study", type="primary", icon=":material/delete:", key="save_deletion"):
        with failures.told():
            delete_study(acting.store(), acting.person(), view.public_id, ReasonCreate(reason=reason))
            ask()
            st.session_state[DELETED] = str(view.public_id)
            st.switch_page("pages/history.py")


def others(task: str, image: ImageView) -> list[str]:
    """Networks whose live version has not answered this image; none where the check refused it."""
    serving = acting.workbench().engine.repository.live().get(task)
    if image.prediction is None or serving is None:
        return []
    asked = {answer.model for answer in (image.prediction, *image.opinions)}
    return [n for n, version in serving.versions.items() if ModelRef(task, n, version) not in asked]


def opinions(task_key: str, image: ImageView) -> None:
    """The answers of further models to an image, a line each."""
    if not image.opinions:
        return
    task = get_task(task_key)
    st.subheader("Other models", anchor=False)
    for answer in image.opinions:
        model = words.plain(f"{answer.model.network}, version {answer.model.version}")
        name = words.plain(task.class_info(answer.label).name)
        share, verdict = words.percent(answer.confidence), words.VERDICTS[answer.verdict]
        st.markdown(f"{words.dot(task_key, answer.label)} {model}: {name}, {share} :gray[({verdict})]")
