"""The path of an upload, from bytes to a finished study. The pages, the batch command and the tests all call it.

bytes ─ decode ─ Slice ─ gate ─ prepare ─ Prepared ─ predict and explain ─ Answer ─ report ─ record
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

import numpy as np

from services.errors import FalxError, InvalidRecord, NotPreparable
from services.imaging.decode import decode, without_identity
from services.imaging.gate import GateDecision, check
from services.imaging.lettering import with_text_noted
from services.imaging.limits import DEFAULT_LIMITS, Limits
from services.imaging.overlay import to_png
from services.imaging.prepare import Prepared, prepare
from services.imaging.slice import Slice
from services.inference.engine import Engine
from services.inference.prediction import Answer, HeatMap, Outline, Prediction
from services.inference.repository import ModelRepository
from services.inference.second_opinion import second_opinion
from services.records import audit
from services.records.patients import ChosenPatient, choose_patient, contradictions
from services.records.rights import Action, Actor, require
from services.records.store import Store, open_store
from services.records.studies import NewStudy, save_study
from services.records.tables import Outcome, PatientBase, PatientCreate, StudyCreate
from services.records.views import HEAT_MAP, OUTLINE, REPORT, UPLOAD, StudyView
from services.reports import content
from services.reports.evidence import evidence_of
from services.reports.report import build_report
from services.settings import Settings
from services.tasks import get_task
from services.tasks.task import Task

MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {"PNG": "image/png", "JPEG": "image/jpeg", "DICOM": "application/dicom"}
)
SUFFIXES: Mapping[str, str] = MappingProxyType({"PNG": ".png", "JPEG": ".jpg", "DICOM": ".dcm"})


@dataclass(frozen=True, eq=False)
class Upload:
    """A file as it came: its bytes and the name it had, which is shown and never trusted."""

    data: bytes
    name: str


@dataclass(frozen=True, eq=False)
class Analysis:
    """What became of one upload. ``prepared`` and ``answer`` are None where the gate refused."""

    upload: Upload
    task: Task
    slice: Slice
    gate: GateDecision
    overrule_reason: str
    prepared: Prepared | None
    answer: Answer | None

    @property
    def prediction(self) -> Prediction | None:
        """The calibrated answer."""
        return self.answer.prediction if self.answer else None

    @property
    def heat(self) -> HeatMap | None:
        """The heat map of the answer."""
        return self.answer.heat if self.answer else None

    @property
    def outline(self) -> Outline | None:
        """The estimated outline, also None where the model has learnt none."""
        return self.answer.outline if self.answer else None


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
        return Analysis(upload, task, image, gate, "", None, None)
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
        audit.note(self.store.engine, actor, audit.PREDICTION, f"{what} {answer.model}" if answer else what, outcome)
        return analysis

    def save(self, actor: Actor, analysis: Analysis, details: Details) -> StudyView:
        """Render the report and store the whole study, all of it or nothing. Raises FalxError with a sentence.

        The upload is stored without what names anybody beside its picture, and under a name that nobody gave it.
        """
        require(actor, Action.STUDY_SAVE)
        patient, despite = self._patient(actor, analysis, details)
        new = _new_study(analysis, details)
        report = build_report(self._report_content(actor, analysis, new, patient))
        stem = file_stem(new.study.study_date, new.public_id)
        files = {**new.files, REPORT: (report, "application/pdf", f"{stem}.pdf")}
        form = analysis.slice.format
        clean = without_identity(analysis.upload.data, analysis.slice, limits=self.limits)
        files[UPLOAD] = (clean, MEDIA_TYPES[form], f"{stem}{SUFFIXES[form]}")
        if analysis.heat is not None:
            files[HEAT_MAP] = (to_png(analysis.heat.values), "image/png", f"{stem}-heat-map.png")
        if analysis.outline is not None:
            files[OUTLINE] = (to_png(analysis.outline.inside.astype(np.float32)), "image/png", f"{stem}-outline.png")
        return save_study(self.store, actor, replace(new, files=files, despite=despite))

    def report(self, actor: Actor, analysis: Analysis, details: Details) -> bytes:
        """The PDF of an analysis that is not stored. Raises FalxError with a sentence."""
        require(actor, Action.STUDY_SAVE)
        patient, _ = self._patient(actor, analysis, details)
        report = build_report(self._report_content(actor, analysis, _new_study(analysis, details), patient))
        audit.note(self.store.engine, actor, audit.REPORT, _named(analysis.upload))
        return report

    def _patient(self, actor: Actor, analysis: Analysis, details: Details) -> tuple[PatientBase, tuple[str, ...]]:
        """Who is typed or chosen, and in what the file's header contradicts that.

        Raises InvalidRecord where it does and nobody said that it is the same person.
        """
        patient: PatientBase
        if isinstance(details.patient, ChosenPatient):
            patient = choose_patient(self.store, actor, details.patient.public_id)
        else:
            patient = details.patient
        found = contradictions(analysis.slice.patient, patient)
        if found and not details.same_person:
            raise InvalidRecord(
                f"The file's header has another {' and '.join(found)} than the patient. Correct the patient or choose "
                "another, or confirm that it is the same person."
            )
        return patient, found

    def _report_content(
        self, actor: Actor, analysis: Analysis, new: NewStudy, patient: PatientBase
    ) -> content.ReportContent:
        prediction = analysis.prediction
        return content.ReportContent(
            task=analysis.task,
            patient=patient_details(patient),
            study=content.StudyDetails(
                identifier=str(new.public_id),
                created=new.created,
                date=new.study.study_date,
                description=new.study.description,
                notes=new.study.notes,
                reader=actor.full_name,
            ),
            image=analysis.slice,
            prediction=prediction,
            heat=analysis.heat,
            gate_reasons=analysis.gate.reasons,
            overruled=bool(analysis.overrule_reason),
            evidence=evidence_of(self.engine.repository.card(prediction.model)) if prediction else None,
            demo=self.demo,
        )


def _named(upload: Upload) -> str:
    """An upload as the trail names it; the hash of a stored file that had nothing to be taken out begins alike."""
    return f"upload {hashlib.sha256(upload.data).hexdigest()[:16]}"


def patient_details(patient: PatientBase) -> content.PatientDetails:
    """The patient as a report prints them."""
    return content.PatientDetails(patient.name, patient.identifier or "", patient.birth_date, patient.sex.value)


def file_stem(study_date: date, public_id: uuid.UUID) -> str:
    """How the files of a study begin; it names nobody."""
    return f"falx-{study_date:%Y%m%d}-{str(public_id)[:8]}"


def _new_study(analysis: Analysis, details: Details) -> NewStudy:
    image, gate = analysis.slice, analysis.gate
    return NewStudy(
        patient=details.patient,
        study=StudyCreate(
            task=analysis.task.key,
            study_date=details.study_date,
            description=details.description,
            notes=details.notes,
            format=image.format,
            frame=image.frame,
            frames=image.frames,
            modality=image.modality,
            gate_accepted=gate.accepted,
            gate_reasons=gate.reasons,
            overrule_reason=analysis.overrule_reason,
        ),
        prediction=analysis.prediction,
        files={UPLOAD: (analysis.upload.data, MEDIA_TYPES[image.format], analysis.upload.name)},
        heat_map_method=analysis.heat.method if analysis.heat else "",
        heat_map_layer=analysis.heat.layer if analysis.heat else "",
    )
