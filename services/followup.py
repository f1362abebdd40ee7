"""What becomes of a stored study: reviewed, released, put to another model, held beside an earlier one."""

from __future__ import annotations

import uuid
from datetime import datetime

from services.errors import InvalidRecord, ModelNotFound
from services.imaging.overlay import at_most, to_png
from services.imaging.prepare import prepare
from services.inference.prediction import Prediction
from services.records.opinions import save_opinion
from services.records.reviews import NewReview, label_of, save_release, save_review
from services.records.rights import Action, Actor, require
from services.records.tables import Decision, ReleaseCreate, ReviewCreate
from services.records.views import StudyView
from services.reopening import Reopened, reopen
from services.reports import content
from services.reports.evidence import evidence_of
from services.reports.report import build_report
from services.tasks import get_task
from services.workflow import Workbench, file_stem, patient_details

LONGEST_PICTURE = 1600


def review(bench: Workbench, actor: Actor, public_id: uuid.UUID | str, review: ReviewCreate) -> StudyView:
    """Store a doctor's review, and the report again with what it says. Raises FalxError with a sentence."""
    require(actor, Action.STUDY_REVIEW)
    stored, new = reopen(bench, actor, public_id), NewReview(review)
    view = stored.view
    details = content.ReviewDetails(
        reviewer=actor.full_name,
        created=new.created,
        agrees=review.decision is Decision.AGREE,
        label=label_of(view, review),
        reason=review.reason,
        earlier=len(view.reviews),
    )
    report = build_report(_amended_content(bench, stored, details))
    name = f"{file_stem(view.study_date, view.public_id)}-amended-{len(view.reports)}.pdf"
    return save_review(bench.store, actor, public_id, new, (report, "application/pdf", name))


def release(
    bench: Workbench, actor: Actor, public_id: uuid.UUID | str, release: ReleaseCreate, reviewed: datetime
) -> StudyView:
    """Let the patient read the study as it was reviewed at ``reviewed``, with the slice as they may see it.

    The picture is drawn now, so that what the patient opens is what was released, and never the uploaded file.
    Raises FalxError with a sentence.
    """
    require(actor, Action.STUDY_RELEASE)
    stored = reopen(bench, actor, public_id)
    name = f"{file_stem(stored.view.study_date, stored.view.public_id)}.png"
    picture = to_png(at_most(stored.slice.pixels, LONGEST_PICTURE))
    return save_release(bench.store, actor, public_id, release, reviewed, (picture, "image/png", name))


def ask_again(bench: Workbench, actor: Actor, public_id: uuid.UUID | str, network: str) -> StudyView:
    """Store the answer of another network that serves beside the study's own. Raises FalxError with a sentence."""
    require(actor, Action.STUDY_PREDICT)
    stored = reopen(bench, actor, public_id)
    task = get_task(stored.view.task)
    answer = bench.engine.answer(prepare(stored.slice.pixels, task.preparation), task, network)
    return save_opinion(bench.store, actor, public_id, answer.prediction)


def side_by_side(
    bench: Workbench, actor: Actor, one: uuid.UUID | str, other: uuid.UUID | str
) -> tuple[Reopened, Reopened]:
    """Two studies of one patient, the earlier first. Raises FalxError with a sentence."""
    first, second = sorted(
        (reopen(bench, actor, one), reopen(bench, actor, other)),
        key=lambda stored: (stored.view.study_date, stored.view.created),
    )
    if first.view.patient.public_id != second.view.patient.public_id:
        raise InvalidRecord("These studies are of two patients. Choose two studies of one patient.")
    return first, second


def _amended_content(bench: Workbench, stored: Reopened, review: content.ReviewDetails) -> content.ReportContent:
    view = stored.view
    return content.ReportContent(
        task=get_task(view.task),
        patient=patient_details(view.patient),
        study=content.StudyDetails(
            identifier=str(view.public_id),
            created=view.created,
            date=view.study_date,
            description=view.description,
            notes=view.notes,
            reader=view.reader,
        ),
        image=stored.slice,
        prediction=view.prediction,
        heat=stored.heat,
        gate_reasons=view.gate_reasons,
        overruled=bool(view.overrule_reason),
        evidence=_stored_evidence(bench, view.prediction),
        review=review,
        demo=bench.demo,
    )


def _stored_evidence(bench: Workbench, prediction: Prediction | None) -> content.ModelEvidence | None:
    """None also for a version that has left the model repository since it answered."""
    if prediction is None:
        return None
    try:
        return evidence_of(bench.engine.repository.card(prediction.model))
    except ModelNotFound:
        return None
