"""What a browser's session keeps of its person's work, so that a control of a page asks no model and no file twice.

Only what is expensive and never changes is kept, with the person in the key; the sign-in lets go of it when that person
leaves. The records are asked at every run: who may see a study, and what is said of it, changes while it is open.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from pages.view import acting
from services.errors import FalxError
from services.records.columns import now
from services.records.patient_records import get_patient
from services.records.studies import get_study
from services.records.tables import MOST_IMAGES
from services.records.views import HEAT_MAP, OUTLINE, UPLOAD

if TYPE_CHECKING:
    from services.analysis import Analysis, Upload
    from services.imaging.slice import Slice
    from services.inference.prediction import HeatMap, Outline
    from services.records.patient_records import PatientView
    from services.records.rights import Actor
    from services.records.views import ImageView, StudyView
    from services.reopening import Reopened

    View = TypeVar("View", StudyView, PatientView)

# A look at what stays open is noted again after so long.
NOTED_FOR = timedelta(minutes=5)
# What this run has opened and what the run before it had: the function and the address, and when the look was noted.
_OPEN, _BEFORE = "falx_open", "falx_open_before"


@st.cache_data(scope="session", max_entries=MOST_IMAGES, ttl="1h", show_spinner=False)
def analysed(
    user_id: int,
    digest: str,
    name: str,
    shown: int | None,
    reason: str,
    task_key: str,
    served: str,
    _actor: Actor,
    _upload: Upload,
) -> Analysis:
    """The analysis of this session's upload; where other models or thresholds ``served``, it is made anew."""
    return acting.workbench().analyse(_actor, _upload, task_key=task_key, frame=shown, overrule_reason=reason)


def begin() -> None:
    """The first line of every run of a page: nothing is open yet, and what the last run left is opened anew later."""
    st.session_state[_BEFORE] = st.session_state.pop(_OPEN, {})


def study(public_id: str) -> StudyView:
    """A stored study as it stands now; a look is noted when the page is opened. Raises NotAllowed, NotFound."""
    return _looked(get_study, public_id)


def patient(public_id: str) -> PatientView:
    """A patient's record likewise. Raises NotAllowed, NotFound."""
    return _looked(get_patient, public_id)


def _looked(look: Callable[..., View], public_id: str) -> View:
    opened: dict[tuple[Callable[..., object], str], datetime] = st.session_state.setdefault(_OPEN, {})
    noted = opened.get((look, public_id)) or st.session_state.get(_BEFORE, {}).get((look, public_id))
    again = noted is not None and now() - noted < NOTED_FOR
    view = look(acting.store(), acting.person(), public_id, again=again)
    opened[look, public_id] = noted if again and noted else now()
    return view


def check() -> None:
    """``acting.check``, and whether what the page has open is still this person's; otherwise all is drawn anew."""
    acting.check()
    try:
        for look, public_id in st.session_state.get(_OPEN, {}):
            look(acting.store(), acting.person(), public_id, again=True)
    except FalxError:
        st.rerun()


def reopened(view: StudyView, image: ImageView) -> Reopened:
    """An image of a study that was just looked at, with its pictures."""
    from services.reopening import Reopened

    actor = acting.person()
    content = [image.files[kind].sha256 for kind in (UPLOAD, HEAT_MAP, OUTLINE) if kind in image.files]
    key = (str(view.public_id), image.number, image.frame, *content)
    return Reopened(view, image, *_pictures(actor.user_id, key, actor, view, image))


@st.cache_data(scope="session", max_entries=6, ttl="1h", show_spinner=False)
def _pictures(
    user_id: int, content: tuple[str | int, ...], _actor: Actor, _view: StudyView, _image: ImageView
) -> tuple[Slice, HeatMap | None, Outline | None]:
    from services import reopening

    return reopening.pictures(acting.workbench(), _actor, _view, _image)


def side_by_side(one: str, other: str) -> tuple[Reopened, Reopened]:
    """Two studies of one patient, the earlier first. Raises FalxError with a sentence."""
    from services import followup

    first, second = followup.side_by_side(study(one), study(other))
    return reopened(first, first.lead), reopened(second, second.lead)


def forget() -> None:
    """Let go of everything that this session keeps."""
    for key in (_OPEN, _BEFORE):
        st.session_state.pop(key, None)
    analysed.clear()
    _pictures.clear()
