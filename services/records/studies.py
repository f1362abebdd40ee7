"""Studies: saved whole or not at all, and shown to those who may see them.

Saving is one transaction around two stores, in this order: files are written under random names and flushed; the rows
are inserted, visible to nobody yet; the files are renamed to their digests; the rows are committed. A process killed
before the commit leaves no row, and at most files that nothing names, which a sweep removes. A row that is visible has
all its files, because they had their names before it was committed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlmodel import Session, col, select

from services.errors import InvalidRecord, NotFound, Unavailable
from services.inference.prediction import ModelRef, Opinion, Prediction, Verdict
from services.records import audit
from services.records.columns import new_public_id, now
from services.records.database import key_of, reading, write
from services.records.patients import find_or_make
from services.records.rights import Action, Actor, confirm, no_such_study, require, visible_studies
from services.records.store import Store
from services.records.tables import (
    FileCreate,
    FilePublic,
    Outcome,
    Patient,
    PatientCreate,
    PatientPublic,
    PredictionCreate,
    PredictionRow,
    Study,
    StudyCreate,
    StudyFile,
    User,
)
from services.tasks import TASKS

UPLOAD, HEAT_MAP, OUTLINE, REPORT = "upload", "heat_map", "outline", "report"


@dataclass(frozen=True, eq=False)
class NewStudy:
    """Everything about a study that is to be stored.

    ``files`` are (content, media type, name) by kind; "upload" must be among them. ``prediction`` is None exactly where
    the gate refused and nobody overruled it. ``public_id`` and ``created`` are chosen here, so that a report can print
    them before it is stored; a study that was stored once is refused a second time.
    """

    patient: PatientCreate
    study: StudyCreate
    prediction: Prediction | None
    files: Mapping[str, tuple[bytes, str, str]]
    heat_map_method: str = ""
    heat_map_layer: str = ""
    public_id: uuid.UUID = field(default_factory=new_public_id)
    created: datetime = field(default_factory=now)


@dataclass(frozen=True)
class StudyView:
    """A stored study with all that belongs to it but the files' contents; ``reader`` is who made it."""

    public_id: uuid.UUID
    created: datetime
    reader: str
    patient: PatientPublic
    task: str
    study_date: date
    description: str
    notes: str
    format: str
    frame: int
    frames: int
    modality: str | None
    gate_accepted: bool
    gate_reasons: tuple[str, ...]
    overrule_reason: str
    prediction: Prediction | None
    heat_map_method: str
    heat_map_layer: str
    files: Mapping[str, FilePublic]

    @property
    def verdict(self) -> Verdict:
        """The prediction's, and REFUSED where there is none."""
        return self.prediction.verdict if self.prediction else Verdict.REFUSED


def save_study(store: Store, actor: Actor, new: NewStudy) -> StudyView:
    """Store a study with its patient, answer and files, all of it or nothing.

    A patient with the same hospital identifier is used again. Raises NotAllowed; InvalidRecord where something
    contradicts itself or what is stored; Unavailable where database or vault fail.
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
            patient = find_or_make(session, actor, new.patient)
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
            session.flush()
            view = _view(session, study)
            batch.publish()
            return view

        return write(store.engine, work)


def get_study(store: Store, actor: Actor, public_id: uuid.UUID | str) -> StudyView:
    """One study, and a note in the trail that it was looked at. Raises NotAllowed, NotFound."""

    def work(session: Session) -> StudyView:
        study = _find(session, actor, Action.STUDY_VIEW, public_id)
        audit.record(session, actor, Action.STUDY_VIEW, f"study {study.public_id}")
        return _view(session, study)

    with _noting_refusals(store, actor, Action.STUDY_VIEW, public_id):
        return write(store.engine, work)


def read_file(store: Store, actor: Actor, public_id: uuid.UUID | str, kind: str) -> bytes:
    """The verified content of a study's file, and a note in the trail that it was read.

    Raises NotAllowed; NotFound for the study or the kind; Unavailable where the file is missing or damaged.
    """

    with _noting_refusals(store, actor, Action.FILE_READ, public_id), reading(store.engine) as session:
        study = _find(session, actor, Action.FILE_READ, public_id)
        files = session.exec(select(StudyFile).where(StudyFile.study_id == study.id)).all()
        file = next((file for file in files if file.kind == kind), None)
        if file is None:
            raise NotFound(f"This study has no {kind.replace('_', ' ')}. Open the study to see what it has.")
    what = f"study {study.public_id} {kind}"
    try:
        content = store.vault.read(file.sha256)
    except Unavailable:
        write(store.engine, lambda session: audit.record(session, actor, Action.FILE_READ, what, Outcome.FAILED))
        raise
    write(store.engine, lambda session: audit.record(session, actor, Action.FILE_READ, what))
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
        heat_map_method=new.heat_map_method,
        heat_map_layer=new.heat_map_layer,
        second_opinion=_as_row(answer.second) if answer.second else None,
    )


def _as_row(second: Opinion) -> tuple[str | float, ...]:
    model = second.model
    return model.task, model.network, model.version, second.label, second.confidence, float(second.agrees)


def _as_opinion(row: tuple[str | float, ...]) -> Opinion:
    task, network, version, label, confidence, agrees = row
    return Opinion(ModelRef(str(task), str(network), str(version)), str(label), float(confidence), bool(agrees))


def _check_whole(new: NewStudy) -> None:
    if UPLOAD not in new.files:
        raise InvalidRecord("A study needs the uploaded file: upload it again.")
    empty = [kind for kind, (content, _, _) in new.files.items() if not content]
    if empty:
        raise InvalidRecord(f"The file for {', '.join(empty).replace('_', ' ')} is empty: make it again.")
    if (new.study.study_date - (new.patient.birth_date or new.study.study_date)).days < 0:
        raise InvalidRecord("The study date lies before the patient's birth: check both.")


def _as_uuid(public_id: uuid.UUID | str) -> uuid.UUID | None:
    if isinstance(public_id, uuid.UUID):
        return public_id
    try:
        return uuid.UUID(public_id)
    except ValueError:
        return None


def _find(session: Session, actor: Actor, action: Action, public_id: uuid.UUID | str) -> Study:
    require(actor, action)
    confirm(session, actor)
    wanted = _as_uuid(public_id)
    study = session.exec(select(Study).where(Study.public_id == wanted, visible_studies(actor, action))).first()
    if study is None:
        raise no_such_study()
    return study


@contextmanager
def _noting_refusals(store: Store, actor: Actor, action: Action, public_id: uuid.UUID | str) -> Iterator[None]:
    try:
        yield
    except NotFound:
        what = f"study {_as_uuid(public_id) or 'unreadable'}"
        write(store.engine, lambda session: audit.record(session, actor, action, what, Outcome.REFUSED))
        raise


def _view(session: Session, study: Study) -> StudyView:
    patient = session.get_one(Patient, study.patient_id)
    reader = session.get_one(User, study.reader_id)
    row = session.exec(select(PredictionRow).where(PredictionRow.study_id == study.id)).first()
    files = session.exec(select(StudyFile).where(StudyFile.study_id == study.id).order_by(col(StudyFile.id))).all()
    return StudyView(
        public_id=study.public_id,
        created=study.created,
        reader=reader.full_name,
        patient=PatientPublic.model_validate(patient),
        task=study.task,
        study_date=study.study_date,
        description=study.description,
        notes=study.notes,
        format=study.format,
        frame=study.frame,
        frames=study.frames,
        modality=study.modality,
        gate_accepted=study.gate_accepted,
        gate_reasons=tuple(study.gate_reasons),
        overrule_reason=study.overrule_reason,
        prediction=_prediction(row) if row else None,
        heat_map_method=row.heat_map_method if row else "",
        heat_map_layer=row.heat_map_layer if row else "",
        files={file.kind: FilePublic.model_validate(file) for file in files},
    )


def _prediction(row: PredictionRow) -> Prediction:
    return Prediction(
        model=ModelRef(row.task, row.network, row.version),
        classes=tuple(name for name, _ in row.probabilities),
        probabilities=tuple(share for _, share in row.probabilities),
        label=row.label,
        confidence=row.confidence,
        threshold=row.threshold,
        verdict=row.verdict,
        milliseconds=row.milliseconds,
        second=_as_opinion(row.second_opinion) if row.second_opinion else None,
    )
