"""A doctor reviews a study, releases it to the patient, and may take the release back.

Nothing is overwritten: a later review supersedes an earlier one and withdraws what had been released on the strength of
it; withdrawn releases keep their note and say why.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session, col, select

from services.errors import InvalidRecord
from services.inference.prediction import Verdict
from services.records import audit
from services.records.columns import now
from services.records.database import key_of, write
from services.records.lookup import noting_refusals, one_study
from services.records.parts import File, add_files, stage_files
from services.records.rights import Action, Actor, require
from services.records.store import Store
from services.records.tables import (
    WHOLE,
    Decision,
    ReasonCreate,
    Release,
    ReleaseCreate,
    Review,
    ReviewCreate,
    State,
    Study,
)
from services.records.vault import Batch
from services.records.views import PICTURE, REPORT, StudyView, view_of
from services.tasks import get_task
from services.tasks.task import INDETERMINATE, OTHER

AMENDED = "The review was amended."


@dataclass(frozen=True)
class NewReview:
    """A review to be stored; ``created`` is chosen here, so that the report can print it before it is stored.

    ``images`` is how many of the study's the reviewer has seen; None takes it for all.
    """

    review: ReviewCreate
    images: int | None = None
    created: datetime = field(default_factory=now)


def said_by_the_model(view: StudyView) -> str:
    """The class that the study's own model names, and INDETERMINATE where it is uncertain or was not asked."""
    return view.prediction.label if view.prediction and view.verdict is Verdict.ANSWERED else INDETERMINATE


def label_of(view: StudyView, review: ReviewCreate) -> str:
    """The finding that a review comes to: a class, OTHER or INDETERMINATE.

    Who agrees with an uncertain or refused answer says that the slice does not tell. Raises InvalidRecord for a finding
    that is none of the task's, and for an override that says what the model says.
    """
    said = said_by_the_model(view)
    if review.decision is Decision.AGREE:
        return said
    if review.label not in (*get_task(view.task).class_keys, OTHER, INDETERMINATE):
        raise InvalidRecord("This finding is none that the task knows. Choose one of the list.")
    if review.label == said:
        raise InvalidRecord("That is what the model says. Agree with it, or choose another finding.")
    return review.label


def save_review(store: Store, actor: Actor, public_id: uuid.UUID | str, new: NewReview, report: File) -> StudyView:
    """Store a review with the ``report`` (content, media type, name) that carries it; earlier ones are kept.

    A release that rested on an earlier review is withdrawn. Raises NotAllowed, NotFound, InvalidRecord, Unavailable.
    """
    require(actor, Action.STUDY_REVIEW)
    with noting_refusals(store.engine, actor, Action.STUDY_REVIEW, public_id), store.vault.saving() as batch:
        staged = stage_files(batch, {REPORT: report})

        def work(session: Session) -> StudyView:
            study = one_study(session, actor, Action.STUDY_REVIEW, public_id, locked=True)
            view = view_of(session, study)
            if new.images is not None and new.images != len(view.images):
                raise InvalidRecord("An image was added to the study meanwhile. Look at it, then review the study.")
            label = label_of(view, new.review)
            supersede(session, study, new.created)
            _withdraw(session, actor, study, AMENDED, new.created)
            session.add(
                Review(
                    **new.review.model_dump() | {"label": label},
                    study_id=key_of(study),
                    reviewer_id=actor.user_id,
                    created=new.created,
                )
            )
            study.state = State.REVIEWED
            add_files(session, study, WHOLE, staged, new.created)
            audit.record(session, actor, Action.STUDY_REVIEW, f"study {study.public_id}")
            return _stored(session, study, batch)

        return write(store.engine, work)


def save_release(
    store: Store,
    actor: Actor,
    public_id: uuid.UUID | str,
    new: ReleaseCreate,
    reviewed: datetime,
    pictures: Mapping[int, File],
) -> StudyView:
    """Let the patient read the study, with a note and the ``pictures`` that they see, by number of the image.

    It must have been reviewed. ``reviewed`` is when the review was made that the actor saw: one that came meanwhile has
    to be read first. Raises NotAllowed, NotFound, InvalidRecord, Unavailable.
    """
    require(actor, Action.STUDY_RELEASE)
    with noting_refusals(store.engine, actor, Action.STUDY_RELEASE, public_id), store.vault.saving() as batch:
        staged = {number: stage_files(batch, {PICTURE: picture}) for number, picture in pictures.items()}

        def work(session: Session) -> StudyView:
            study = one_study(session, actor, Action.STUDY_RELEASE, public_id, locked=True)
            review = session.exec(
                select(Review).where(Review.study_id == study.id, col(Review.superseded).is_(None))
            ).first()
            if review is None:
                raise InvalidRecord("Nobody has reviewed this study. Review it before you release it.")
            if review.created != reviewed:
                raise InvalidRecord("The study was reviewed again meanwhile. Read the new review, then release it.")
            moment = now()
            _withdraw(session, actor, study, "Released again with another note.", moment)
            session.add(
                Release(**new.model_dump(), study_id=key_of(study), released_by_id=actor.user_id, created=moment)
            )
            study.state = State.RELEASED
            for number, files in staged.items():
                add_files(session, study, number, files, moment)
            audit.record(session, actor, Action.STUDY_RELEASE, f"study {study.public_id}")
            return _stored(session, study, batch)

        return write(store.engine, work)


def withdraw_release(store: Store, actor: Actor, public_id: uuid.UUID | str, withdrawal: ReasonCreate) -> StudyView:
    """Take a release back; the patient sees the study no longer. Raises NotAllowed, NotFound, InvalidRecord."""
    require(actor, Action.STUDY_RELEASE)

    def work(session: Session) -> StudyView:
        study = one_study(session, actor, Action.STUDY_RELEASE, public_id, locked=True)
        if study.state is not State.RELEASED:
            raise InvalidRecord("This study is not released, so there is nothing to withdraw.")
        _withdraw(session, actor, study, withdrawal.reason, now())
        study.state = State.REVIEWED
        session.flush()
        return view_of(session, study)

    with noting_refusals(store.engine, actor, Action.STUDY_RELEASE, public_id):
        return write(store.engine, work)


def _withdraw(session: Session, actor: Actor, study: Study, reason: str, moment: datetime) -> None:
    for release in session.exec(
        select(Release).where(Release.study_id == study.id, col(Release.withdrawn).is_(None))
    ).all():
        release.withdrawn, release.withdrawn_by_id, release.withdrawal_reason = moment, actor.user_id, reason
        audit.record(session, actor, "study.withdraw", f"study {study.public_id}")


def supersede(session: Session, study: Study, moment: datetime) -> None:
    """Let no review of the study be in force any more."""
    for earlier in session.exec(
        select(Review).where(Review.study_id == study.id, col(Review.superseded).is_(None))
    ).all():
        earlier.superseded = moment


def _stored(session: Session, study: Study, batch: Batch) -> StudyView:
    session.flush()
    view = view_of(session, study)
    batch.publish()
    return view
