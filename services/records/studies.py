"""Studies: saved whole or not at all, and shown to those who may see them.

Saving is one transaction around two stores, in this order: files are written under random names and flushed; the rows
are inserted, visible to nobody yet; the files are renamed to their digests; the rows are committed. A process killed
before the commit leaves no row, and at most files that nothing names, which a sweep removes. A row that is visible has
all its files, because they had their names before it was committed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session, col, select

from services.errors import InvalidRecord, NotFound, Unavailable
from services.inference.prediction import Opinion, Prediction
from services.records import audit
from services.records.columns import new_public_id, now
from services.records.database import key_of, reading, write
from services.records.lookup import noting_refusals, one_study
from services.records.patients import ChosenPatient, patient_of_study
from services.records.rights import Action, Actor, confirm, readable, require
from services.records.store import Store
from services.records.tables import (
    FileCreate,
    Outcome,
    PatientCreate,
    PredictionCreate,
    PredictionRow,
    Study,
    StudyCreate,
    StudyFile,
)
from services.records.views import UPLOAD, StudyView, view_of
from services.tasks import TASKS


@dataclass(frozen=True, eq=False)
class NewStudy:
    """Everything about a study that is to be stored.

    ``files`` are (content, media type, name) by kind; "upload" must be among them. ``prediction`` is None exactly where
    the gate refused and nobody overruled it. ``public_id`` and ``created`` are chosen here, so that a report can print
    them before it is stored; a study that was stored once is refused a second time. ``despite`` are the details in
    which the file's header contradicts the patient, who was confirmed all the same; the trail keeps them.
    """

    patient: PatientCreate | ChosenPatient
    study: StudyCreate
    prediction: Prediction | None
    files: Mapping[str, tuple[bytes, str, str]]
    heat_map_method: str = ""
    heat_map_layer: str = ""
    despite: tuple[str, ...] = ()
    public_id: uuid.UUID = field(default_factory=new_public_id)
    created: datetime = field(default_factory=now)


def save_study(store: Store, actor: Actor, new: NewStudy) -> StudyView:
    """Store a study with its patient, answer and files, all of it or nothing.

    A patient with the same hospital identifier is used again. Raises NotAllowed, NotFound; InvalidRecord where
    something contradicts itself or what is stored; Unavailable where database or vault fail.
    """
    require(actor, Action.STUDY_SAVE)
    answer = _checked_answer(new)
    files = {kind: FileCreate(kind=kind, media_type=media, name=name) for kind, (_, media, name) in new.files.items()}
    _check_whole(new)
    with store.vault.saving() as batch:
        digests = {kind: batch.stage(content) for kind, (content, _, _) in new.files.items()}

        def work(session: Session) -> StudyView:
            confirm(session, actor)
            if session.exec(select(Study.id).where(Study.public_id == new.public_id)).first() is not None:
                raise InvalidRecord("This study is stored already. Look for it in the history.")
            patient = patient_of_study(session, actor, new.patient, new.study.study_date)
            study = Study(
                **new.study.model_dump(),
                public_id=new.public_id,
                created=new.created,
                patient_id=key_of(patient),
                reader_id=actor.user_id,
            )
            session.add(study)
            session.flush()
            if answer is not None:
                session.add(PredictionRow(**answer.model_dump(), study_id=key_of(study), created=new.created))
            for kind, file in files.items():
                size = len(new.files[kind][0])
                row = StudyFile(
                    **file.model_dump(), study_id=key_of(study), sha256=digests[kind], size=size, created=new.created
                )
                session.add(row)
            audit.record(session, actor, Action.STUDY_SAVE, f"study {study.public_id}")
            if study.overrule_reason:
                audit.record(session, actor, audit.OVERRULE, f"study {study.public_id}")
            if new.despite:
                what = f"study {study.public_id} despite {', '.join(new.despite)}"
                audit.record(session, actor, "patient.confirm", what)
            session.flush()
            view = view_of(session, study)
            batch.publish()
            return view

        return write(store.engine, work)


def get_study(store: Store, actor: Actor, public_id: uuid.UUID | str) -> StudyView:
    """One study, and a note in the trail that it was looked at. Raises NotAllowed, NotFound."""

    def work(session: Session) -> StudyView:
        study = one_study(session, actor, Action.STUDY_VIEW, public_id)
        audit.record(session, actor, Action.STUDY_VIEW, f"study {study.public_id}")
        return view_of(session, study)

    with noting_refusals(store.engine, actor, Action.STUDY_VIEW, public_id):
        return write(store.engine, work)


def read_file(store: Store, actor: Actor, public_id: uuid.UUID | str, kind: str, version: int | None = None) -> bytes:
    """The verified content of a study's file, and a note in the trail that it was read.

    Without a ``version`` it is the one in force. Raises NotAllowed; NotFound for the study, the kind or the version;
    Unavailable where the file is missing or damaged.
    """

    with noting_refusals(store.engine, actor, Action.FILE_READ, public_id), reading(store.engine) as session:
        study = one_study(session, actor, Action.FILE_READ, public_id)
        asked = select(StudyFile).where(StudyFile.study_id == study.id, StudyFile.kind == kind)
        newest = session.exec(asked.order_by(col(StudyFile.version).desc())).first()
        file = newest if version is None else session.exec(asked.where(StudyFile.version == version)).first()
        if file is None or not readable(actor, kind, earlier=file is not newest):
            raise NotFound(f"This study has no {kind.replace('_', ' ')}. Open the study to see what it has.")
    what = f"study {study.public_id} {kind}"
    try:
        content = store.vault.read(file.sha256)
    except Unavailable:
        audit.note(store.engine, actor, Action.FILE_READ, what, Outcome.FAILED)
        raise
    audit.note(store.engine, actor, Action.FILE_READ, what)
    return content


def _checked_answer(new: NewStudy) -> PredictionCreate | None:
    task, answer = TASKS.get(new.study.task), new.prediction
    if task is None:
        raise InvalidRecord(f"There is no task named “{new.study.task}”: choose one of {', '.join(sorted(TASKS))}.")
    if (answer is None) is (new.study.gate_accepted or bool(new.study.overrule_reason)):
        raise InvalidRecord("A study has an answer unless the slice was refused and not overruled: analyse it again.")
    if answer is None:
        return None
    if answer.model.task != task.key or answer.classes != task.class_keys:
        raise InvalidRecord(f"The answer of {answer.model} is not one to the task “{task.key}”: analyse it again.")
    if len(answer.classes) != len(answer.probabilities):
        raise InvalidRecord("The answer must give one probability a class: analyse it again.")
    return to_be_stored(answer, new.heat_map_method, new.heat_map_layer)


def to_be_stored(answer: Prediction, heat_map_method: str, heat_map_layer: str) -> PredictionCreate:
    """An answer as its row takes it. Raises InvalidRecord where it contradicts itself."""
    return PredictionCreate(
        task=answer.model.task,
        network=answer.model.network,
        version=answer.model.version,
        label=answer.label,
        confidence=answer.confidence,
        threshold=answer.threshold,
        verdict=answer.verdict,
        probabilities=tuple(zip(answer.classes, answer.probabilities, strict=True)),
        milliseconds=answer.milliseconds,
        heat_map_method=heat_map_method,
        heat_map_layer=heat_map_layer,
        second_opinion=_as_row(answer.second) if answer.second else None,
    )


def _as_row(second: Opinion) -> tuple[str | float, ...]:
    model = second.model
    return model.task, model.network, model.version, second.label, second.confidence, float(second.agrees)


def _check_whole(new: NewStudy) -> None:
    if UPLOAD not in new.files:
        raise InvalidRecord("A study needs the uploaded file: upload it again.")
    empty = [kind for kind, (content, _, _) in new.files.items() if not content]
    if empty:
        raise InvalidRecord(f"The file for {', '.join(empty).replace('_', ' ')} is empty: make it again.")
