"""A stored study as those see it who may."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from services.inference.prediction import ModelRef, Opinion, Prediction, Verdict
from services.records.tables import (
    FilePublic,
    Patient,
    PatientPublic,
    PredictionRow,
    Release,
    ReleasePublic,
    Review,
    ReviewPublic,
    State,
    Study,
    StudyFile,
    User,
)

UPLOAD, HEAT_MAP, OUTLINE, REPORT, PICTURE = "upload", "heat_map", "outline", "report", "picture"


@dataclass(frozen=True)
class StudyView:
    """A stored study with all that belongs to it but the files' contents; ``reader`` is who made it.

    ``opinions`` are the answers of other models, asked later. ``reviews`` and ``releases`` stand in their order;
    ``files`` are those in force, ``reports`` every version of the report.
    """

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
    state: State
    opinions: tuple[Prediction, ...] = ()
    reports: tuple[FilePublic, ...] = ()
    reviews: tuple[ReviewPublic, ...] = ()
    releases: tuple[ReleasePublic, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The prediction's, and REFUSED where there is none."""
        return self.prediction.verdict if self.prediction else Verdict.REFUSED

    @property
    def review(self) -> ReviewPublic | None:
        """The review in force."""
        return next((review for review in self.reviews if review.superseded is None), None)

    @property
    def release(self) -> ReleasePublic | None:
        """The release in force."""
        return next((release for release in self.releases if release.withdrawn is None), None)


def view_of(session: Session, study: Study) -> StudyView:
    """The study as it stands in the running transaction."""
    patient = session.get_one(Patient, study.patient_id)
    reader = session.get_one(User, study.reader_id)
    answers = session.exec(
        select(PredictionRow).where(PredictionRow.study_id == study.id).order_by(col(PredictionRow.position))
    ).all()
    row = next((answer for answer in answers if answer.position == 1), None)
    stored = session.exec(
        select(StudyFile).where(StudyFile.study_id == study.id).order_by(col(StudyFile.version), col(StudyFile.id))
    ).all()
    files = [FilePublic.model_validate(file) for file in stored]
    reviews = session.exec(
        select(Review, User.full_name)
        .join(User, col(User.id) == col(Review.reviewer_id))
        .where(Review.study_id == study.id)
        .order_by(col(Review.id))
    ).all()
    releases = session.exec(
        select(Release, User.full_name)
        .join(User, col(User.id) == col(Release.released_by_id))
        .where(Release.study_id == study.id)
        .order_by(col(Release.id))
    ).all()
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
        files={file.kind: file for file in files},
        state=study.state,
        opinions=tuple(_prediction(answer) for answer in answers if answer.position > 1),
        reports=tuple(file for file in files if file.kind == REPORT),
        reviews=tuple(ReviewPublic(**review.model_dump(), reviewer=name) for review, name in reviews),
        releases=tuple(ReleasePublic(**release.model_dump(), released_by=name) for release, name in releases),
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


def _as_opinion(row: tuple[str | float, ...]) -> Opinion:
    task, network, version, label, confidence, agrees = row
    return Opinion(ModelRef(str(task), str(network), str(version)), str(label), float(confidence), bool(agrees))
