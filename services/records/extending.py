"""Further images of a stored study."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlmodel import Session

from services.errors import InvalidRecord
from services.inference.leading import leading
from services.records import audit
from services.records.columns import now
from services.records.database import write
from services.records.lookup import noting_refusals, one_study
from services.records.parts import (
    File,
    NewImage,
    add_files,
    add_images,
    check_count,
    of_image,
    stage_files,
    stage_images,
    task_of,
)
from services.records.reviews import supersede
from services.records.rights import Action, Actor, require
from services.records.store import Store
from services.records.tables import WHOLE, State
from services.records.views import REPORT, StudyView, view_of


def extend_study(
    store: Store,
    actor: Actor,
    public_id: uuid.UUID | str,
    task: str,
    images: Sequence[NewImage],
    report: File,
    *,
    seen: int,
    despite: Sequence[str] = (),
) -> StudyView:
    """Add images, answered for ``task``, to a study of it, with the ``report`` that carries all; all of it or nothing.

    ``seen`` is how many images the study had when the report was written. The study awaits a review again, because the
    one in force was made without these images; that is kept, superseded. ``despite`` as in NewStudy. Raises NotAllowed,
    NotFound, Unavailable; InvalidRecord for a released study, for too many images, where others were added meanwhile,
    and where something contradicts itself.
    """
    require(actor, Action.STUDY_EXTEND)
    with noting_refusals(store.engine, actor, Action.STUDY_EXTEND, public_id), store.vault.saving() as batch:
        asked = task_of(task)
        staged, whole = stage_images(batch, asked, images), stage_files(batch, {REPORT: report})

        def work(session: Session) -> StudyView:
            study = one_study(session, actor, Action.STUDY_EXTEND, public_id, locked=True)
            known, moment = view_of(session, study).images, now()
            if study.state is State.RELEASED:
                raise InvalidRecord("The patient reads this study already. Withdraw the release, then add the image.")
            if study.task != asked.key:
                raise InvalidRecord("These images were not analysed for the study's own question. Analyse them again.")
            if len(known) != seen:
                raise InvalidRecord("Another image was added meanwhile. Open the study anew, then add yours.")
            check_count(seen + len(images))
            add_images(session, actor, study, staged, seen + 1, moment)
            add_files(session, study, WHOLE, whole, moment)
            answers = [*(image.prediction for image in known), *(image.prediction for image in images)]
            study.leading_image = 1 + leading(asked, answers)
            supersede(session, study, moment)
            study.state = State.AWAITING
            for number in range(seen + 1, seen + 1 + len(images)):
                audit.record(session, actor, Action.STUDY_EXTEND, f"study {study.public_id}{of_image(number)}")
            if despite:
                what = f"study {study.public_id} despite {', '.join(despite)}"
                audit.record(session, actor, "patient.confirm", what)
            session.flush()
            view = view_of(session, study)
            batch.publish()
            return view

        return write(store.engine, work)
