"""What a browser's session keeps of its person's work, so that a control of a page asks for nothing twice.

The caches have the person in their keys, and the sign-in lets go of them when that person leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.view import acting
from services.records.patient_records import get_patient
from services.records.tables import MOST_IMAGES

if TYPE_CHECKING:
    from services.analysis import Analysis, Upload
    from services.records.patient_records import PatientView
    from services.records.rights import Actor
    from services.reopening import Reopened


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


@st.cache_data(scope="session", max_entries=6, ttl="10m", show_spinner=False)
def reopened(user_id: int, public_id: str, number: int | None, _actor: Actor) -> Reopened:
    """An image of a stored study, the leading one for None; a look at it is noted once each time it is opened anew."""
    from services.reopening import reopen

    return reopen(acting.workbench(), _actor, public_id, number)


@st.cache_data(scope="session", max_entries=2, ttl="10m", show_spinner=False)
def side_by_side(user_id: int, one: str, other: str, _actor: Actor) -> tuple[Reopened, Reopened]:
    """Two studies of one patient, the earlier first; looks at them are noted once each time that they are opened."""
    from services import followup

    return followup.side_by_side(acting.workbench(), _actor, one, other)


@st.cache_data(scope="session", max_entries=8, ttl="10m", show_spinner=False)
def patient(user_id: int, public_id: str, _actor: Actor) -> PatientView:
    """A patient's record; a look at it is noted once each time that it is opened anew."""
    return get_patient(acting.store(), _actor, public_id)


def forget_studies() -> None:
    """Let go of the stored studies: one of them has changed."""
    reopened.clear()
    side_by_side.clear()


def forget() -> None:
    """Let go of everything that this session keeps."""
    patient.clear()
    analysed.clear()
    forget_studies()
