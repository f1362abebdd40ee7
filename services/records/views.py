"""A stored study as those see it who may."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from services.errors import NotFound
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
    StudyImage,
    User,
)

UPLOAD, HEAT_MAP, OUTLINE, REPORT, PICTURE = "upload", "heat_map", "outline", "report", "picture"


@dataclass(frozen=True)
class ImageView:
    """An image of a stored study; ``number`` counts from 1 in the order in which the images came.

    ``prediction`` is None where the check refused it; ``opinions`` are the answers of other models, asked later.
    ``files`` are those in force. ``added_by`` is the full name of who added it, at ``created``.
    """

    number: int
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
    opinions: tuple[Prediction, ...]
    files: Mapping[str, FilePublic]
    added_by: str
    created: datetime

    @property
    def verdict(self) -> Verdict:
        """The prediction's, and REFUSED where there is none."""
        return self.prediction.verdict if self.prediction else Verdict.REFUSED


@dataclass(frozen=True)
class StudyView:
    """A stored study with all that belongs to it but the files' contents; ``reader`` is who made it.

    ``images`` stand in the order of their numbers; ``lead`` is the one whose answer is the study's, by the rule of
    services.inference.leading. ``reviews`` and ``releases`` stand in their order, ``reports`` are every version.
    """

    public_id: uuid.UUID
    created: datetime
    reader: str
    patient: PatientPublic
    task: str
    study_date: date
    description: str
    notes: str
    images: tuple[ImageView, ...]
    lead: ImageView
    state: State
    reports: tuple[FilePublic, ...] = ()
    reviews: tuple[ReviewPublic, ...] = ()
    releases: tuple[ReleasePublic, ...] = ()

    @property
    def prediction(self) -> Prediction | None:
        """The leading image's answer."""
        return self.lead.prediction

    @property
    def verdict(self) -> Verdict:
        """The leading image's."""
        return self.lead.verdict

    @property
    def files(self) -> Mapping[str, FilePublic]:
        """Those in force of the leading image and of the study as a whole."""
        return {**self.lead.files, **{report.kind: report for report in self.reports}}

    def image(self, number: int | None) -> ImageView:
        """The image of that number, the leading one for None. Raises NotFound."""
        found = self.lead if number is None else next((one for one in self.images if one.number == number), None)
        if found is None:
            raise NotFound(f"This study has no image {number}. Open the study to see which it has.")
        return found

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
    stored = session.exec(
        select(StudyFile).where(StudyFile.study_id == study.id).order_by(col(StudyFile.version), col(StudyFile.id))
    ).all()
    files = [FilePublic.model_validate(file) for file in stored]
    images = _images(session, study, files)
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
        images=images,
        lead=next(image for image in images if image.number == study.leading_image),
        state=study.state,
        reports=tuple(file for file in files if file.kind == REPORT),
        reviews=tuple(ReviewPublic(**review.model_dump(), reviewer=name) for review, name in reviews),
        releases=tuple(ReleasePublic(**release.model_dump(), released_by=name) for release, name in releases),
    )


def _images(session: Session, study: Study, files: Sequence[FilePublic]) -> tuple[ImageView, ...]:
    answers = session.exec(
        select(PredictionRow).where(PredictionRow.study_id == study.id).order_by(col(PredictionRow.position))
    ).all()
    found = session.exec(
        select(StudyImage, User.full_name)
        .join(User, col(User.id) == col(StudyImage.added_by_id))
        .where(StudyImage.study_id == study.id)
        .order_by(col(StudyImage.number))
    ).all()
    images = []
    for image, added_by in found:
        rows = [answer for answer in answers if answer.image == image.number]
        own = next((answer for answer in rows if answer.position == 1), None)
        images.append(
            ImageView(
                number=image.number,
                format=image.format,
                frame=image.frame,
                frames=image.frames,
                modality=image.modality,
                gate_accepted=image.gate_accepted,
                gate_reasons=tuple(image.gate_reasons),
                overrule_reason=image.overrule_reason,
                prediction=_prediction(own) if own else None,
                heat_map_method=own.heat_map_method if own else "",
                heat_map_layer=own.heat_map_layer if own else "",
                opinions=tuple(_prediction(answer) for answer in rows if answer.position > 1),
                files={file.kind: file for file in files if file.image == image.number},
                added_by=added_by,
                created=image.created,
            )
        )
    return tuple(images)


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
