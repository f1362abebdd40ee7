"""The answers of further models to the images of a stored study, beside their own."""

from __future__ import annotations

import uuid

from sqlmodel import Session

from services.errors import InvalidRecord
from services.inference.prediction import Prediction
from services.records import audit
from services.records.database import key_of, write
from services.records.lookup import noting_refusals, one_study
from services.records.parts import of_image, to_be_stored
from services.records.rights import Action, Actor, require
from services.records.store import Store
from services.records.tables import PredictionRow
from services.records.views import StudyView, view_of
from services.tasks import get_task


def save_opinion(
    store: Store, actor: Actor, public_id: uuid.UUID | str, answer: Prediction, *, image: int | None = None
) -> StudyView:
    """Store another model's answer to an image, the leading one without a number, after those that are there.

    Raises NotAllowed, NotFound, InvalidRecord.
    """
    require(actor, Action.STUDY_PREDICT)
    row = to_be_stored(answer, "", "")

    def work(session: Session) -> StudyView:
        study = one_study(session, actor, Action.STUDY_PREDICT, public_id, locked=True)
        if (answer.model.task, answer.classes) != (study.task, get_task(study.task).class_keys):
            raise InvalidRecord(f"The answer of {answer.model} is not one to the task “{study.task}”: ask again.")
        known = view_of(session, study).image(image)
        if known.prediction is None:
            raise InvalidRecord("The check refused this slice, so no model answers it. Analyse it again to overrule.")
        if answer.model in {opinion.model for opinion in (known.prediction, *known.opinions)}:
            raise InvalidRecord(f"The answer of {answer.model} is stored already.")
        position = 2 + len(known.opinions)
        session.add(PredictionRow(**row.model_dump(), study_id=key_of(study), image=known.number, position=position))
        audit.record(session, actor, Action.STUDY_PREDICT, f"study {study.public_id}{of_image(known.number)}")
        session.flush()
        return view_of(session, study)

    with noting_refusals(store.engine, actor, Action.STUDY_PREDICT, public_id):
        return write(store.engine, work)
