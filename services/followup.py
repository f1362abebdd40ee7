"""What becomes of a stored study: more images, a review, a release, another model, an earlier study beside it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from services.analysis import Analysis, all_different, file_stem, image_stem, new_images, reported
from services.errors import InvalidRecord, ModelNotFound
from services.imaging.overlay import at_most, to_png
from services.imaging.prepare import prepare
from services.inference.leading import leading
from services.inference.prediction import Prediction
from services.records.extending import extend_study
from services.records.opinions import save_opinion
from services.records.parts import File, check_count
from services.records.reviews import NewReview, label_of, save_release, save_review
from services.records.rights import Action, Actor, require
from services.records.tables import Decision, ReleaseCreate, ReviewCreate
from services.records.views import StudyView
from services.reopening import Reopened, reopen, reopen_all
from services.reports import content
from services.reports.evidence import evidence_of
from services.reports.report import build_report
from services.tasks import get_task
from services.workflow import Workbench, patient_details

LONGEST_PICTURE = 1600


def add_images(
    bench: Workbench,
    actor: Actor,
    public_id: uuid.UUID | str,
    analyses: Sequence[Analysis],
    *,
    same_person: bool = False,
) -> StudyView:
    """Store further images in a study that is not released, and the report again with all of them.

    A review that is in force was made without them: it is superseded, and the study awaits another. ``same_person`` is
    the answer to the warning that a file's header contradicts the patient. Raises FalxError with a sentence.
    """
    require(actor, Action.STUDY_EXTEND)
    stored = reopen_all(bench, actor, public_id)
    view = stored[0].view
    check_count(len(stored) + len(analyses))
    all_different([*(each.slice for each in stored), *(analysis.slice for analysis in analyses)])
    despite = bench.contradicted(analyses, view.patient, same_person=same_person)
    first, stem = len(stored) + 1, file_stem(view.study_date, view.public_id)
    images = new_images(analyses, stem, first=first, limits=bench.limits)
    printed = [reported(analysis, number) for number, analysis in enumerate(analyses, start=first)]
    report = build_report(_content(bench, view, [*map(_reported_again, stored), *printed]))
    return extend_study(
        bench.store, actor, public_id, view.task, images, _amended(view, report), seen=len(stored), despite=despite
    )


def review(
    bench: Workbench, actor: Actor, public_id: uuid.UUID | str, review: ReviewCreate, *, seen: int | None = None
) -> StudyView:
    """Store a doctor's review, and the report again with what it says.

    ``seen`` is how many images the study had when the doctor looked at it, None for as many as it has. Raises FalxError
    with a sentence.
    """
    require(actor, Action.STUDY_REVIEW)
    stored = reopen_all(bench, actor, public_id)
    view, new = stored[0].view, NewReview(review, len(stored) if seen is None else seen)
    details = content.ReviewDetails(
        reviewer=actor.full_name,
        created=new.created,
        agrees=review.decision is Decision.AGREE,
        label=label_of(view, review),
        reason=review.reason,
        earlier=len(view.reviews),
    )
    report = build_report(_content(bench, view, list(map(_reported_again, stored)), details))
    return save_review(bench.store, actor, public_id, new, _amended(view, report))


def release(
    bench: Workbench, actor: Actor, public_id: uuid.UUID | str, release: ReleaseCreate, reviewed: datetime
) -> StudyView:
    """Let the patient read the study as it was reviewed at ``reviewed``, with the slices as they may see them.

    The pictures are drawn now, so that what the patient opens is what was released, and never an uploaded file. Raises
    FalxError with a sentence.
    """
    require(actor, Action.STUDY_RELEASE)
    pictures = {}
    for stored in reopen_all(bench, actor, public_id):
        stem = image_stem(file_stem(stored.view.study_date, stored.view.public_id), stored.image.number)
        picture = to_png(at_most(stored.slice.pixels, LONGEST_PICTURE))
        pictures[stored.image.number] = (picture, "image/png", f"{stem}.png")
    return save_release(bench.store, actor, public_id, release, reviewed, pictures)


def ask_again(
    bench: Workbench, actor: Actor, public_id: uuid.UUID | str, network: str, *, image: int | None = None
) -> StudyView:
    """Store the answer of another network that serves beside an image's own, the leading image's without a number.

    Raises FalxError with a sentence.
    """
    require(actor, Action.STUDY_PREDICT)
    stored = reopen(bench, actor, public_id, image)
    task = get_task(stored.view.task)
    answer = bench.engine.answer(prepare(stored.slice.pixels, task.preparation), task, network)
    return save_opinion(bench.store, actor, public_id, answer.prediction, image=stored.image.number)


def side_by_side(one: StudyView, other: StudyView) -> tuple[StudyView, StudyView]:
    """Two studies of one patient, the earlier first. Raises InvalidRecord."""
    first, second = sorted((one, other), key=lambda view: (view.study_date, view.created))
    if first.patient.public_id != second.patient.public_id:
        raise InvalidRecord("These studies are of two patients. Choose two studies of one patient.")
    return first, second


def _reported_again(stored: Reopened) -> content.ImageDetails:
    image = stored.image
    return content.ImageDetails(
        number=image.number,
        image=stored.slice,
        prediction=image.prediction,
        heat=stored.heat,
        gate_reasons=image.gate_reasons,
        overruled=bool(image.overrule_reason),
    )


def _amended(view: StudyView, report: bytes) -> File:
    name = f"{file_stem(view.study_date, view.public_id)}-amended-{len(view.reports)}.pdf"
    return report, "application/pdf", name


def _content(
    bench: Workbench,
    view: StudyView,
    images: Sequence[content.ImageDetails],
    review: content.ReviewDetails | None = None,
) -> content.ReportContent:
    task = get_task(view.task)
    lead = images[leading(task, [image.prediction for image in images])]
    return content.ReportContent(
        task=task,
        patient=patient_details(view.patient),
        study=content.StudyDetails(
            identifier=str(view.public_id),
            created=view.created,
            date=view.study_date,
            description=view.description,
            notes=view.notes,
            reader=view.reader,
        ),
        lead=lead,
        further=tuple(image for image in images if image is not lead),
        evidence=_stored_evidence(bench, lead.prediction),
        review=review,
        demo=bench.demo,
    )


def _stored_evidence(bench: Workbench, prediction: Prediction | None) -> content.ModelEvidence | None:
    """None also for a version that has left the model repository since it answered."""
    if prediction is None:
        return None
    try:
        return evidence_of(bench.engine.repository, prediction)
    except ModelNotFound:
        return None
