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
from services.inference.leading import leading
from services.records import audit
from services.records.columns import new_public_id, now
from services.records.database import key_of, reading, write
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
from services.records.patient_records import noting_guesses
from services.records.patients import ChosenPatient, patient_of_study
from services.records.rights import Action, Actor, confirm, readable, require
from services.records.store import Store
from services.records.tables import WHOLE, Outcome, PatientCreate, Study, StudyCreate, StudyFile
from services.records.views import StudyView, view_of


@dataclass(frozen=True, eq=False)
class NewStudy:
    """Everything about a study that is to be stored; its ``images`` get their numbers in their order.

    ``files`` are those of the study as a whole, (content, media type, name) by kind. ``public_id`` and ``created`` are
    chosen here, so that a report can print them before it is stored; a study that was stored once is refused a second
    time. ``despite`` are the details in which a file's header contradicts the patient, who was confirmed all the same;
    the trail keeps them.
    """

    patient: PatientCreate | ChosenPatient
    study: StudyCreate
    images: tuple[NewImage, ...]
    files: Mapping[str, File]
    despite: tuple[str, ...] = ()
    public_id: uuid.UUID = field(default_factory=new_public_id)
    created: datetime = field(default_factory=now)


def save_study(store: Store, actor: Actor, new: NewStudy) -> StudyView:
    """Store a study with its patient, images, answers and files, all of it or nothing.

    A patient with the same hospital identifier is used again. Raises NotAllowed, NotFound; InvalidRecord where
    something contradicts itself or what is stored; Unavailable where database or vault fail.
    """
    require(actor, Action.STUDY_SAVE)
    task = task_of(new.study.task)
    check_count(len(new.images))
    with store.vault.saving() as batch:
        images, whole = stage_images(batch, task, new.images), stage_files(batch, new.files)

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
                leading_image=1 + leading(task, [image.prediction for image in new.images]),
            )
            session.add(study)
            session.flush()
            add_files(session, study, WHOLE, whole, new.created)
            audit.record(session, actor, Action.STUDY_SAVE, f"study {study.public_id}")
            add_images(session, actor, study, images, 1, new.created)
            if new.despite:
                what = f"study {study.public_id} despite {', '.join(new.despite)}"
                audit.record(session, actor, "patient.confirm", what)
            session.flush()
            view = view_of(session, study)
            batch.publish()
            return view

        with noting_guesses(store.engine, actor):
            return write(store.engine, work)


def get_study(store: Store, actor: Actor, public_id: uuid.UUID | str, *, again: bool = False) -> StudyView:
    """One study as it stands now, and a note in the trail that it was looked at. Raises NotAllowed, NotFound.

    ``again`` says that the look was noted moments ago: a page that is drawn anew at every click notes it once.
    """

    def work(session: Session) -> StudyView:
        study = one_study(session, actor, Action.STUDY_VIEW, public_id)
        if not again:
            audit.record(session, actor, Action.STUDY_VIEW, f"study {study.public_id}")
        return view_of(session, study)

    with noting_refusals(store.engine, actor, Action.STUDY_VIEW, public_id):
        if not again:
            return write(store.engine, work)
        with reading(store.engine) as session:
            return work(session)


def read_file(
    store: Store,
    actor: Actor,
    public_id: uuid.UUID | str,
    kind: str,
    version: int | None = None,
    *,
    image: int | None = None,
) -> bytes:
    """The verified content of a study's file, and a note in the trail that it was read.

    Without a ``version`` it is the one in force; of an image's file it is that of the image of that number, the leading
    one's without. Raises NotAllowed; NotFound for the study, the kind, the image or the version; Unavailable where the
    file is missing or damaged.
    """

    with noting_refusals(store.engine, actor, Action.FILE_READ, public_id), reading(store.engine) as session:
        study = one_study(session, actor, Action.FILE_READ, public_id)
        number = study.leading_image if image is None else image
        # A kind is either the images' or the whole study's.
        asked = select(StudyFile).where(
            StudyFile.study_id == study.id, StudyFile.kind == kind, col(StudyFile.image).in_((WHOLE, number))
        )
        newest = session.exec(asked.order_by(col(StudyFile.version).desc())).first()
        file = newest if version is None else session.exec(asked.where(StudyFile.version == version)).first()
        if file is None or not readable(actor, kind, earlier=file is not newest):
            raise NotFound(f"This study has no {kind.replace('_', ' ')}. Open the study to see what it has.")
    what = f"study {study.public_id} {kind}{of_image(file.image)}"
    try:
        content = store.vault.read(file.sha256)
    except Unavailable:
        audit.note(store.engine, actor, Action.FILE_READ, what, Outcome.FAILED)
        raise
    audit.note(store.engine, actor, Action.FILE_READ, what)
    return content
