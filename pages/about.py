"""What Falx is, what it cannot do, and the terms of its parts."""

from __future__ import annotations

import streamlit as st

from pages.view import acting, frame
from pages.view.words import plain
from services.errors import FalxError
from services.settings import VERSION
from services.tasks import TASKS
from services.tasks.task import Task


def page() -> None:
    frame.title("What is Falx, and what can it not do?")
    with st.container(key="prose", width=760):
        st.markdown(
            "Falx looks at one slice of a brain MRI and suggests whether it shows a glioma, a meningioma, a pituitary "
            "tumour or none of these. It says how sure the model is, as a calibrated share of right answers, and shows "
            "where the model looked. Reports and studies are kept so that they can be found again."
        )
        st.header("What it is not", anchor=False)
        st.markdown(
            "- It is no medical device and makes no diagnosis. It was made for research and demonstration.\n"
            "- It judges one slice. A tumour in another slice of the same study is not seen.\n"
            "- It knows three kinds of tumour. Metastases, abscesses, bleeding, strokes and everything else are "
            "unknown to it and may be given one of the three names or none.\n"
            "- The heat map shows what the model used. It is no outline of a tumour."
        )
        st.header("What the confidence means", anchor=False)
        st.markdown(
            "Of 100 answers that Falx gives with a confidence of 93%, about 93 are right on images like those it was "
            "tested with. On other scanners and sequences the share may be lower. Below a threshold that was chosen "
            "beforehand the answer is “uncertain: refer”, which is an answer too."
        )
        for task in TASKS.values():
            model_card(task)
        st.header("Terms", anchor=False)
        st.markdown(
            f"Falx {VERSION}. The code is under the MIT licence. The trained weights are for research, not for "
            "commercial use; their terms stand in saved_models/LICENSE.md. The typeface is Inter, under the SIL Open "
            "Font License."
        )


def model_card(task: Task) -> None:
    """The card of the version that answers the task, in its own words."""
    repository = acting.workbench().engine.repository
    if task.key not in repository.live():
        st.header(task.title, anchor=False)
        st.markdown("No model answers this question yet.")
        return
    try:
        card = repository.card(repository.live_ref(task.key))
    except FalxError as error:
        st.warning(str(error))
        return
    st.header(f"{task.title}: {card.network_title}, version {card.version}", anchor=False)
    st.markdown(plain(card.intended_use))
    st.markdown("\n".join(f"- {plain(limit)}" for limit in card.limits))
    train = card.data.counts.get("train", {})
    st.markdown(
        f"It learnt from {sum(train.values()):,} {task.image}s of {card.data.groups.get('train', 0):,} groups and was "
        f"tested on {card.test.images:,} {task.image}s of {card.test.groups:,} others."
    )
    with st.expander(f"{task.title}: sources, weights and libraries", icon=":material/description:"):
        st.markdown("\n".join(f"- {plain(licence)}" for licence in card.data.licences))
        st.markdown(plain(card.terms))
        st.caption(plain(", ".join(f"{name} {version}" for name, version in card.libraries.items())))


frame.run(page)
