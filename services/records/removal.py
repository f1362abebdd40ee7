"""Deleting studies: first out of everybody's sight, with a reason; after the retention time for good."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import delete
from sqlmodel import Session, col, select

from services.errors import NotFound
from services.records import audit
from services.records.columns import now
from services.records.database import reading, write
from services.records.lookup import as_uuid, noting_refusals, one_study
from services.records.rights import Action, Actor, require
from services.records.store import Store
from services.records.tables import PredictionRow, ReasonCreate, Release, Review, Study, StudyFile, StudyImage

# What belongs to a study, each by its study_id; an answer before the image that it is about.
PARTS = (Release, Review, PredictionRow, StudyImage, StudyFile)
PURGED_AT_ONCE = 200


def delete_study(store: Store, actor: Actor, public_id: uuid.UUID | str, reason: ReasonCreate) -> None:
    """Take a study out of everybody's sight until it is restored or purged. Raises NotAllowed, NotFound."""
    require(actor, Action.STUDY_DELETE)

    def work(session: Session) -> None:
        study = one_study(session, actor, Action.STUDY_DELETE, public_id, locked=True)
        study.deleted, study.deleted_by_id, study.deletion_reason = now(), actor.user_id, reason.reason
        audit.record(session, actor, Action.STUDY_DELETE, f"study {study.public_id}")

    with noting_refusals(store.engine, actor, Action.STUDY_DELETE, public_id):
        write(store.engine, work)


def restore_study(store: Store, actor: Actor, public_id: uuid.UUID | str) -> None:
    """Bring a deleted study back as it was. Raises NotAllowed, NotFound."""
    require(actor, Action.STUDY_DELETE)

    def work(session: Session) -> None:
        study = one_study(session, actor, Action.STUDY_DELETE, public_id, deleted=True, locked=True)
        _restore(session, actor, study)

    with noting_refusals(store.engine, actor, Action.STUDY_DELETE, public_id):
        write(store.engine, work)


def restore_by_command(store: Store, public_id: uuid.UUID | str) -> None:
    """``restore_study`` for the command line only: who runs it holds the database anyway. Raises NotFound."""

    def work(session: Session) -> None:
        wanted = select(Study).where(Study.public_id == as_uuid(public_id), col(Study.deleted).is_not(None))
        study = session.exec(wanted.with_for_update()).first()
        if study is None:
            raise NotFound("There is no deleted study of that number. The trail names those that were deleted.")
        _restore(session, None, study)

    write(store.engine, work)


def _restore(session: Session, actor: Actor | None, study: Study) -> None:
    study.deleted, study.deleted_by_id, study.deletion_reason = None, None, ""
    audit.record(session, actor, "study.restore", f"study {study.public_id}")


def purge(store: Store, older_than: timedelta) -> int:
    """Remove for good what was deleted longer ago than that, and say how many studies; ``sweep`` removes their files.

    Each study leaves one line in the trail. Patients stay. Raises Unavailable.
    """
    due = select(Study.id).where(col(Study.deleted) < now() - older_than).order_by(col(Study.deleted))

    def work(session: Session) -> int:
        studies = session.exec(select(Study).where(col(Study.id).in_(chosen)).with_for_update()).all()
        # One that was restored meanwhile stays.
        gone = [study for study in studies if study.deleted is not None]
        ids = [study.id for study in gone]
        for part in PARTS:
            session.connection().execute(delete(part).where(col(part.study_id).in_(ids)))
        for study in gone:
            audit.record(session, None, "study.purge", f"study {study.public_id}")
            session.delete(study)
        return len(gone)

    purged = 0
    while True:
        with reading(store.engine) as session:
            chosen = session.exec(due.limit(PURGED_AT_ONCE)).all()
        if not chosen:
            return purged
        purged += write(store.engine, work)
