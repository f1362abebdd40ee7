"""The path of an upload, from bytes to a finished study. The pages, the batch command and the tests all call it.

bytes ─ decode ─ Slice ─ gate ─ prepare ─ Prepared ─ predict and explain ─ Answer ─ report ─ record
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from services.analysis import Analysis, Upload, all_different, file_stem, new_images, one_patient, reported
from services.errors import FalxError, InvalidRecord, NotPreparable
from services.imaging.decode import decode
from services.imaging.gate import GateDecision, check
from services.imaging.lettering import with_text_noted
from services.imaging.limits import DEFAULT_LIMITS, Limits
from services.imaging.prepare import prepare
from services.imaging.slice import Slice
from services.inference.engine import Engine
from services.inference.leading import leading
from services.inference.repository import ModelRepository
from services.inference.second_opinion import second_opinion
from services.records import audit
from services.records.columns import new_public_id
from services.records.parts import check_count
from services.records.patients import ChosenPatient, choose_patient, contradictions, patient_to_save
from services.records.rights import Action, Actor, require
from services.records.store import Store, open_store
from services.records.studies import NewStudy, save_study
from services.records.tables import Outcome, PatientBase, PatientCreate, StudyCreate
from services.records.views import REPORT, StudyView
from services.reports import content
from services.reports.evidence import evidence_of
from services.reports.report import build_report
from services.settings import Settings
from services.tasks import get_task
from services.tasks.task import Task


def look(
    engine: Engine,
    upload: Upload,
    *,
    task_key: str,
    network: str | None = None,
    frame: int | None = None,
    overrule_reason: str = "",
    limits: Limits = DEFAULT_LIMITS,
) -> Analysis:
    """Decode, check, prepare, predict and explain one upload; nothing is stored.

    A refusal by the gate is an answer, not an error; with an ``overrule_reason`` the model is asked all the same.
    Raises FalxError with a sentence for everything that is wrong with the file or the model.
    """
    task = get_task(task_key)
    image = decode(upload.data, frame=frame, limits=limits)
    return examine(engine, upload, image, task, network=network, overrule_reason=overrule_reason)


def examine(
    engine: Engine,
    upload: Upload,
    image: Slice,
    task: Task,
    *,
    network: str | None = None,
    overrule_reason: str = "",
) -> Analysis:
    """``look`` for a frame of the upload that is decoded already."""
    gate = check(image, task)
    if not gate.accepted and not overrule_reason:
        return Analysis(upload, task, image, gate, "", None, None)
    try:
        prepared = prepare(image.pixels, task.preparation)
    except NotPreparable as error:
        gate = GateDecision(False, (*gate.reasons, str(error)))
        if not overrule_reason:
            return Analysis(upload, task, image, gate, "", None, None)
        prepared = prepare(image.pixels, task.preparation, whole=True)
    # Whether the model knows such pictures comes with its answer, which nobody sees where it does not.
    answer = engine.answer(prepared, task, network)
    if answer.strange:
        gate = GateDecision(False, (*gate.reasons, answer.strange))
    if not gate.accepted and not overrule_reason:
        return Analysis(upload, task, image, gate, "", None, None, answer.prediction.model)
    second = second_opinion(engine, image.pixels, task, answer.prediction)
    answer = replace(answer, prediction=replace(answer.prediction, second=second))
    return Analysis(upload, task, image, gate, "" if gate.accepted else overrule_reason, prepared, answer)


def limits_of(settings: Settings) -> Limits:
    """What these settings let a file be at most."""
    return Limits(
        max_bytes=settings.max_upload_mb * 2**20,
        max_pixels=int(settings.max_megapixels * 1e6),
        max_frames=settings.max_frames,
    )


@dataclass(frozen=True)
class Details:
    """What the person typed or chose beside the image; what was typed is checked when it is made.

    ``same_person`` is the answer to the warning that the file's header contradicts the patient.
    """

    patient: PatientCreate | ChosenPatient
    study_date: date
    description: str = ""
    notes: str = ""
    same_person: bool = False


@dataclass(frozen=True, eq=False)
class Workbench:
    """All that the path needs, opened once a process and shared by its sessions and threads."""

    engine: Engine
    store: Store
    limits: Limits
    demo: bool

    @classmethod
    def open(cls, settings: Settings) -> Workbench:
        """Compose the parts as the settings say; no model is loaded and no connection made yet."""
        engine = Engine(ModelRepository(settings.models_dir))
        return cls(engine, open_store(settings), limits_of(settings), settings.demo)

    def analyse(
        self,
        actor: Actor,
        upload: Upload,
        *,
        task_key: str,
        network: str | None = None,
        frame: int | None = None,
        overrule_reason: str = "",
    ) -> Analysis:
        """Look at an upload on behalf of someone who may save studies, and note in the trail that they asked.

        The trail names the upload by the beginning of its SHA-256. Raises FalxError with a sentence.
        """
        require(actor, Action.STUDY_SAVE)
        what = _named(upload)
        try:
            analysis = look(
                self.engine, upload, task_key=task_key, network=network, frame=frame, overrule_reason=overrule_reason,
                limits=self.limits,
            )  # fmt: skip
        except FalxError:
            audit.note(self.store.engine, actor, audit.PREDICTION, what, Outcome.FAILED)
            raise
        analysis = replace(analysis, slice=with_text_noted(analysis.slice))
        answer = analysis.prediction
        if analysis.overrule_reason:
            audit.note(self.store.engine, actor, audit.OVERRULE, what)
        outcome = Outcome.REFUSED if answer is None else Outcome.DONE
        asked = answer.model if answer else analysis.refused_by
        audit.note(self.store.engine, actor, audit.PREDICTION, f"{what} {asked}" if asked else what, outcome)
        return analysis

    def save(self, actor: Actor, analyses: Sequence[Analysis], details: Details) -> StudyView:
        """Render the report and store the whole study with all its images, all of it or nothing.

        The uploads are stored without what names anybody beside their pictures, and under names that nobody gave them.
        Raises FalxError with a sentence.
        """
        require(actor, Action.STUDY_SAVE)
        patient, despite = self._patient(actor, analyses, details, patient_to_save)
        new = self._new_study(analyses, details, despite)
        report = build_report(self._report_content(actor, analyses, new, patient))
        name = f"{file_stem(new.study.study_date, new.public_id)}.pdf"
        return save_study(self.store, actor, replace(new, files={REPORT: (report, "application/pdf", name)}))

    def report(self, actor: Actor, analyses: Sequence[Analysis], details: Details) -> bytes:
        """The PDF of images that are not stored. Raises FalxError with a sentence."""
        require(actor, Action.STUDY_SAVE)
        patient, _ = self._patient(actor, analyses, details, choose_patient)
        new = self._new_study(analyses, details, ())
        report = build_report(self._report_content(actor, analyses, new, patient))
        for analysis in analyses:
            audit.note(self.store.engine, actor, audit.REPORT, _named(analysis.upload))
        return report

    def contradicted(self, analyses: Sequence[Analysis], patient: PatientBase, *, same_person: bool) -> tuple[str, ...]:
        """In what the files' headers contradict the patient.

        Raises InvalidRecord where they do and nobody said that it is the same person.
        """
        found = dict.fromkeys(each for analysis in analyses for each in contradictions(analysis.slice.patient, patient))
        if found and not same_person:
            raise InvalidRecord(
                f"The file's header has another {' and '.join(found)} than the patient. Correct the patient or choose "
                "another, or confirm that it is the same person."
            )
        return tuple(found)

    def _patient(
        self,
        actor: Actor,
        analyses: Sequence[Analysis],
        details: Details,
        chosen: Callable[[Store, Actor, uuid.UUID], PatientBase],
    ) -> tuple[PatientBase, tuple[str, ...]]:
        """Who is typed or chosen, and in what the files' headers contradict that."""
        patient: PatientBase
        if isinstance(details.patient, ChosenPatient):
            patient = chosen(self.store, actor, details.patient.public_id)
        else:
            one_patient([analysis.slice.patient for analysis in analyses])
            patient = details.patient
        return patient, self.contradicted(analyses, patient, same_person=details.same_person)

    def _new_study(self, analyses: Sequence[Analysis], details: Details, despite: tuple[str, ...]) -> NewStudy:
        check_count(len(analyses))
        all_different([analysis.slice for analysis in analyses])
        public_id = new_public_id()
        return NewStudy(
            patient=details.patient,
            study=StudyCreate(
                task=analyses[0].task.key,
                study_date=details.study_date,
                description=details.description,
                notes=details.notes,
            ),
            images=new_images(analyses, file_stem(details.study_date, public_id), limits=self.limits),
            files={},
            despite=despite,
            public_id=public_id,
        )

    def _report_content(
        self, actor: Actor, analyses: Sequence[Analysis], new: NewStudy, patient: PatientBase
    ) -> content.ReportContent:
        images = tuple(reported(analysis, number) for number, analysis in enumerate(analyses, start=1))
        lead = images[leading(analyses[0].task, [analysis.prediction for analysis in analyses])]
        prediction = lead.prediction
        return content.ReportContent(
            task=analyses[0].task,
            patient=patient_details(patient),
            study=content.StudyDetails(
                identifier=str(new.public_id),
                created=new.created,
                date=new.study.study_date,
                description=new.study.description,
                notes=new.study.notes,
                reader=actor.full_name,
            ),
            lead=lead,
            further=tuple(image for image in images if image is not lead),
            evidence=evidence_of(self.engine.repository, prediction) if prediction else None,
            demo=self.demo,
        )


def _named(upload: Upload) -> str:
    """An upload as the trail names it; the hash of a stored file that had nothing to be taken out begins alike."""
    return f"upload {hashlib.sha256(upload.data).hexdigest()[:16]}"


def patient_details(patient: PatientBase) -> content.PatientDetails:
    """The patient as a report prints them."""
    return content.PatientDetails(patient.name, patient.identifier or "", patient.birth_date, patient.sex.value)
